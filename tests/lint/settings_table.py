#!/usr/bin/env python3
"""Keeps the READMEs' settings tables equal to what the programs print with --print-settings.

settings_table.py BUILD_DIR          checks
settings_table.py BUILD_DIR --write  writes them anew"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READMES = [os.path.join(ROOT, *parts) for parts in (["README.md"], ["session-agent", "README.md"])]


def keep(build, path):
    """True: the file's tables are what the programs print."""
    with open(path, encoding="utf-8") as f:
        text = f.read()

    def table(match):
        out = subprocess.run([os.path.join(build, match.group(1)), "--print-settings"], capture_output=True,
                             text=True, check=True, timeout=10).stdout
        return f"<!-- settings: {match.group(1)} -->\n{out.strip()}\n<!-- end -->"
    fresh = re.sub(r"<!-- settings: (\S+) -->\n.*?<!-- end -->", table, text, flags=re.S)
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write(fresh)
        return True
    return fresh == text


def main():
    same = [keep(sys.argv[1], path) for path in READMES]
    print(f"settings tables of READMEs: {sum(same)} passed, {len(same) - sum(same)} failed")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
