#!/usr/bin/env python3
"""Keeps README.md's settings tables equal to what the programs print with --print-settings.

settings_table.py BUILD_DIR          checks
settings_table.py BUILD_DIR --write  writes them anew"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
README = os.path.join(ROOT, "README.md")


def main():
    build = sys.argv[1]
    with open(README, encoding="utf-8") as f:
        text = f.read()

    def table(match):
        out = subprocess.run([os.path.join(build, match.group(1)), "--print-settings"], capture_output=True,
                             text=True, check=True, timeout=10).stdout
        return f"<!-- settings: {match.group(1)} -->\n{out.strip()}\n<!-- end -->"
    fresh = re.sub(r"<!-- settings: (\S+) -->\n.*?<!-- end -->", table, text, flags=re.S)
    if "--write" in sys.argv:
        with open(README, "w", encoding="utf-8") as f:
            f.write(fresh)
        return 0
    same = fresh == text
    print(f"settings tables of README.md: {int(same)} passed, {int(not same)} failed")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
