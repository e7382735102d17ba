"""Runs Drain3 0.9.11 and `causeway parse` over the same lines with the same settings and compares every key and template.

    python3 -m venv v && v/bin/pip install drain3==0.9.11
    v/bin/python tests/tools/compare_drain3.py target/debug/causeway --logs DIR     loghub's systems, with the published settings
    v/bin/python tests/tools/compare_drain3.py target/debug/causeway --random 300   lines that are made to be awkward
    v/bin/python tests/tools/compare_drain3.py --record tests/golden/drain3.json    what the tests of the library hold themselves to

DIR holds a folder a system with NAME/NAME_2k.log in it. Ends with 1 at the first difference.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

from drain3.masking import MaskingInstruction
from drain3.template_miner import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

# Log format, masks (all of them named *), least similarity, depth: as the benchmark of loghub's parsers publishes them.
SYSTEMS = {
    "HDFS": ("<Date> <Time> <Pid> <Level> <Component>: <Content>", [r"blk_-?\d+", r"(\d+\.){3}\d+(:\d+)?"], 0.5, 4),
    "Hadoop": (r"<Date> <Time> <Level> \[<Process>\] <Component>: <Content>", [r"(\d+\.){3}\d+"], 0.5, 4),
    "Zookeeper": (
        r"<Date> <Time> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
        [r"(/|)(\d+\.){3}\d+(:\d+)?"],
        0.5,
        4,
    ),
    "BGL": (
        "<Label> <Timestamp> <Date> <Node> <Time> <NodeRepeat> <Type> <Component> <Level> <Content>",
        [r"core\.\d+"],
        0.5,
        4,
    ),
    "Linux": (
        r"<Month> <Date> <Time> <Level> <Component>(\[<PID>\])?: <Content>",
        [r"(\d+\.){3}\d+", r"\d{2}:\d{2}:\d{2}"],
        0.39,
        6,
    ),
    "Apache": (r"\[<Time>\] \[<Level>\] <Content>", [r"(\d+\.){3}\d+"], 0.5, 4),
    "OpenSSH": (
        r"<Date> <Day> <Time> <Component> sshd\[<Pid>\]: <Content>",
        [r"(\d+\.){3}\d+", r"([\w-]+\.){2,}[\w-]+"],
        0.6,
        5,
    ),
    "OpenStack": (
        r"<Logrecord> <Date> <Time> <Pid> <Level> <Component> \[<ADDR>\] <Content>",
        [r"((\d+\.){3}\d+,?)+", r"/.+?\s", r"\d+"],
        0.5,
        5,
    ),
}

GUARD = r"((?<=[^A-Za-z0-9])|^)"
END = r"((?=[^A-Za-z0-9])|$)"
HDFS_MASKS = [
    (GUARD + r"(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))" + END, "ID"),
    (GUARD + r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})" + END, "IP"),
    (GUARD + r"([0-9a-f]{6,} ?){3,}" + END, "SEQ"),
    (GUARD + r"([0-9A-F]{4} ?){4,}" + END, "SEQ"),
    (GUARD + r"(0x[a-f0-9A-F]+)" + END, "HEX"),
    (GUARD + r"([\-\+]?\d+)" + END, "NUM"),
    (r'(?<=executed cmd )(".+?")', "CMD"),
]


def settings(sim_th=0.4, depth=4, max_children=100, max_clusters=None, delimiters=(), numeric=True, masks=()):
    return {
        "sim_th": sim_th,
        "depth": depth,
        "max_children": max_children,
        "max_clusters": max_clusters,
        "extra_delimiters": list(delimiters),
        "parametrize_numeric_tokens": numeric,
        "masking": [{"regex_pattern": pattern, "mask_with": name} for pattern, name in masks],
    }


def miner_of(chosen):
    config = TemplateMinerConfig()
    config.drain_sim_th = chosen["sim_th"]
    config.drain_depth = chosen["depth"]
    config.drain_max_children = chosen["max_children"]
    config.drain_max_clusters = chosen["max_clusters"]
    config.drain_extra_delimiters = chosen["extra_delimiters"]
    config.parametrize_numeric_tokens = chosen["parametrize_numeric_tokens"]
    config.masking_instructions = [MaskingInstruction(m["regex_pattern"], m["mask_with"]) for m in chosen["masking"]]
    return TemplateMiner(config=config)


def ini_of(chosen):
    lines = ["[DRAIN]"]
    for key in ("sim_th", "depth", "max_children", "extra_delimiters", "parametrize_numeric_tokens"):
        lines.append(f"{key} = {chosen[key]!r}")
    if chosen["max_clusters"] is not None:
        lines.append(f"max_clusters = {chosen['max_clusters']}")
    lines += ["[MASKING]", "masking = " + json.dumps(chosen["masking"])]
    return "\n".join(lines) + "\n"


def drain3(chosen, contents):
    """Key, template, parameters for each content."""
    miner = miner_of(chosen)
    rows = []
    for content in contents:
        found = miner.add_log_message(content)
        values = None
        # Drain3 takes delimiters for patterns here: only plain ones mean the same.
        if all(re.escape(d) == d or len(d) == 1 and d not in ".^$*+?{}[]|()\\" for d in chosen["extra_delimiters"]):
            extracted = miner.extract_parameters(found["template_mined"], content)
            values = None if extracted is None else [p.value for p in extracted]
        rows.append((found["cluster_id"], found["template_mined"], values))
    return rows


def causeway(binary, chosen, log, format_text=None):
    with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False, encoding="utf-8") as ini:
        ini.write(ini_of(chosen))
    command = [binary, "--quiet", "parse", "--ini", ini.name, "--max-line-bytes", "10000000"]
    if format_text:
        command += ["--log-format", format_text]
    done = subprocess.run(command + [log], capture_output=True, check=False)
    os.unlink(ini.name)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def format_regex(text):
    pattern = ""
    for at, part in enumerate(re.split(r"(<[^<>]+>)", text)):
        pattern += re.sub(" +", r"\\s+", part) if at % 2 == 0 else f"(?P<{part[1:-1]}>.*?)"
    return re.compile("^" + pattern + "$")


def compare(name, binary, chosen, lines, log, format_text=None):
    contents = lines
    if format_text:
        matches = [format_regex(format_text).search(line) for line in lines]
        contents = [match.group("Content") for match in matches if match]
    expected = drain3(chosen, contents)
    rows = causeway(binary, chosen, log, format_text)
    if len(rows) != len(lines):
        sys.exit(f"{name}: {len(rows)} rows for {len(lines)} lines")
    found = [row for row in rows if row["key"] is not None]
    if len(found) != len(expected):
        sys.exit(f"{name}: {len(found)} lines with a key, Drain3 has {len(expected)}")
    differing = 0
    for content, row, (key, template, values) in zip(contents, found, expected):
        if (row["key"], row["template"]) != (key, template):
            sys.exit(f"{name}: {content!r}\n  Drain3   {key} {template!r}\n  causeway {row['key']} {row['template']!r}")
        differing += values is not None and row["parameters"] != values
    return len(found), len({key for key, _, _ in expected}), differing


WORDS = [
    "user", "logged", "in", "out", "<*>", "<NUM>", "7", "a1", "0x1F", "10.0.0.1", "/10.0.0.1:80", "ab:cd:ef:01", "-5", "+", "=",
    "k=v", "k_2", "é", "\u0663", "\u00b2x", "x\u00a0y", "\u001c", "\u3000", "\t", "  ", "deadbeef deadbeef deadbeef", "ABCD EF01 2345 6789",
    'executed cmd "rm x"', "::", "[", "]", "\\", "{}", "\u200b", "abcdef0123456789abcdef", "blk_-1608999687919862906",
]


def random_case(rng):
    masks = rng.choice([[], HDFS_MASKS, [(r"\d+", "*")], [(r"(?P<q>[\"']).*?(?P=q)", "Q"), (r"[[(\]]+", "B")], [(r"\b\w{3}\b", "W 3")]])
    chosen = settings(
        sim_th=rng.choice([0.0, 0.2, 0.39, 0.4, 0.5, 0.75, 1.0]),
        depth=rng.randint(3, 7),
        max_children=rng.choice([1, 2, 3, 5, 100]),
        max_clusters=rng.choice([None, None, 1, 2, 5, 20]),
        delimiters=rng.choice([(), (), ("_",), ("=", "_"), ("::",), ("_", "ab", " c")]),
        numeric=rng.random() < 0.8,
        masks=masks,
    )
    vocabulary = rng.sample(WORDS, rng.randint(2, len(WORDS)))
    lines = []
    for _ in range(rng.randint(1, 200)):
        line = rng.choice([" ", " ", "  ", "\t"]).join(rng.choice(vocabulary) for _ in range(rng.randint(0, 7)))
        lines.append(line)
    return chosen, lines


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", nargs="?")
    arguments.add_argument("--logs")
    arguments.add_argument("--random", type=int, default=0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--record")
    asked = arguments.parse_args()
    if asked.record:
        rng = random.Random(7)
        cases = []
        for _ in range(40):
            chosen, lines = random_case(rng)
            lines = lines[:60]
            rows = drain3(chosen, lines)
            match_lines = rng.sample(lines, min(len(lines), 8)) + ["user logged in", "nothing like it"]
            miner = miner_of(chosen)
            for line in lines:
                miner.add_log_message(line)
            matches = []
            for line in match_lines:
                found = [miner.match(line, strategy) for strategy in ("never", "fallback", "always")]
                matches.append([line] + [cluster and cluster.cluster_id for cluster in found])
            learned = [[key, template] for key, template, _ in rows]
            cases.append({"settings": chosen, "lines": lines, "learned": learned, "matches": matches})
        with open(asked.record, "w", encoding="ascii") as file:
            json.dump(cases, file, indent=0)
            file.write("\n")
    if asked.logs:
        for name, (format_text, masks, sim_th, depth) in SYSTEMS.items():
            log = os.path.join(asked.logs, name, name + "_2k.log")
            with open(log, encoding="utf-8", newline="\n") as file:
                lines = [line.rstrip("\n").removesuffix("\r") for line in file]
            published = settings(sim_th=sim_th, depth=depth, masks=[(mask, "*") for mask in masks])
            trainer = settings(sim_th=0.5, depth=4, masks=HDFS_MASKS)
            for label, chosen in (("published", published), ("seven masks", trainer)):
                rows, keys, differing = compare(f"{name}, {label}", asked.binary, chosen, lines, log, format_text)
                print(f"{name:10} {label:12} {rows} lines, {keys} keys: the same; parameters differ on {differing}")
    rng = random.Random(asked.seed)
    for case in range(asked.random):
        chosen, lines = random_case(rng)
        with tempfile.NamedTemporaryFile("w", suffix=".log", delete=False, encoding="utf-8", newline="\n") as log:
            log.write("".join(line + "\n" for line in lines))
        compare(f"case {case} of seed {asked.seed}: {json.dumps(chosen)}", asked.binary, chosen, lines, log.name)
        os.unlink(log.name)
    if asked.random:
        print(f"{asked.random} random cases: the same")


if __name__ == "__main__":
    main()
