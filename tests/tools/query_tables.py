"""Queries the tables with DuckDB and with Polars and prints, as JSON, what both agree on. Exits with 1 where they don't.

usage: query_tables.py DIR
"""

import json
import sys

import duckdb
import polars as pl

GROUPS = {
    "events": [["verb", "resource", "status_code"], ["context_role"], ["class", "late"], ["cluster", "date"], ["user"]],
    "contexts": [["label_text"], ["background"], ["user", "outcome"], ["cluster", "date"]],
    "sessions": [["user", "user_agent"], ["cluster", "date"]],
    "filtered": [["rule", "class"], ["cluster", "date"]],
    "rejects": [["reason", "json_path"], ["cluster"]],
}
# The column whose day is the partition `date`.
DATE_OF = {"events": "received_at", "contexts": "start_at", "sessions": "start_at", "filtered": "minute"}


def fail(what):
    print(what, file=sys.stderr)
    sys.exit(1)


def rows_of(answer):
    return sorted([[None if value is None else str(value) for value in row] for row in answer], key=str)


def query(root, table):
    glob = f"{root}/{table}/**/*.parquet"
    frame = pl.scan_parquet(glob, hive_partitioning=True)
    # Found without being told, too.
    if duckdb.sql(f"SELECT count(*) FROM '{glob}'").fetchall()[0][0] != frame.select(pl.len()).collect().item():
        fail(f"{table}: DuckDB and Polars count differently")
    duckdb.sql(f"CREATE OR REPLACE VIEW {table} AS FROM read_parquet('{glob}', hive_partitioning = true)")

    amount = "count" if table == "filtered" else None
    groups = {}
    for keys in GROUPS[table]:
        names = ", ".join(f'"{key}"' for key in keys)
        total = f'sum("{amount}")::BIGINT' if amount else "count(*)"
        by_duckdb = rows_of(duckdb.sql(f"SELECT {names}, {total} FROM {table} GROUP BY ALL").fetchall())
        polars_total = pl.col(amount).sum() if amount else pl.len().cast(pl.Int64).alias("rows")
        by_polars = rows_of(frame.group_by(keys).agg(polars_total).collect().rows())
        if by_duckdb != by_polars:
            fail(f"{table} by {keys}:\nDuckDB {by_duckdb}\nPolars {by_polars}")
        groups[",".join(keys)] = by_duckdb
    check_times(table, frame)
    return {"rows": frame.select(pl.len()).collect().item(), "groups": groups}


def check_times(table, frame):
    for name, kind in frame.collect_schema().items():
        if isinstance(kind, pl.Datetime) and (kind.time_unit, kind.time_zone) != ("us", "UTC"):
            fail(f"{table}.{name} is {kind}, not microseconds in UTC")
    for name, kind in duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall():
        if kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE":
            fail(f"{table}.{name} is {kind} in DuckDB")
    if table not in DATE_OF:
        return
    column = DATE_OF[table]
    wrong = frame.filter(pl.col(column).dt.date() != pl.col("date").cast(pl.Date)).select(pl.len()).collect().item()
    if wrong:
        fail(f"{table}: {wrong} rows lie in the folder of another day than {column} in UTC")


def check_joins():
    """Contexts and sessions say how many events they have."""
    wrong = duckdb.sql("""
        SELECT c.context_id, any_value(c.events) AS said, count(e.audit_id) AS found
        FROM contexts c LEFT JOIN events e USING (cluster, context_id)
        WHERE c.background IS NULL GROUP BY ALL HAVING said <> found""").fetchall()
    if wrong:
        fail(f"contexts that count other events than there are: {wrong[:5]}")
    wrong = duckdb.sql("""
        SELECT e.context_id FROM events e ANTI JOIN contexts c USING (cluster, context_id)
        WHERE e.context_id IS NOT NULL""").fetchall()
    if wrong:
        fail(f"events of contexts that are no rows: {wrong[:5]}")
    wrong = duckdb.sql("""
        SELECT e.session_id FROM events e ANTI JOIN sessions s USING (cluster, session_id)
        WHERE e.session_id IS NOT NULL""").fetchall()
    if wrong:
        fail(f"events of sessions that are no rows: {wrong[:5]}")


def main():
    root = sys.argv[1]
    duckdb.sql("SET TimeZone = 'UTC'")
    answer = {table: query(root, table) for table in GROUPS}
    check_joins()
    json.dump(answer, sys.stdout)


main()
