"""Another process's memory, which is for root."""
import array
import base64
import contextlib
import itertools
import json
import os
import platform
import subprocess

import pytest


def may_be_read():
    return os.geteuid() == 0


needs_root = pytest.mark.skipif(not may_be_read(), reason="another process's memory is for root")


PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_of(pid):
    """(address, octets) of the writable parts that were ever touched, but for those of an untold size."""
    with (open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem,
          open(f"/proc/{pid}/pagemap", "rb", 0) as pagemap):
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" not in line.split()[1] or end - begin > 1 << 28 or "[v" in line:
                continue
            pagemap.seek(begin // PAGE * 8)
            pages = array.array("Q", pagemap.read((end - begin) // PAGE * 8))
            for is_there, run in itertools.groupby(range(len(pages)), lambda n, p=pages: p[n] >> 62 != 0):
                run = list(run)
                if not is_there:
                    continue
                try:
                    mem.seek(begin + run[0] * PAGE)
                    yield begin + run[0] * PAGE, mem.read(len(run) * PAGE)
                except OSError:
                    pass  # unmapped meanwhile


def overwrite(pid, old, new):
    """Where `old` stands; it must stand at one place only."""
    (at,) = [begin + part.find(old) for begin, part in memory_of(pid) for _ in range(part.count(old))]
    with open(f"/proc/{pid}/mem", "r+b", 0) as mem:
        mem.seek(at)
        assert mem.write(new) == len(new)


JUMP_TO_ITSELF = {"x86_64": b"\xeb\xfe", "aarch64": b"\x00\x00\x00\x14"}[platform.machine()]


def address_of(process, function):
    """Where a function of its program begins, which is position-independent and not stripped."""
    symbols = subprocess.run(["nm", process.argv[0]], capture_output=True, text=True, check=True).stdout
    (offset,) = [int(line.split()[0], 16) for line in symbols.splitlines() if line.split()[1:] == ["T", function]]
    with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps:
        (base,) = [int(m.split("-")[0], 16) for m in maps if m.split()[2:3] == ["00000000"] and m.endswith(process.argv[0] + "\n")]
    return base + offset


@contextlib.contextmanager
def busy_loop(process, function):
    """The thread that calls this function of the program turns in it, until the end of the block."""
    at = address_of(process, function)
    with open(f"/proc/{process.pid}/mem", "r+b", 0) as mem:
        mem.seek(at)
        code = mem.read(len(JUMP_TO_ITSELF))
        mem.seek(at)
        mem.write(JUMP_TO_ITSELF)
        try:
            yield
        finally:
            mem.seek(at)
            mem.write(code)


def spellings(password):
    """As it is, in JSON, in hex, and in base64 at each of the three places it may begin."""
    raw = password.encode()
    found = {"as it is": raw, "JSON": json.dumps(password)[1:-1].encode(), "hex": raw.hex().encode(),
             "HEX": raw.hex().upper().encode()}
    for skip in range(3):
        text = base64.b64encode(bytes(skip) + raw)
        found[f"base64, {skip}"] = text[[0, 2, 3][skip]:(skip + len(raw)) * 8 // 6]
    return found


class Snapshot:
    """All that a process has in memory, environment, command line and log; `known` is in its memory."""

    def __init__(self, process, known):
        self.name = process.name
        self.places = {"memory": [part for _, part in memory_of(process.pid)],
                       "log": ["\n".join(process.lines).encode()]}
        for path in ("environ", "cmdline"):
            with open(f"/proc/{process.pid}/{path}", "rb") as f:
                self.places[path] = [f.read()]
        assert any(known.encode() in part for part in self.places["memory"]), "it shows what is there"

    def traces_of(self, password):
        return [f"{name} in {self.name}'s {place}" for name, octets in spellings(password).items()
                for place, parts in self.places.items() if any(octets in part for part in parts)]
