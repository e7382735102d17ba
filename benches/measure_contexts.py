#!/usr/bin/env python3
"""Contexts in committed tables against ground truth, on a log as it is and with what happens to logs in practice.

    measure_contexts.py --causeway target/release/causeway --truth truth.jsonl [--only as-is,metadata] audit.jsonl [more.jsonl]

Each variant is written to a temporary file, replayed (`filter.mode = "fold"`) and measured with `causeway evaluate contexts`;
one line of a Markdown table each. All randomness comes from audit ids, so runs agree. Variants:

    as-is       the log
    metadata    every event at level Metadata
    production  noise dropped, reads without answers, secrets and tokens without bodies, no Event objects
    jitter5     each request moved by normal noise of 5 ms
    loss5       5 % of the requests missing
    overlay8    the log cut into eight parts that are laid over each other
"""

import argparse
import hashlib
import json
import lzma
import math
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

TIMES = ("requestReceivedTimestamp", "stageTimestamp")


def share(event, salt):
    """A number in (0, 1) that the audit id decides."""
    digest = hashlib.blake2b(f"{salt}{event['auditID']}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**64


def time_of(event, name="requestReceivedTimestamp"):
    return datetime.fromisoformat(event[name].replace("Z", "+00:00"))


def moved(event, by):
    for name in TIMES:
        event[name] = (time_of(event, name) + by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return event


def stripped(event, level):
    event["level"] = level
    event.pop("responseObject", None)
    if level == "Metadata":
        event.pop("requestObject", None)
    return event


def production(event):
    """The event under a policy such as clusters run, or None where it logs nothing."""
    user, verb, ref = event["user"].get("username", ""), event["verb"], event.get("objectRef") or {}
    resource, subresource = ref.get("resource"), ref.get("subresource")
    node, path = user.startswith("system:node:"), event["requestURI"].split("?")[0]
    probe = path in ("/api", "/apis") or path.startswith(("/healthz", "/livez", "/readyz", "/version", "/openapi"))
    if event["stage"] == "RequestReceived" or resource == "events" or not resource and probe:
        return None
    if resource == "leases" and ref.get("namespace", "").startswith("kube-") or node and (verb, resource) == ("get", "nodes"):
        return None
    if resource in ("secrets", "configmaps", "tokenreviews") or subresource == "token":
        return stripped(event, "Metadata")
    if verb in ("get", "list", "watch", "deletecollection") or node and subresource == "status":
        return stripped(event, "Request")
    return event


def overlaid(events, count):
    first, last = min(map(time_of, events)), max(map(time_of, events))
    length = (last - first) / count + timedelta(microseconds=1)
    moves = (moved(event, -length * ((time_of(event) - first) // length)) for event in events)
    return sorted(moves, key=lambda event: event["stageTimestamp"])


def jittered(event):
    noise = math.sqrt(-2 * math.log(share(event, "a"))) * math.cos(math.tau * share(event, "b"))
    return moved(event, timedelta(milliseconds=5 * noise))


VARIANTS = {
    "as-is": lambda events: events,
    "metadata": lambda events: [stripped(event, "Metadata") for event in events if event["stage"] != "RequestReceived"],
    "production": lambda events: [event for event in map(production, events) if event],
    "jitter5": lambda events: [jittered(event) for event in events],
    "loss5": lambda events: [event for event in events if share(event, "c") >= 0.05],
    "overlay8": lambda events: overlaid(events, 8),
}


def text_of(path):
    """A log, packed or not."""
    return lzma.open(path, "rt") if str(path).endswith(".xz") else open(path)


def measure(arguments, name, folder):
    inputs, known = [], set()
    for number, log in enumerate(arguments.logs):
        with text_of(log) as lines:
            events = VARIANTS[name]([json.loads(line) for line in lines])
        known.update(event["auditID"] for event in events)
        inputs.append(folder / f"{number}.jsonl")
        with open(inputs[-1], "w") as out:
            out.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
    truth = folder / "truth.jsonl"
    with text_of(arguments.truth) as lines, open(truth, "w") as out:
        out.writelines(line for line in lines if json.loads(line)["auditID"] in known)
    tables = folder / "tables"
    replay = [arguments.causeway, "replay", "--quiet", "--output", tables, *inputs]
    subprocess.run(list(map(str, replay)), check=True, stdout=subprocess.DEVNULL)
    evaluate = [arguments.causeway, "evaluate", "contexts", "--json", "--truth", truth, tables]
    return json.loads(subprocess.run(list(map(str, evaluate)), check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--causeway", required=True, type=lambda text: Path(text).resolve())
    parser.add_argument("--truth", required=True, type=Path)
    parser.add_argument("--only", default=",".join(VARIANTS))
    parser.add_argument("logs", nargs="+", type=Path)
    arguments = parser.parse_args()
    print("| variant | pair P | pair R | pair F1 | exact | called background |\n|---|--:|--:|--:|--:|--:|", flush=True)
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            scores = measure(arguments, name, Path(folder))
        user, lost = scores["user"], scores["background"]["user_called_background"]
        figures = [user["pair_p"], user["pair_r"], user["pair_f1"], scores["contexts"]["exact_share"]]
        print(f"| {name} | {' | '.join(f'{one:.4f}' for one in figures)} | {lost} |", flush=True)


main()
