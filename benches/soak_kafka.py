#!/usr/bin/env python3
"""`causeway run` under a steady load: does its memory stay flat, and what does it hold open?

    kafka/broker start
    soak_kafka.py --causeway target/release/causeway --brokers 127.0.0.1:19092 LOG.jsonl [--rate 1000] [--minutes 30] [--speed 8]

The log is produced again and again with new audit ids, `--rate` events a second, its clock `--speed` times as fast as ours: what a
context may be joined by is remembered for an hour of event time, so memory grows for an hour of the log and must be flat after that.
The log's clock begins so far back that it never comes ahead of ours. A line a minute; at the end the change over the second half.
Needs the package `confluent-kafka`.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.request import urlopen

TIME = re.compile(rb'"(requestReceivedTimestamp|stageTimestamp)":"([^"]+)"')
AUDIT_ID = re.compile(rb'"auditID":"([^"]+)"')
LISTEN = "127.0.0.1:19598"


def parsed(lines):
    """Each line as pieces around its times and its audit id, by the time it was written."""
    found = []
    for line in lines:
        times = {m.group(1): datetime.fromisoformat(m.group(2).decode().replace("Z", "+00:00")) for m in TIME.finditer(line)}
        found.append((times[b"stageTimestamp"], line))
    found.sort(key=lambda pair: pair[0])
    return found


def produce(args, topic, log, ended):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": args.brokers, "compression.type": "zstd", "linger.ms": 20, "acks": "all"})
    first, last = log[0][0], log[-1][0]
    span = last - first + timedelta(seconds=1)
    begun = time.monotonic()
    start = datetime.now(timezone.utc) - timedelta(minutes=args.minutes * args.speed + 10)
    # So many events a second of our clock, at `speed` seconds of the log's clock in one: the log is stretched or repeated to fit.
    stretch = args.speed * (len(log) / args.rate) / span.total_seconds()
    sent, turn = 0, 0
    while not ended.is_set():
        ids = {}
        base = start + span * stretch * turn
        for number, (at, line) in enumerate(log):
            while sent > (time.monotonic() - begun) * args.rate:
                if ended.is_set():
                    break
                time.sleep(0.01)

            def moved(match):
                then = datetime.fromisoformat(match.group(2).decode().replace("Z", "+00:00"))
                return b'"%s":"%s"' % (match.group(1), (base + (then - first) * stretch).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode())

            fresh = lambda m: b'"auditID":"%s"' % ids.setdefault(m.group(1), str(uuid.uuid4()).encode())
            producer.produce(topic, AUDIT_ID.sub(fresh, TIME.sub(moved, line)), partition=number % args.partitions)
            sent += 1
            if sent % 100 == 0:
                producer.poll(0)
        turn += 1
    producer.flush()
    return sent


def sample(pid):
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"])


def metrics(names):
    text = urlopen(f"http://{LISTEN}/metrics", timeout=5).read().decode()
    totals = {name: 0.0 for name in names}
    for line in text.splitlines():
        name = re.match(r"([a-z_]+)", line)
        if name and name.group(1) in totals:
            totals[name.group(1)] += float(line.rsplit(" ", 1)[1])
    return [totals[name] for name in names], len(text.splitlines())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--causeway", default="target/release/causeway")
    parser.add_argument("--brokers", default="127.0.0.1:19092")
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=8)
    parser.add_argument("--partitions", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"soak-{int(time.time())}"
    admin = AdminClient({"bootstrap.servers": args.brokers})
    for future in admin.create_topics([NewTopic(topic, args.partitions, 1)]).values():
        future.result()
    log = parsed([line for line in Path(args.log).read_bytes().splitlines() if line.strip()])
    ended, folder = threading.Event(), tempfile.mkdtemp(prefix="soak-")
    producer = threading.Thread(target=produce, args=(args, topic, log, ended))
    producer.start()
    command = [args.causeway, "run", "--brokers", args.brokers, "--topic", topic, "--output", f"{folder}/tables"]
    command += ["--workers", str(args.workers), "--set", f"observe.listen={LISTEN}"]
    process = subprocess.Popen(command, stdout=sys.stderr)
    samples, begun = [], time.monotonic()
    print("| minute | MiB | files | threads | lag, events | state, bytes | metric lines |\n|---|---|---|---|---|---|---|")
    try:
        while (time.monotonic() - begun) / 60 < args.minutes and process.poll() is None:
            time.sleep(min(60, args.minutes * 60 / 10))
            memory, files, threads = sample(process.pid)
            (lag, state), lines = metrics(["kafka_consumer_lag", "state_bytes"])
            minute = (time.monotonic() - begun) / 60
            samples.append((minute, memory, files))
            print(f"| {minute:.1f} | {memory:.0f} | {files} | {threads} | {lag:.0f} | {state:.0f} | {lines} |", flush=True)
    finally:
        ended.set()
        producer.join()
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    half = [s for s in samples if s[0] > samples[-1][0] / 2]
    print(f"second half: {half[-1][1] - half[0][1]:+.1f} MiB, {half[-1][2] - half[0][2]:+d} files in {half[-1][0] - half[0][0]:.0f} min; "
          f"exit code {code}; tables in {folder}/tables")


if __name__ == "__main__":
    main()
