#!/usr/bin/env python3
"""Writes a long log from a short one of HDFS: its lines again and again, with other blocks and later times, and odd lines among them.

    benches/generate_lines.py HDFS_2k.log 10000000 > long.log

A thousand lines a second of the log's own time. Every 1,000th line fits no format, every 50,000th holds a NUL byte, every
1,000,000th is 1 MB long.
"""
import re
import sys
import time


def main(path, count):
    block = re.compile(r"blk_(-?)(\d+)")
    lines = [line.split(" ", 2)[2].rstrip("\n") for line in open(path, encoding="utf-8")]
    # What stands between block ids, so that a tile is a join.
    parts = [block.split(line) for line in lines]
    begin = 1226180116
    out = sys.stdout.buffer
    buffer, number = [], 0
    while number < count:
        tile = number // len(lines)
        for pieces in parts:
            stamp = time.strftime("%y%m%d %H%M%S", time.gmtime(begin + number // 1000))
            if number % 1_000_000 == 999_999:
                buffer.append(stamp + " 1 INFO dfs.Long: " + "x" * (1 << 20))
            elif number % 50_000 == 49_999:
                buffer.append(stamp + " 1 INFO dfs.Nul: a \0 b")
            elif number % 1_000 == 999:
                buffer.append(f"no format at all {number}")
            else:
                text = pieces[0]
                for sign, digits, rest in zip(pieces[1::3], pieces[2::3], pieces[3::3]):
                    text += f"blk_{sign}{(int(digits) + tile * 7919) % 10**18}{rest}"
                buffer.append(f"{stamp} {text}")
            number += 1
            if number == count:
                break
        out.write(("\n".join(buffer) + "\n").encode())
        buffer.clear()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
