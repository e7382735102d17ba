"""Drain3 0.9.11 on the cases of `cargo bench --bench drain`: the same lines, the same settings, one thread.

    cargo bench --bench drain > target/drain.txt
    python3 -m venv target/venv && target/venv/bin/pip install drain3==0.9.11
    target/venv/bin/python benches/drain3_peer.py ../shared/data/logs/loghub_2k target/drain.txt

Each case learns LINES lines, the log tiled as often as it takes; the fastest of three runs counts.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "tools"))
from compare_drain3 import HDFS_MASKS, SYSTEMS, format_regex, miner_of, settings

LINES = int(os.environ.get("LINES", "1000000"))
RUNS = int(os.environ.get("RUNS", "3"))


def rate(chosen, contents):
    miner = miner_of(chosen)
    lines = 0
    started = time.perf_counter()
    while lines < LINES:
        for content in contents:
            miner.add_log_message(content)
        lines += len(contents)
    return lines / (time.perf_counter() - started)


def main():
    logs, ours = sys.argv[1], {}
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            ours = dict(line.rstrip("\n").split("\t") for line in file if "\t" in line)
    print("| case | Drain3, lines/s | Causeway, lines/s | ratio |\n|---|---|---|---|")
    for name in ("HDFS", "OpenStack"):
        format_text, masks, sim_th, depth = SYSTEMS[name]
        with open(os.path.join(logs, name, name + "_2k.log"), encoding="utf-8", newline="\n") as file:
            lines = [line.rstrip("\n").removesuffix("\r") for line in file]
        contents = [format_regex(format_text).search(line).group("Content") for line in lines]
        cases = {"no masks": [], "published masks": [(mask, "*") for mask in masks], "seven masks": HDFS_MASKS}
        for label, chosen in cases.items():
            found = max(rate(settings(sim_th=sim_th, depth=depth, masks=chosen), contents) for _ in range(RUNS))
            own = ours.get(f"{name}, {label}")
            ratio = f"{float(own) / found:.1f}" if own else ""
            print(f"| {name}, {label} | {found:.0f} | {own or ''} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
