#!/usr/bin/env python3
"""Memory of a whole replay while many contexts are open.

    open_contexts.py --causeway target/release/causeway [--contexts 100000] [--hours 1] [--workers 1]

The sample log (a real control plane, bodies and all) is laid over itself: each copy has users, namespaces, nodes, uids and
audit ids of its own, and begins a little later, so that within an hour of event time, the horizon, as many contexts are open
as are asked for. Requests go to the program's standard input; nothing but the template is held here. Printed: peak memory of
the process, the size of the last checkpoint, events a second.
"""

import argparse
import lzma
import os
import re
import subprocess
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "samples/shop-cluster.jsonl.xz"
CONTEXTS_IN_SAMPLE = 92
HUMANS = rb"alice|bob|carol|eve|kubernetes-admin"
STAGE = b'"stageTimestamp":"'
TOKENS = re.compile(
    rb'(?P<time>(?<=Timestamp":")\d{4}-\d\d-\d\dT[\d:.]+Z(?="[,}]))'
    rb"|(?P<uid>\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b))"
    rb"|(?P<name>\b(?:[a-z]+-[so]\d\d|maintenance-0|worker-\d)\b|(?<=\"username\":\")(?:" + HUMANS + rb")(?=\"))"
)


def moment(text):
    return datetime.fromisoformat(text.decode().replace("Z", "+00:00"))


class Line:
    """A request of the sample, cut where its copies differ."""

    def __init__(self, line):
        self.parts, end = [], 0
        for found in TOKENS.finditer(line):
            self.parts.append((line[end : found.start()], found.lastgroup, found.group()))
            end = found.end()
        self.rest = line[end:]
        stage = line.rindex(STAGE) + len(STAGE)
        self.at = moment(line[stage : line.index(b'"', stage)])

    def copy(self, number, later, out):
        for before, kind, value in self.parts:
            out.append(before)
            if kind == "time":
                out.append((moment(value) + later).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode())
            elif kind == "uid":
                out.append(b"%08x" % number)
            else:
                out.append(b"%s-c%d" % (value, number))
        out.append(self.rest)


def peak_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status if line.startswith("Vm"))
    return int(fields["VmHWM"].split()[0]), int(fields["VmRSS"].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--causeway", required=True, type=lambda text: Path(text).resolve())
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with lzma.open(SAMPLE) as log:
        lines = sorted((Line(line) for line in log if b'"stage":"RequestReceived"' not in line), key=lambda line: line.at)
    first, span = lines[0].at, lines[-1].at - lines[0].at
    hour = timedelta(hours=1)
    step = hour * CONTEXTS_IN_SAMPLE / arguments.contexts
    copies = int(arguments.hours * hour / step) + 1
    under_way = int(span / step) + 1
    slices = [[] for _ in range(under_way)]
    for line in lines:
        slices[int((line.at - first) / step)].append(line)
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.causeway, "replay", "--quiet", "--workers", arguments.workers, "--output", folder, "-"]
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE)
        began, events, shown = time.time(), 0, 0
        print("| event time, min | open contexts, about | events | MiB | peak MiB |\n|--:|--:|--:|--:|--:|", flush=True)
        for number in range(copies + under_way):
            out = []
            for back in range(min(under_way, number + 1)):
                if number - back < copies:
                    for line in slices[back]:
                        line.copy(number - back, (number - back) * step, out)
                    events += len(slices[back])
            process.stdin.write(b"".join(out))
            minutes = int(number * step / timedelta(minutes=10)) * 10
            if minutes > shown:
                shown = minutes
                peak, now = peak_kib(process)
                open_now = min(number, int(hour / step)) * CONTEXTS_IN_SAMPLE
                print(f"| {minutes} | {open_now:,} | {events:,} | {now / 1024:.0f} | {peak / 1024:.0f} |", flush=True)
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit("the replay failed")
        secs = time.time() - began
        state = max((Path(folder) / "_causeway/state").iterdir(), key=lambda file: file.name).stat().st_size
        print(f"\n{events:,} events in {secs:.0f} s, {copies * CONTEXTS_IN_SAMPLE:,} contexts; peak {used.ru_maxrss / 1024:.0f} MiB")
        print(f"last checkpoint {state / 2**20:.1f} MiB")


main()
