"""What the fuzzers keep (tests/fuzz/corpus), and the same a little wrong, for those who send it over a socket."""
import os
import random

from .programs import ROOT

SEED = 1520


def kept(fuzzer):
    """(name, octets) of each entry."""
    folder = os.path.join(ROOT, "tests/fuzz/corpus", fuzzer)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            yield f"{fuzzer}/{name}", f.read()


def spoiled(name, raw, flips=3, lengths=()):
    """(name, octets): bits flipped, and each of the length fields, (offset, octets), with what it is not. The same
    ones each time."""
    dice = random.Random(f"{SEED} {name}")
    for n in range(flips if raw else 0):
        at, bit = dice.randrange(len(raw)), dice.randrange(8)
        yield f"{name}, bit {bit} of octet {at}", raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1:]
    for at, size in lengths:
        length, most = int.from_bytes(raw[at:at + size], "big"), (1 << 8 * size) - 1
        for wrong in sorted({0, max(length - 1, 0), min(length + 1, most), most} - {length}):
            yield f"{name}, length {wrong} at {at}", raw[:at] + wrong.to_bytes(size, "big") + raw[at + size:]
