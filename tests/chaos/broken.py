"""Proves that the nemesis sees what it looks for: the two programs, broken on purpose by one small patch each,
under a short plan of faults that exposes it, with one seed after the other until it is exposed: what meets what is a
race. The checker must name exactly the expected kinds of violation, and none for the unbroken programs under the same
plan.

broken.py [NAME ...]; BUILD_DIR is the unbroken build. Builds in build/broken."""
import argparse
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "broken")
BUILD = os.path.abspath(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build", "release")))
PROGRAMS = ("bridge/smpp-bridge", "session-agent/smpp-session-agent")
SOURCES = ("CMakeLists.txt", "common", "proto", "bridge", "session-agent")

sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, HERE)
import checker  # noqa: E402

SEEDS = 4
# What may be seen besides: of a message of several segments some had gone, and some died with the agent.
BESIDES = {"ack-before-outcome": {"incomplete"}}
# patch: (kinds, plan, further options of the nemesis)
VARIANTS = {
    # What was not yet handed to a socket dies with the agent, and JetStream does not deliver it again.
    "ack-before-outcome": ({"acked-early", "lost"}, "agent_killed:1:1,agent_killed:1:1",
                           ["--tps", "100", "--rate", "300"]),
    # What was published into a server that will never read it has no event; the rest gets it late.
    "rok-before-puback": ({"receipt-lost", "rok-early"}, "nats_frozen_then_killed:4:1,nats_paused:1.5:1", []),
    # The server forgets the acks of its last moments and delivers again, as if for the first time.
    "settled-key-forgotten": ({"doubled"}, "nats_killed:0.2:1.5,nats_killed:0.2:1.5,nats_killed:0.2:1",
                              ["--rate", "300"]),
    # What was answered while Redis was away has no correlation.
    "ack-before-correlation": ({"uncorrelated"}, "redis_killed:1.5:1,redis_killed:1.5:1", []),
    "pacer-off": ({"pace"}, "bridge_paused:1:2", ["--tps", "100", "--rate", "300"]),
}


def run(words, log, **kwargs):
    with open(log, "a", encoding="utf-8") as f:
        if subprocess.run(words, stdout=f, stderr=subprocess.STDOUT, check=False, **kwargs).returncode == 0:
            return
    with open(log, encoding="utf-8") as f:
        raise RuntimeError(" ".join(words[:3]) + " failed:\n" + "".join(f.readlines()[-15:]))


class Tree:
    """A copy of the sources, of which one patch at a time is built."""

    def __init__(self):
        self.source, self.build = os.path.join(WORK, "source"), os.path.join(WORK, "build")
        self.log = os.path.join(WORK, "build.log")
        os.makedirs(WORK, exist_ok=True)
        if os.path.exists(self.log):
            os.remove(self.log)

    def sync(self):
        """Only what differs is written, so that only that is built again."""
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *SOURCES], cwd=ROOT,
                               capture_output=True, text=True, check=True).stdout.splitlines()
        for name in names:
            original, copy = os.path.join(ROOT, name), os.path.join(self.source, name)
            if not os.path.exists(original):
                continue
            with open(original, "rb") as f:
                wanted = f.read()
            if os.path.exists(copy):
                with open(copy, "rb") as f:
                    if f.read() == wanted:
                        continue
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with open(copy, "wb") as f:
                f.write(wanted)

    def binaries(self, name):
        """Builds the two programs with the patch; returns a folder that serves as BUILD_DIR."""
        self.sync()
        patch = os.path.join(HERE, "broken", name + ".patch")
        run(["patch", "-p1", "-s", "-F2", "--no-backup-if-mismatch", "-i", patch], self.log, cwd=self.source)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DBUILD_TESTING=OFF"], self.log)
        run(["ninja", "-C", self.build, *PROGRAMS], self.log)
        directory = os.path.join(WORK, name)
        shutil.rmtree(directory, ignore_errors=True)
        for program in PROGRAMS:
            os.makedirs(os.path.dirname(os.path.join(directory, program)))
            shutil.copy2(os.path.join(self.build, program), os.path.join(directory, program))
        os.symlink(os.path.join(BUILD, "tests"), os.path.join(directory, "tests"))
        return directory


def torment(name, binaries, label, seed):
    """The kinds of violation that the checker finds."""
    _, plan, options = VARIANTS[name]
    directory = os.path.join(WORK, f"{name}-{label}-{seed}")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(os.path.join(directory, "nemesis.log"), "w", encoding="utf-8") as log:
        subprocess.run([sys.executable, os.path.join(HERE, "nemesis.py"), "--seed", str(seed), "--patience", "15",
                        "--plan", plan, *options, "--directory", directory], env={**os.environ, "BUILD_DIR": binaries}, stdout=log,
                       stderr=subprocess.STDOUT, check=False)
    return checker.check(directory).kinds()


def exposed(name, label, binaries, wanted):
    """The kinds of all runs; the unbroken programs have one run, and it has to be clean."""
    found = set()
    for seed in range(1, SEEDS + 1):
        found |= torment(name, binaries, label, seed)
        if found >= wanted:
            break
    return found


def judge(name, label, binaries, wanted):
    began = time.monotonic()
    try:
        found = exposed(name, label, binaries(), wanted)
    except (OSError, RuntimeError) as e:
        print(f"{name:24} {label:9} COULD NOT BE RUN: {e}", flush=True)
        return False
    ok = wanted <= found <= wanted | (BESIDES.get(name, set()) if wanted else set())
    print(f"{name:24} {label:9} {'ok' if ok else 'UNEXPECTED'}: {', '.join(sorted(found)) or 'nothing'}"
          f"{'' if ok else ', not ' + (', '.join(sorted(wanted)) or 'nothing')}"
          f" ({time.monotonic() - began:.0f} s)", flush=True)
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(VARIANTS))
    names = parser.parse_args().names or list(VARIANTS)
    tree = Tree()
    passed = [judge(name, label, binaries, wanted) for name in names for label, binaries, wanted in (
        ("broken", lambda n=name: tree.binaries(n), VARIANTS[name][0]), ("unbroken", lambda: BUILD, set()))]
    print(f"broken: {passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
