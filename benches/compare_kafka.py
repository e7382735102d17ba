#!/usr/bin/env python3
"""From a topic to committed tables: Causeway beside confluent-kafka with DuckDB, on the same topic of the same broker.

    kafka/broker start
    compare_kafka.py --causeway target/release/causeway --brokers 127.0.0.1:19092 LOG.jsonl [--copies 20] [--partitions 6] [--runs 3]

The log is produced `--copies` times, with zstd, in turns over the partitions. Each run reads the topic from its start to its end in
a process of its own, and runs are interleaved. The peer consumes in batches of 5000, lets DuckDB read the JSON with explicit types,
and writes one zstd Parquet file for each 200,000 messages: no order, no lateness, no positions, so less than `causeway run` does
even where its engine is off. Seconds are wall time, CPU seconds and peak memory those of the kernel for the process.
Needs the packages `confluent-kafka` and `duckdb`.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare_duckdb import COLUMNS, EVENT

CONVERT = {
    "CAUSEWAY__CONTEXTS__ENGINE": "off",
    "CAUSEWAY__SESSIONS__ENGINE": "off",
    "CAUSEWAY__FILTER__MODE": "off",
    "CAUSEWAY__FILTER__STAGES": "all",
}
BATCH = 5_000
FILE_MESSAGES = 200_000


def produce(brokers, topic, log, copies, partitions):
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": brokers})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result()
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "compression.type": "zstd",
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "message.max.bytes": 10_485_760,
        }
    )
    lines = [line for line in Path(log).read_bytes().splitlines() if line.strip()]
    for copy in range(copies):
        for number, line in enumerate(lines):
            while True:
                try:
                    producer.produce(topic, line, partition=number % partitions)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    return copies * len(lines), copies * sum(map(len, lines))


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--causeway", default="target/release/causeway")
    parser.add_argument("--brokers", default="127.0.0.1:19092")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peer", metavar="TOPIC", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.brokers, args.peer, args.partitions, args.folder)

    topic = f"bench-{int(time.time())}"
    messages, size = produce(args.brokers, topic, args.log, args.copies, args.partitions)
    causeway = [args.causeway, "-q", "run", "--brokers", args.brokers, "--topic", topic, "--until-end"]
    causeway += ["--workers", str(args.workers), "--set", "stream.idle_after=1h"]
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
