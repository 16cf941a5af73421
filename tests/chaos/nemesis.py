"""Random mixes of faults against a running stack, with quiet times, a history by outside observers,
and the offline checker at the end. Seeded: the same seed gives the same faults at the same times."""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import checker  # noqa: E402
from faults import FAULTS  # noqa: E402
from harness.process import Deadline, wait_for  # noqa: E402
from harness.stack import Stack  # noqa: E402
from observer import REPUBLISHED, Observer  # noqa: E402
from workload import Journal, Workload  # noqa: E402

MNO = ["--latency-ms", "5-60", "--receipt-delay-ms", "0-1500", "--deliver-retry-ms", "3000",
       "--deliver-window", "50", "--max-binds", "4"]


class Nemesis:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.directory = options.directory or tempfile.mkdtemp(prefix="smpp-connector-chaos-")
        self.history = os.path.join(self.directory, "mno.jsonl")
        self.stack = Stack(self.directory, operators=2, tps=options.tps, dispatch_stream=REPUBLISHED,
                           mno_options=MNO + ["--history", self.history, "--history-text"],
                           bridge_settings={"RECONNECT_MIN_MS": 500, "RECONNECT_MAX_MS": 2000,
                                            "SUBMIT_TIMEOUT_MS": 5000, "ENQUIRE_LINK_INTERVAL_MS": 2000,
                                            "ENQUIRE_LINK_TIMEOUT_MS": 2000, "BIND_TIMEOUT_MS": 3000,
                                            "DELIVER_HOLD_MS": 3000})
        self.journal = Journal(os.path.join(self.directory, "journal.jsonl"))
        self.observer = Observer(self.stack.nats, os.path.join(self.directory, "stream.jsonl"))

    def drawn(self, until):
        """(fault, seconds, seconds of quiet after it), by the seed."""
        names = [n for n in FAULTS if not self.options.faults or n in self.options.faults.split(",")]
        while time.monotonic() < until:
            name = self.rng.choice(names)
            yield name, round(self.rng.uniform(0.3, 4.0), 2), round(self.rng.uniform(0.5, 3.0), 2)

    def planned(self):
        for step in self.options.plan.split(","):
            name, seconds, quiet = step.split(":")
            yield name, float(seconds), float(quiet)

    def torment(self):
        counts = {}
        until = time.monotonic() + self.options.minutes * 60 - 20
        for name, seconds, quiet in self.planned() if self.options.plan else self.drawn(until):
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

        left, since = None, time.monotonic()

        def settled():
            """None left, or what the server counts for ever: after a SIGKILL it may have forgotten an ack and
            remembered the removal, or the other way round."""
            nonlocal left, since
            try:
                now = [self.stack.unacknowledged(i) for i in range(len(self.stack.ids))]
            except Exception as e:  # the server has just come back
                print(f"    {e}", flush=True)
                return False
            if now != left:
                left, since = now, time.monotonic()
            return not any(now) or time.monotonic() - since > self.options.patience

        def receipts_done():
            s = self.stack.mno.stats()
            return s["receipts_created"] == s["receipts_acked"] + s["receipts_lost"]
        try:
            wait_for(settled, 120, "all commands acknowledged", 0.3)
            wait_for(receipts_done, 60, "all receipts answered", 0.3)
        except Deadline as e:
            print(f"    {e}", flush=True)
        self.stack.mno.control("sessions")
        time.sleep(0.3)  # the simulator writes its history every 100 ms

    def mono_ns(self, message):
        """When the server stored it; its stamp is of the wall clock, which may have been moved since the start."""
        wall = int(message.reply.split(".")[-2])
        (mono_1, wall_1), (mono_2, wall_2) = self.clocks
        return round(mono_1 + (wall - wall_1) * (mono_2 - mono_1) / (wall_2 - wall_1))

    def dump(self):
        self.clocks.append((time.monotonic_ns(), time.time_ns()))

        def write(name, rows):
            with open(os.path.join(self.directory, name), "w", encoding="utf-8") as f:
                for row in rows:
                    f.write(json.dumps(row) + "\n")
        client = self.stack.client
        write("events.jsonl", [{"storedAt": self.mono_ns(m), **m.json()}
                               for m in client.read_stream("DLR_EVENTS", timeout=600)])
        write("health.jsonl", [m.json() for m in client.read_stream("OPERATOR_EVENTS")])
        with open(os.path.join(self.directory, "final.json"), "w", encoding="utf-8") as f:
            json.dump({"t": self.clocks[-1][0],
                       "unacknowledged": {oid: self.stack.unacknowledged(i) for i, oid in enumerate(self.stack.ids)},
                       "inStream": client.stream_messages_count("SMS_DISPATCH"),
                       "peaks": [self.stack.bridge.metric("smpp_connector_tps_peak", operator_id=oid)
                                 for oid in self.stack.ids],
                       "tps": self.options.tps, "mno": self.stack.mno.stats(),
                       "bridgeAlive": self.stack.bridge.alive(), "agentAlive": self.stack.agent.alive(),
                       "agentRssKib": self.stack.agent.rss_kib(), "bridgeRssKib": self.stack.bridge.rss_kib()}, f)

    def run(self):
        print(f"==> nemesis: seed {self.options.seed}, {self.options.minutes} min, {self.options.rate}/s, "
              f"in {self.directory}", flush=True)
        self.stack.start()
        self.began = time.monotonic()
        self.clocks = [(time.monotonic_ns(), time.time_ns())]
        self.observer.start()
        workload = Workload(self.stack, self.observer, self.journal, self.options.rate,
                            random.Random(self.options.seed + 1))
        workload.start()
        wait_for(lambda: self.stack.mno.stats()["submits"] > 2 * self.options.tps, 60, "a full load", 0.1)
        counts = self.torment()
        workload.stop()
        self.quiet_down()
        self.observer.stop()
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
    parser.add_argument("--plan", help="these instead of random ones: fault:seconds:seconds of quiet, comma-separated")
    parser.add_argument("--tps", type=int, default=300, help="limit of each of the two operators")
    parser.add_argument("--patience", type=float, default=65,
                        help="seconds without a change until the end is not waited for any more")
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
