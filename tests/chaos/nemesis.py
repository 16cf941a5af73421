"""Random mixes of faults against a running stack, with quiet times, a history by outside observers,
and the offline checker at the end. Seeded: the same seed gives the same faults at the same times."""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import checker  # noqa: E402
from faults import FAULTS  # noqa: E402
from harness.process import Deadline, wait_for  # noqa: E402
from harness.stack import Stack, command, now_iso  # noqa: E402

TPS = 300
# An unknown outcome rests for half of the remaining life before it is sent again: less than the wait at the end.
LIFE_S = 100
MNO = ["--latency-ms", "5-60", "--receipt-delay-ms", "0-1500", "--deliver-retry-ms", "3000",
       "--deliver-window", "50", "--max-binds", "4"]
LONG = "part of a longer text that goes in several segments, "


class Journal:
    """JSON lines with monotonic time stamps, comparable with the MNO's."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def write(self, **fields):
        with self._lock:
            self._file.write(json.dumps({"t": time.monotonic_ns(), **fields}) + "\n")

    def close(self):
        self._file.close()


class Workload(threading.Thread):
    """Publishes `rate` commands a second, each with a token of its own in its text; waits for the PubAck
    and tries again with the same message id when there is none."""

    def __init__(self, stack, journal, rate, rng):
        super().__init__(daemon=True)
        self.stack, self.journal, self.rate, self.rng = stack, journal, rate, rng
        self.stopping = threading.Event()
        self.count = 0
        self.client = None

    def one(self):
        n = self.count
        oid = self.stack.ids[n % len(self.stack.ids)]
        token = f"T{n:07d}"
        kind = self.rng.random()
        text, expires = f"{token} your code is {n % 1000000:06d}", now_iso(LIFE_S)
        if kind < 0.05:
            text = f"{token} " + LONG * 6
        elif kind < 0.07:
            expires = now_iso(-5)
        elif kind < 0.10:
            text = f"{token} کد شما"
        c = command(oid, text=text, to="+9997%07d" % (n % 9999999), expiresAt=expires)
        return oid, token, c

    def store(self, oid, c):
        while not self.stopping.is_set():
            try:
                if self.client is None or self.client.closed:
                    self.client = self.stack.nats.client(connect_timeout=1)
                self.client.store(f"smpp.operator.{oid}", c, msg_id=c["messageId"], timeout=1.0)
                return True
            except Exception:  # the server is away: that is what this run is about
                time.sleep(0.1)
        return False

    def run(self):
        begin = time.monotonic()
        while not self.stopping.is_set():
            ahead = self.count / self.rate - (time.monotonic() - begin)
            if ahead > 0:
                time.sleep(min(ahead, 0.05))
                continue
            oid, token, c = self.one()
            self.journal.write(kind="command", token=token, messageId=c["messageId"], operatorId=oid,
                               expired=c["expiresAt"] < now_iso())
            if self.store(oid, c):
                self.journal.write(kind="stored", token=token)
            self.count += 1

    def stop(self):
        self.stopping.set()
        self.join(10)
        if self.client:
            self.client.close()


class Nemesis:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.directory = options.directory or tempfile.mkdtemp(prefix="smpp-connector-chaos-")
        self.history = os.path.join(self.directory, "mno.jsonl")
        self.stack = Stack(self.directory, operators=2, tps=TPS,
                           mno_options=MNO + ["--history", self.history, "--history-text"],
                           bridge_settings={"RECONNECT_MIN_MS": 500, "RECONNECT_MAX_MS": 2000,
                                            "SUBMIT_TIMEOUT_MS": 5000, "ENQUIRE_LINK_INTERVAL_MS": 2000,
                                            "ENQUIRE_LINK_TIMEOUT_MS": 2000, "BIND_TIMEOUT_MS": 3000,
                                            "DELIVER_HOLD_MS": 3000})
        self.journal = Journal(os.path.join(self.directory, "journal.jsonl"))

    def choose(self):
        names = [n for n in FAULTS if not self.options.faults or n in self.options.faults.split(",")]
        return self.rng.choice(names)

    def torment(self, until):
        counts = {}
        while time.monotonic() < until:
            name = self.choose()
            seconds = round(self.rng.uniform(0.3, 4.0), 2)
            quiet = round(self.rng.uniform(0.5, 3.0), 2)
            counts[name] = counts.get(name, 0) + 1
            print(f"    {time.monotonic() - self.began:6.1f} s  {name} for {seconds} s, then quiet for {quiet} s",
                  flush=True)
            self.journal.write(kind="fault", name=name, phase="begin")
            FAULTS[name](self.stack, seconds, self.rng)
            self.journal.write(kind="fault", name=name, phase="end")
            time.sleep(quiet)
        return counts

    def quiet_down(self):
        """Everything is well again; what is under way must come to its end."""
        print("    quiet: waiting for the end of everything", flush=True)
        client = self.stack.nats.client()
        self.stack.client = client

        def settled():
            try:
                return all(self.stack.unacknowledged(i) == 0 for i in range(len(self.stack.ids)))
            except Exception as e:  # the server has just come back
                print(f"    {e}", flush=True)
                return False

        def receipts_done():
            s = self.stack.mno.stats()
            return s["receipts_created"] == s["receipts_acked"] + s["receipts_lost"]
        try:
            wait_for(settled, 90, "all commands acknowledged", 0.3)
            wait_for(receipts_done, 60, "all receipts answered", 0.3)
        except Deadline as e:
            print(f"    {e}", flush=True)
        self.stack.mno.control("sessions")
        time.sleep(0.3)  # the simulator writes its history every 100 ms

    def dump(self):
        def write(name, rows):
            with open(os.path.join(self.directory, name), "w", encoding="utf-8") as f:
                for row in rows:
                    f.write(json.dumps(row) + "\n")
        client = self.stack.client
        write("events.jsonl", [m.json() for m in client.read_stream("DLR_EVENTS", timeout=600)])
        write("health.jsonl", [m.json() for m in client.read_stream("OPERATOR_EVENTS")])
        with open(os.path.join(self.directory, "final.json"), "w", encoding="utf-8") as f:
            json.dump({"unacknowledged": {oid: self.stack.unacknowledged(i) for i, oid in enumerate(self.stack.ids)},
                       "inStream": client.stream_messages_count("SMS_DISPATCH"),
                       "peaks": [self.stack.bridge.metric("smpp_connector_tps_peak", operator_id=oid)
                                 for oid in self.stack.ids],
                       "tps": TPS, "mno": self.stack.mno.stats(),
                       "bridgeAlive": self.stack.bridge.alive(), "agentAlive": self.stack.agent.alive(),
                       "agentRssKib": self.stack.agent.rss_kib(), "bridgeRssKib": self.stack.bridge.rss_kib()}, f)

    def run(self):
        print(f"==> nemesis: seed {self.options.seed}, {self.options.minutes} min, {self.options.rate}/s, "
              f"in {self.directory}", flush=True)
        self.stack.start()
        self.began = time.monotonic()
        workload = Workload(self.stack, self.journal, self.options.rate, random.Random(self.options.seed + 1))
        workload.start()
        counts = self.torment(time.monotonic() + self.options.minutes * 60 - 20)
        workload.stop()
        self.quiet_down()
        self.dump()
        self.journal.close()
        print("    faults: " + ", ".join(f"{n} {c}" for n, c in sorted(counts.items())), flush=True)
        return checker.check(self.directory)

    def close(self, ok):
        self.stack.stop()
        if ok and not self.options.keep and not self.options.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"    history and logs: {self.directory}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=150, help="commands a second")
    parser.add_argument("--faults", help="only these, comma-separated: " + ", ".join(FAULTS))
    parser.add_argument("--directory", help="where to keep history and logs")
    parser.add_argument("--keep", action="store_true")
    nemesis = Nemesis(parser.parse_args())
    ok = False
    try:
        result = nemesis.run()
        result.print()
        ok = not result.violations
    finally:
        nemesis.close(ok)
    print(f"chaos: {int(ok)} passed, {int(not ok)} failed")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
