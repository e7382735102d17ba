"""One log in the shapes in which logs come, and with every second line broken: CPU seconds of a conversion, and as a multiple of the plain one.

usage: shapes.py [--causeway PATH] [--runs N] [--copies N] [LOG]

LOG has an event a line (.xz or plain; default: the sample log). Runs are interleaved; of each shape the least counts.
"""

import argparse
import json
import lzma
import os
import pathlib
import subprocess
import tempfile

SAMPLE = pathlib.Path(__file__).parent.parent / "samples/shop-cluster.jsonl.xz"


def broken(lines):
    """Every second line is cut off, no UTF-8, no JSON, wrapped without escapes, or has a number for a text."""
    for number, line in enumerate(lines):
        middle = len(line) // 2
        match number % 10:
            case 1:
                line = line[:middle]
            case 3:
                line = line[:middle] + b"\xff" + line[middle + 1 :]
            case 5:
                line = line[:middle] + b"\0" + line[middle:]
            case 7:
                line = b'{"log":"' + line + b'"}'
            case 9:
                line = line.replace(b'"verb":"', b'"verb":5,"x":"')
        yield line


SHAPES = {
    "plain": lambda lines: lines,
    "wrapped as an object": lambda lines: (b'{"node":"a","kubernetes_audit":' + line + b"}" for line in lines),
    "wrapped as text": lambda lines: (
        json.dumps({"log": line.decode() + "\n", "stream": "stdout"}).encode() for line in lines
    ),
    "lists of 100": lambda lines: (
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[' + b",".join(lines[at : at + 100]) + b"]}"
        for at in range(0, len(lines), 100)
    ),
    "half broken": broken,
}


def cpu_secs(causeway, log):
    """Of a conversion of `log`, its start and commit included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [causeway, "replay", "--no-progress", "--workers", "1", "--contexts", "off", "--filter", "off"]
        process = subprocess.Popen([*command, "--output", f"{folder}/tables", log], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--causeway", default="target/release/causeway")
    arguments.add_argument("--runs", type=int, default=7)
    arguments.add_argument("--copies", type=int, default=20)
    arguments.add_argument("log", nargs="?", type=pathlib.Path, default=SAMPLE)
    given = arguments.parse_args()
    text = (lzma.open(given.log) if given.log.suffix == ".xz" else given.log.open("rb")).read()
    lines = text.splitlines()
    with tempfile.TemporaryDirectory() as folder:
        logs = {name: pathlib.Path(folder) / f"{number}.jsonl" for number, name in enumerate(SHAPES)}
        for name, log in logs.items():
            log.write_bytes(b"".join(line + b"\n" for line in SHAPES[name](lines)) * given.copies)
        runs = [{name: cpu_secs(given.causeway, log) for name, log in logs.items()} for _ in range(given.runs)]
        least = {name: min(run[name] for run in runs) for name in logs}
        for name, log in logs.items():
            ratio = least[name] / least["plain"]
            print(f"{name:21} {log.stat().st_size / 1e6:5.0f} MB {least[name]:6.2f} s of CPU {ratio:5.2f} of plain")


main()
