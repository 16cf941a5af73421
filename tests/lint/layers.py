#!/usr/bin/env python3
"""Which file may include what, and how large things may grow: the house's rules, checked.

Prints every breach and ends with 'N passed, N failed'."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# One foreign library, one file (README.md, "Why each dependency is there").
ONE_FILE = {
    r"nats/.*|nats\.h": {"bridge/jetstream.c"},
    r"hiredis.*|.*hiredis.*\.h": {"bridge/redis.c"},
    r"curl/.*": {"bridge/https_client.c"},
    r"microhttpd\.h": {"bridge/http_server.c"},
    r"cjson/.*|cJSON\.h": {"proto/json.c"},
    r"nng/.*": {"common/ipc_stream.c"},
    r"openssl/.*": {"session-agent/crypto.c", "bridge/crypto.c"},
}
BARE = "tests/bench/"  # measures the libraries themselves
UV_ALLOWED = re.compile(
    r"(common/.*|bridge/(jetstream|redis(_io|_resolve)?|https_client|http_server)\.c|session-agent/tcp_link\.c)$")
MAY_INCLUDE = {
    "common": {"common"},
    "proto": {"common", "proto"},
    "session-agent": {"common", "proto", "session-agent"},
    "bridge": {"common", "proto", "bridge"},
}
PROTO_FLOOR = {"common/base.h", "common/buf.h", "common/str.h"}
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "bridge", "common", "k8s",
             "proto", "session-agent", "tests"}
MAX_LINES = {".c": 600, ".h": 400}
MAX_FUNCTION = 100

passed = 0
failures = []


def check(ok, text):
    global passed
    if ok:
        passed += 1
    else:
        failures.append(text)


def tracked():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                         text=True, check=True)
    return [f for f in out.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def check_includes(path, text):
    folder = path.split("/", 1)[0]
    for kind, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
        if kind == "<":
            for pattern, files in () if path.startswith(BARE) else ONE_FILE.items():
                if re.fullmatch(pattern, name):
                    check(path in files, f"{path}: <{name}> belongs into {', '.join(sorted(files))} alone")
            if re.fullmatch(r"uv\.h|uv/.*", name) and folder != "tests":
                check(UV_ALLOWED.match(path), f"{path}: <{name}> is for common/ and the adapters")
            continue
        if folder not in MAY_INCLUDE:
            continue
        target = name.split("/", 1)[0]
        check(target in MAY_INCLUDE[folder], f'{path}: "{name}" is above or beside {folder}/')
        if folder == "proto" and target == "common":
            check(name in PROTO_FLOOR, f'{path}: proto/ stands on {", ".join(sorted(PROTO_FLOOR))} alone, not {name}')
        check(not name.endswith(".c"), f'{path}: includes a .c file')


def check_sizes(path, text):
    ending = os.path.splitext(path)[1]
    lines = text.count("\n")
    check(lines <= MAX_LINES[ending], f"{path}: {lines} lines, more than {MAX_LINES[ending]}")
    long = [i + 1 for i, line in enumerate(text.split("\n")) if len(line) > 100]
    check(not long, f"{path}: lines over 100 columns: {long[:5]}")


def check_functions(files):
    out = subprocess.run(["ctags", "-f", "-", "--languages=C", "--c-kinds=f", "--fields=+ne", "--excmd=number",
                          *files], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for row in out.splitlines():
        parts = row.split("\t")
        fields = dict(p.split(":", 1) for p in parts[3:] if ":" in p)
        if "end" in fields and "line" in fields:
            length = int(fields["end"]) - int(fields["line"]) + 1
            check(length <= MAX_FUNCTION, f"{parts[1]}: {parts[0]} has {length} lines, more than {MAX_FUNCTION}")


def check_words(path, text):
    for word in ("TODO", "FIXME", "XXX", "HACK"):
        check(not re.search(rf"\b{word}\b", text), f"{path}: says {word}")


def main():
    files = tracked()
    tops = {f.split("/", 1)[0] for f in files}
    for top in tops:
        check(top.startswith(".") or top in TOP_LEVEL, f"{top}: does not belong into the top level")
    sources = [f for f in files if f.endswith((".c", ".h"))]
    for path in sources:
        text = read(path)
        check_includes(path, text)
        check_sizes(path, text)
        check_words(path, text)
    check_functions([f for f in sources if f.endswith(".c") and not f.startswith("tests/")])
    for f in files:
        if f.endswith("package-lock.json"):
            check('"resolved"' not in read(f), f"{f}: carries download addresses")
    for line in failures:
        print("  " + line)
    print(f"layers: {passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
