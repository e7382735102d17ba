#!/usr/bin/env python3
"""Causeway beside DuckDB: the same audit log to the same columns of zstd Parquet, one table of numbers.

    compare_duckdb.py --causeway target/release/causeway LOG.jsonl [--threads 1,2] [--runs 5]

Runs are interleaved (A B C A B C ...), the file is read once before so that it stands in memory, and each run is a
process of its own. DuckDB's seconds are those of its query, without the start of Python. CPU seconds and peak memory
are the kernel's account of the process. Needs the package `duckdb`.
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
from dataclasses import dataclass, field
from pathlib import Path

# What of an event is read, as DuckDB types: explicit, so that it need not look for them.
EVENT = {
    "auditID": "VARCHAR",
    "stage": "VARCHAR",
    "level": "VARCHAR",
    "verb": "VARCHAR",
    "requestURI": "VARCHAR",
    "user": "STRUCT(username VARCHAR, groups VARCHAR[])",
    "impersonatedUser": "STRUCT(username VARCHAR)",
    "sourceIPs": "VARCHAR[]",
    "userAgent": "VARCHAR",
    "objectRef": "STRUCT(apiGroup VARCHAR, apiVersion VARCHAR, resource VARCHAR, subresource VARCHAR, namespace VARCHAR, "
    "name VARCHAR, uid VARCHAR, resourceVersion VARCHAR)",
    "responseStatus": "STRUCT(code USMALLINT, reason VARCHAR)",
    "annotations": 'STRUCT("authorization.k8s.io/decision" VARCHAR, "authorization.k8s.io/reason" VARCHAR)',
    "requestReceivedTimestamp": "TIMESTAMP",
    "stageTimestamp": "TIMESTAMP",
}

# The columns of the table `events` that come from the event alone.
COLUMNS = """
    auditID AS audit_id, stage, level, verb, requestURI AS request_uri,
    "user".username AS "user", "user".groups AS groups, impersonatedUser.username AS impersonated_user,
    sourceIPs[1] AS source_ip, userAgent AS user_agent,
    objectRef.apiGroup AS api_group, objectRef.apiVersion AS api_version, objectRef.resource AS resource,
    objectRef.subresource AS subresource, objectRef.namespace AS namespace, objectRef.name AS name,
    objectRef.uid AS object_uid, objectRef.resourceVersion AS resource_version,
    responseStatus.code AS status_code, responseStatus.reason AS status_reason,
    annotations."authorization.k8s.io/decision" AS decision, annotations."authorization.k8s.io/reason" AS decision_reason,
    requestReceivedTimestamp AS received_at, stageTimestamp AS stage_at,
    date_diff('microsecond', requestReceivedTimestamp, stageTimestamp) AS latency_us
"""

# Causeway's two modes, by the environment that overrides its configuration.
CONVERT = {
    "CAUSEWAY__CONTEXTS__ENGINE": "off",
    "CAUSEWAY__SESSIONS__ENGINE": "off",
    "CAUSEWAY__FILTER__MODE": "off",
    "CAUSEWAY__FILTER__STAGES": "all",
}
FULL = {}


def duckdb_child(source: str, target: str, threads: int) -> None:
    """One conversion by DuckDB, in a process of its own."""
    import duckdb

    started = time.perf_counter()
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in EVENT.items())
    con = duckdb.connect(config={"threads": threads})
    con.execute("SET preserve_insertion_order = false")
    con.execute(
        f"COPY (SELECT {COLUMNS} FROM read_json(?, format = 'newline_delimited', columns = {{{types}}}, "
        "maximum_object_size = 67108864)) TO '" + target.replace("'", "''") + "' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
        [source],
    )
    print(time.perf_counter() - started)


@dataclass
class Contender:
    """One way to convert the log, and how its runs went."""

    name: str
    threads: int
    command: list
    environment: dict
    wall: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    peak_mib: float = 0.0
    rows: int = -1
    out_mib: float = 0.0

    def run(self, scratch: Path) -> None:
        target = scratch / "out"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        command = [part.replace("{OUT}", str(target)) for part in self.command]
        started = time.perf_counter()
        with open(scratch / "log", "wb") as log:
            child = subprocess.Popen(command, env={**os.environ, **self.environment}, stdout=log, stderr=log)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            text = (scratch / "log").read_text(errors="replace")
            sys.exit(f"{self.name}: exit code {child.returncode} of {' '.join(command)}\n{text[-2000:]}")
        wall = time.perf_counter() - started
        # DuckDB's own seconds: the start of Python is not its fault. Causeway's include its start.
        self.wall.append(float((scratch / "log").read_text()) if self.name == "DuckDB" else wall)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss / 1024)
        files = [path for path in target.rglob("*.parquet")]
        self.out_mib = sum(path.stat().st_size for path in files) / 2**20
        if self.rows < 0:
            self.rows = count_rows(target)


def count_rows(target: Path) -> int:
    """Rows of events written, counted by DuckDB in a process of its own, so that this one stays small."""
    events = target / "events" if (target / "events").is_dir() else target
    code = "import duckdb, sys; print(duckdb.sql(f\"SELECT count(*) FROM read_parquet('{sys.argv[1]}')\").fetchall()[0][0])"
    run = subprocess.run([sys.executable, "-c", code, f"{events}/**/*.parquet"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{events}: the rows cannot be counted\n{run.stderr[-2000:]}")
    return int(run.stdout)


def contenders(arguments: argparse.Namespace) -> list:
    found = []
    for threads in arguments.threads:
        duck = [sys.executable, str(Path(__file__).resolve()), "--child", "{OUT}/out.parquet", str(threads), arguments.log]
        found.append(Contender("DuckDB", threads, duck, {}))
        if arguments.causeway:
            for name, mode in (("Causeway, convert", CONVERT), ("Causeway, full", FULL)):
                command = [arguments.causeway, "replay", "--output", "{OUT}", arguments.log]
                found.append(Contender(name, threads, command, {**mode, "CAUSEWAY__RUN__WORKERS": str(threads)}))
    return found


def version(command: list) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def report(found: list, arguments: argparse.Namespace) -> None:
    size_mb = Path(arguments.log).stat().st_size / 1e6
    duck = version([sys.executable, "-c", "import duckdb; print(duckdb.__version__)"])
    print(f"Log: {size_mb:.0f} MB of JSON lines. Median of {arguments.runs} interleaved runs.")
    print(f"Machine: {cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}.")
    print(f"DuckDB {duck}; {version([arguments.causeway, '--version']) if arguments.causeway else 'no Causeway given'}.\n")
    print("| | threads | seconds (least–most) | MB/s | × DuckDB | CPU s | peak MiB | rows | Parquet MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    peer = {c.threads: statistics.median(c.wall) for c in found if c.name == "DuckDB"}
    for c in found:
        wall = statistics.median(c.wall)
        print(
            f"| {c.name} | {c.threads} | {wall:.2f} ({min(c.wall):.2f}–{max(c.wall):.2f}) | {size_mb / wall:.0f} | {peer[c.threads] / wall:.2f} "
            f"| {statistics.median(c.cpu):.2f} | {c.peak_mib:.0f} | {c.rows} | {c.out_mib:.1f} |"
        )


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        target, threads, source = sys.argv[2:]
        return duckdb_child(source, target, int(threads))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", metavar="LOG", help="a log as `cargo run --release --example generate` makes it")
    parser.add_argument("--causeway", metavar="PATH", help="the binary; without it DuckDB runs alone")
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(n) for n in text.split(",")], help="default 1,2")
    parser.add_argument("--runs", default=5, type=int, help="runs of each (default 5)")
    arguments = parser.parse_args()
    with open(arguments.log, "rb") as log:
        while log.read(1 << 20):
            pass
    found = contenders(arguments)
    with tempfile.TemporaryDirectory(dir=Path(arguments.log).resolve().parent) as scratch:
        for _ in range(arguments.runs):
            for contender in found:
                contender.run(Path(scratch))
    report(found, arguments)


if __name__ == "__main__":
    main()
