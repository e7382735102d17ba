#!/usr/bin/env python3
"""From a topic to committed tables: Causeway beside confluent-kafka with DuckDB, on the same topic of the same broker.

    kafka/broker start
    compare_kafka.py --causeway target/release/causeway --brokers 127.0.0.1:19092 LOG.jsonl [--copies 3] [--partitions 6] [--runs 3]
    compare_kafka.py … LOG.jsonl --lag 2000        how long events take at 2,000 a second: from their stage to the commit
    compare_kafka.py … LOG.jsonl --lag half        the same at half of what a run takes at most, which is measured first
    compare_kafka.py … --restart 1000 100000       how long a restart takes with so many open contexts

The log is produced `--copies` times, each later than the one before, with zstd, in turns over the partitions. Each run reads the topic from its start to its end in
a process of its own, and runs are interleaved. The peer consumes in batches of 5000, lets DuckDB read the JSON with explicit types,
and writes one zstd Parquet file for each 200,000 messages: no order, no lateness, no positions, so less than `causeway run` does
even where its engine is off. Seconds are wall time, CPU seconds and peak memory those of the kernel for the process.
Needs the packages `confluent-kafka` and `duckdb`.

Lag: events have the present time; the row's `stage_at` is compared with when the manifest of its commit was written. Every event waits
`stream.allowed_lateness` (set to 1 s here) before it is settled, and then for the next commit (`commit.every`, 1 s).
Restart: so many commands by as many people within an hour, all in open contexts; then one more message, and the time from the start of
`run --until-end` to its exit, commit included, beside the same with one message and no state.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from compare_duckdb import COLUMNS, EVENT
from kafka_load import Clock, fill, lines_of, send, steadily, topic_and_producer

CONVERT = {
    "CAUSEWAY__CONTEXTS__ENGINE": "off",
    "CAUSEWAY__SESSIONS__ENGINE": "off",
    "CAUSEWAY__FILTER__MODE": "off",
    "CAUSEWAY__FILTER__STAGES": "all",
}
BATCH = 5_000
FILE_MESSAGES = 200_000


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def peer(brokers, topic, partitions, folder):
    """One run of the peer; called in a process of its own."""
    import duckdb
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "peer",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,
        }
    )
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in range(partitions)}
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    types = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in EVENT.items()) + "}"
    left, lines, files = sum(ends.values()), [], 0
    while left > 0 or lines:
        messages = consumer.consume(BATCH, timeout=1.0) if left > 0 else []
        lines.extend(m.value() for m in messages if not m.error())
        left -= len(messages)
        if len(lines) >= FILE_MESSAGES or (left <= 0 and lines):
            source = Path(folder) / "batch.jsonl"
            source.write_bytes(b"\n".join(lines))
            duckdb.execute(
                f"COPY (SELECT {COLUMNS} FROM read_json('{source}', format='newline_delimited', columns={types}, "
                f"maximum_object_size=67108864)) TO '{folder}/part-{files}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
            source.unlink()
            lines, files = [], files + 1


def measure(command, env=None):
    begun = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} ended with {status}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(args, topic, *more):
    command = [args.causeway, "-q", "run", "--brokers", args.brokers, "--topic", topic, "--workers", str(args.workers)]
    return command + ["--set", "observe.listen=off", *more]


def lag(args, log):
    """Quantiles of the time from an event's stage to its commit at a steady rate."""
    import duckdb

    most = ""
    if args.lag == "half":
        filled, messages, _ = fill(args.brokers, args.partitions, log, args.copies)
        rates = []
        for _ in range(args.runs):
            with tempfile.TemporaryDirectory(prefix="compare-") as place:
                rates.append(messages / measure(run(args, filled, "--output", f"{place}/tables", "--until-end"))[0])
        rate = statistics.median(rates) / 2
        most = f" (half of {rate * 2:,.0f}, the median of {args.runs} runs over a full topic; load average {os.getloadavg()[0]:.1f})"
    else:
        rate = float(args.lag)
    topic, producer = topic_and_producer(args.brokers, args.partitions)
    folder = Path(tempfile.mkdtemp(prefix="compare-"))
    follows = run(args, topic, "--output", f"{folder}/tables", "--set", "commit.every=1s", "--set", "stream.allowed_lateness=1s")
    process = subprocess.Popen(follows, stdout=subprocess.DEVNULL)
    begun, sent, clock = time.monotonic(), 0, Clock()
    usage = lambda: sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rsplit(")")[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    for sent in steadily(rate, lambda: time.monotonic() - begun > args.secs, begun):
        now_us = time.time_ns() // 1000
        turn, number = divmod(sent, len(log))
        send(producer, topic, log[number].again(turn, lambda _: now_us, clock), sent % args.partitions)
        if sent % 100 == 0:
            producer.poll(0)
    took, cpu = time.monotonic() - begun, usage()
    producer.flush()
    process.terminate()
    process.wait(120)
    rows = []
    for manifest in sorted(folder.glob("tables/_causeway/manifest/*.json")):
        at = manifest.stat().st_mtime
        files = [str(folder / "tables" / file["path"]) for file in json.loads(manifest.read_text())["files"] if file["table"] == "events"]
        # What the end of the run settled waited for nothing.
        if files and at < time.time() - 1:
            found = duckdb.execute(f"SELECT epoch(stage_at) FROM read_parquet({files})").fetchall()
            rows += [at - stage for (stage,) in found if stage > 0]
    rows.sort()
    quantile = lambda share: rows[int(share * (len(rows) - 1))]
    print(f"{sent / took:,.0f} events/s{most}, {cpu / took:.2f} cores: from stage to commit p50 {quantile(0.5):.2f} s, p99 {quantile(0.99):.2f} s, "
          f"largest {rows[-1]:.2f} s, of {len(rows):,} rows (allowed lateness 1 s, a commit each second)")
    shutil.rmtree(folder)


def restart(args, contexts):
    """Seconds from start to end of a run that has one message to read, with so many contexts open."""
    topic, producer = topic_and_producer(args.brokers, args.partitions)
    folder = Path(tempfile.mkdtemp(prefix="compare-"))
    begun = datetime.now(timezone.utc) - timedelta(hours=1)

    def event(number):
        at = text(begun + timedelta(seconds=3000 * number / max(contexts, 1))).decode()
        return json.dumps({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "verb": "create",
            "auditID": f"{number:08x}-0000-4000-8000-000000000000", "requestURI": "/api/v1/namespaces/shop/configmaps",
            "user": {"username": f"person-{number}"}, "sourceIPs": ["10.0.0.1"], "userAgent": "kubectl",
            "objectRef": {"resource": "configmaps", "namespace": "shop", "name": f"c{number}", "apiVersion": "v1"},
            "responseStatus": {"code": 201}, "requestReceivedTimestamp": at, "stageTimestamp": at,
        }).encode()

    command = run(args, topic, "--output", f"{folder}/tables", "--until-end")
    for number in range(contexts):
        send(producer, topic, event(number), number % args.partitions)
    producer.flush()
    measure(command)
    send(producer, topic, event(contexts), 0)
    producer.flush()
    seconds, cpu, peak = measure(command)
    newest = max(folder.glob("tables/_causeway/manifest/*.json"), key=lambda path: int(path.stem))
    state = json.loads(newest.read_text())["state"]["bytes"]
    print(f"| {contexts:,} | {state / 1e6:.1f} | {seconds:.2f} | {cpu:.2f} | {peak:.0f} |", flush=True)
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?")
    parser.add_argument("--causeway", default="target/release/causeway")
    parser.add_argument("--brokers", default="127.0.0.1:19092")
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lag", metavar="RATE")
    parser.add_argument("--secs", type=float, default=60)
    parser.add_argument("--restart", type=int, nargs="+", metavar="CONTEXTS")
    parser.add_argument("--peer", metavar="TOPIC", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.brokers, args.peer, args.partitions, args.folder)
    if args.restart:
        print("| open contexts | state, MB | restart to exit, s | CPU s | peak MiB |\n|--:|--:|--:|--:|--:|")
        for contexts in args.restart:
            restart(args, contexts)
        return
    log = lines_of(args.log)
    if args.lag:
        return lag(args, log)

    topic, messages, size = fill(args.brokers, args.partitions, log, args.copies)
    causeway = run(args, topic, "--until-end", "--set", "stream.idle_after=1h")
    contenders = {
        "causeway, columns only": (causeway, CONVERT),
        "causeway, everything": (causeway, {}),
        "confluent-kafka + DuckDB": ([sys.executable, __file__, args.log, "--brokers", args.brokers, "--peer", topic]
                                     + ["--partitions", str(args.partitions)], None),
    }
    found = {name: [] for name in contenders}
    for _ in range(args.runs):
        for name, (command, env) in contenders.items():
            folder = tempfile.mkdtemp(prefix="compare-")
            place = ["--folder", folder] if env is None else ["--output", f"{folder}/tables"]
            found[name].append(measure(command + place, env))
            shutil.rmtree(folder)
    import confluent_kafka
    import duckdb

    print(f"{messages:,} messages, {size / 1e6:.0f} MB, {args.partitions} partitions; {args.workers} workers; "
          f"{platform.machine()}, {os.cpu_count()} cores; confluent-kafka {confluent_kafka.__version__}, DuckDB {duckdb.__version__}")
    print("| | seconds | events/s | MB/s | CPU s | MB/s a core | peak MiB |\n|---|---|---|---|---|---|---|")
    for name, runs in found.items():
        secs, cpu, peak = (statistics.median(values) for values in zip(*runs))
        print(f"| {name} | {secs:.2f} | {messages / secs:,.0f} | {size / 1e6 / secs:.0f} | {cpu:.2f} | {size / 1e6 / cpu:.0f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
