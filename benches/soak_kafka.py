#!/usr/bin/env python3
"""`causeway run` under a steady load: does its memory stay flat, and what does it hold open?

    kafka/broker start
    soak_kafka.py --causeway target/release/causeway --brokers 127.0.0.1:19092 LOG.jsonl [--rate 1000] [--minutes 30] [--speed 8]
    soak_kafka.py … LOG.jsonl --share 0.8          at 80 % of what a run takes at most, which is measured first

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
from pathlib import Path
from urllib.request import urlopen

from kafka_load import Clock, fill, lines_of, send, steadily, topic_and_producer

LISTEN = "127.0.0.1:19598"


def produce(args, rate, topic, producer, log, ended):
    first_us = log[0].at_us
    span_us = log[-1].at_us - first_us + 1_000_000
    start_us = int((time.time() - (args.minutes * args.speed + 10) * 60) * 1e6)
    # So many events a second of our clock, at `speed` seconds of the log's clock in one: the log is stretched or repeated to fit.
    stretch, clock = args.speed * (len(log) / rate) / (span_us / 1e6), Clock()
    for sent in steadily(rate, ended.is_set, time.monotonic()):
        turn, number = divmod(sent, len(log))
        base_us = start_us + int(span_us * stretch * turn)
        send(producer, topic, log[number].again(turn, lambda at_us: base_us + int((at_us - first_us) * stretch), clock), number % args.partitions)
        if sent % 100 == 0:
            producer.poll(0)
    producer.flush()


def most(args, log):
    """Events a second that a run of the same program takes on this machine now, from a topic that is full."""
    topic, messages, _ = fill(args.brokers, args.partitions, log, args.copies)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        command = [args.causeway, "-q", "run", "--brokers", args.brokers, "--topic", topic, "--output", f"{folder}/tables", "--until-end"]
        begun = time.monotonic()
        subprocess.run(command + ["--workers", str(args.workers), "--set", "observe.listen=off"], check=True, stdout=subprocess.DEVNULL)
        return messages / (time.monotonic() - begun)


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
    parser.add_argument("--share", type=float)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=8)
    parser.add_argument("--partitions", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    log = lines_of(args.log)
    rate = args.rate
    if args.share:
        top = most(args, log)
        rate = args.share * top
        print(f"at most {top:,.0f} events/s; load average {os.getloadavg()[0]:.1f}")
    print(f"{rate:,.0f} events/s for {args.minutes:.0f} min, {args.speed:.0f} times as fast as ours: {args.minutes * args.speed / 60:.1f} h of the log's clock", flush=True)
    topic, producer = topic_and_producer(args.brokers, args.partitions, "soak")
    ended, folder = threading.Event(), tempfile.mkdtemp(prefix="soak-")
    sending = threading.Thread(target=produce, args=(args, rate, topic, producer, log, ended))
    sending.start()
    command = [args.causeway, "run", "--brokers", args.brokers, "--topic", topic, "--output", f"{folder}/tables"]
    command += ["--workers", str(args.workers), "--set", f"observe.listen={LISTEN}"]
    process = subprocess.Popen(command, stdout=sys.stderr)
    samples, begun = [], time.monotonic()
    print("\n| minute | load | MiB | files | threads | lag, events | state, bytes | metric lines |\n|---|---|---|---|---|---|---|---|")
    try:
        while (time.monotonic() - begun) / 60 < args.minutes and process.poll() is None:
            time.sleep(min(60, args.minutes * 60 / 10))
            memory, files, threads = sample(process.pid)
            (lag, state), lines = metrics(["kafka_consumer_lag", "state_bytes"])
            minute = (time.monotonic() - begun) / 60
            samples.append((minute, memory, files))
            print(f"| {minute:.1f} | {os.getloadavg()[0]:.1f} | {memory:.0f} | {files} | {threads} | {lag:.0f} | {state:.0f} | {lines} |", flush=True)
    finally:
        ended.set()
        sending.join()
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    half = [s for s in samples if s[0] > samples[-1][0] / 2]
    print(f"second half: {half[-1][1] - half[0][1]:+.1f} MiB, {half[-1][2] - half[0][2]:+d} files in {half[-1][0] - half[0][0]:.0f} min; "
          f"exit code {code}; tables in {folder}/tables")


if __name__ == "__main__":
    main()
