"""Peak memory of a replay, by size of input: it should not grow with it.

usage: memory.py [--causeway PATH] [--workers N] LOG...

Logs of any size come from `cargo run --release --example generate -- --events N LOG` (1 GB: 385000 events).
"""

import argparse
import os
import pathlib
import subprocess
import tempfile


def peak_bytes(command):
    """Runs a command and gives its peak resident memory and wall time as the kernel counts them."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--causeway", default="target/release/causeway")
    arguments.add_argument("--workers", default="2")
    arguments.add_argument("logs", nargs="+", type=pathlib.Path)
    given = arguments.parse_args()
    for log in given.logs:
        with tempfile.TemporaryDirectory() as folder:
            command = [given.causeway, "replay", "--no-progress", "--workers", given.workers, "--output", f"{folder}/tables", log]
            peak, cpu_secs = peak_bytes(command)
        megabytes = log.stat().st_size / 1e6
        print(f"{log}: {megabytes:,.0f} MB read, peak {peak / 2**20:,.0f} MiB, {cpu_secs:.1f} s of CPU")


main()
