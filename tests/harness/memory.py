"""Another process's memory, which is for root."""
import contextlib
import os
import platform
import subprocess

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another process's memory is for root")


def memory_of(pid):
    """(address, octets) of the readable parts, but for what is mapped and never touched on such a scale."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" not in line.split()[1] or end - begin > 1 << 28 or "[v" in line:
                continue
            try:
                mem.seek(begin)
                yield begin, mem.read(end - begin)
            except OSError:
                pass


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
