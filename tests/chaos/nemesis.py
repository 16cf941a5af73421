"""Random mixes of faults against a running stack, with quiet times, a history by outside observers,
and the offline checker at the end. Seeded: the same seed gives the same faults at the same times."""
import argparse
import contextlib
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
from faults import DELIVER_HOLD_MS, ENQUIRE_LINK_MS, FAILOVER_AFTER_MS, FAULTS  # noqa: E402
from harness import capture  # noqa: E402
from harness.process import Deadline, wait_for  # noqa: E402
from harness.proxy import Proxy  # noqa: E402
from harness.stack import Stack, operator_id  # noqa: E402
from observer import REPUBLISHED, Observer  # noqa: E402
from watch import Kubelet, Sampler  # noqa: E402
from workload import LIFE_S, Journal, Workload  # noqa: E402

MNO = ["--latency-ms", "5-60", "--receipt-delay-ms", "0-1500", "--deliver-retry-ms", "3500",
       "--deliver-window", "50", "--max-binds", "4"]
WINDOW_SIZE = 100
# An enquire_link counts as lost late enough that a starved simulator is not the reason.
SETTINGS = {"RECONNECT_MIN_MS": 500, "RECONNECT_MAX_MS": 2000, "SUBMIT_TIMEOUT_MS": 5000,
            "ENQUIRE_LINK_INTERVAL_MS": ENQUIRE_LINK_MS, "ENQUIRE_LINK_TIMEOUT_MS": ENQUIRE_LINK_MS, "BIND_TIMEOUT_MS": 3000,
            "DELIVER_HOLD_MS": DELIVER_HOLD_MS, "WINDOW_SIZE": WINDOW_SIZE, "FAILOVER_AFTER_MS": FAILOVER_AFTER_MS}
# Of a run's time, what the end of everything takes at most: half a message's life, AckWait, and some.
QUIET_DOWN_S = 55
ROUNDS_PER_REST = 6


def make_stack(directory, tps, history):
    """With a proxy before each server, and locks by which faults and the kubelet agree."""
    stack = Stack(directory, operators=2, tps=tps, dispatch_stream=REPUBLISHED, bridge_settings=dict(SETTINGS),
                  credentials={operator_id(1): {"backupOperatorId": operator_id(2)}},
                  mno_options=MNO + ["--history", history, "--history-text"])
    stack.nats_proxy = Proxy(("127.0.0.1", stack.nats.port))
    stack.redis_proxy = Proxy(("127.0.0.1", stack.redis.port))
    stack.bridge_settings["NATS_URL"] = stack.nats.connector_url(stack.nats_proxy.port)
    stack.bridge_settings["REDIS_URL"] = stack.redis.connector_url(stack.redis_proxy.port)
    stack.locks = {"bridge": threading.Lock(), "agent": threading.Lock()}
    return stack


class Nemesis:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.directory = options.directory or tempfile.mkdtemp(prefix="smpp-connector-chaos-")
        self.stack = make_stack(self.directory, options.tps, self.path("mno.jsonl"))
        self.journal = self.stack.journal = Journal(self.path("journal.jsonl"))
        self.observer = Observer(self.stack.nats, self.path("stream.jsonl"))
        self.watchers = [Kubelet(self.stack), Sampler(self.stack, self.path("samples.jsonl"))]

    def path(self, name):
        return os.path.join(self.directory, name)

    def drawn(self, until):
        """Rounds, by the seed: ([(fault, delay, seconds)], seconds of quiet after it). The faults of a round are of
        different parts, and overlap."""
        names = [n for n in FAULTS if not self.options.faults or n in self.options.faults.split(",")]
        number = 0
        while time.monotonic() < until:
            number += 1
            mix, parts = [], set()
            for _ in range(self.rng.choice((1, 1, 2, 2, 3))):
                name = self.rng.choice(names)
                delay = round(self.rng.uniform(0.0, 1.5), 2) if mix else 0.0
                seconds = round(self.rng.uniform(0.3, 4.0), 2)
                if FAULTS[name].part not in parts:
                    parts.add(FAULTS[name].part)
                    mix.append((name, delay, seconds))
            rest = number % ROUNDS_PER_REST == 0
            yield mix, round(self.rng.uniform(6.0, 10.0) if rest else self.rng.uniform(0.5, 3.0), 2)

    def planned(self):
        for step in self.options.plan.split(","):
            names, seconds, quiet = step.split(":")
            yield [(name, 0.0, float(seconds)) for name in names.split("+")], float(quiet)

    def one_fault(self, name, delay, seconds, rng):
        time.sleep(delay)
        self.journal.write(kind="fault", name=name, phase="begin")
        FAULTS[name].run(self.stack, seconds, rng)
        self.journal.write(kind="fault", name=name, phase="end")

    def torment(self):
        counts, failures = {}, []

        def guarded(*fault):
            try:
                self.one_fault(*fault)
            except Exception as e:  # of a thread: told to the run
                failures.append(e)
        until = time.monotonic() + self.options.minutes * 60 - QUIET_DOWN_S
        for mix, quiet in self.planned() if self.options.plan else self.drawn(until):
            told = " + ".join(f"{name} ({seconds} s{f' after {delay} s' if delay else ''})"
                              for name, delay, seconds in mix)
            print(f"    {time.monotonic() - self.began:6.1f} s  {told}, then quiet for {quiet} s", flush=True)
            threads = [threading.Thread(target=guarded, args=(*fault, random.Random(self.rng.random())))
                       for fault in mix]
            for name, _, _ in mix:
                counts[name] = counts.get(name, 0) + 1
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            if failures:
                raise failures[0]
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
            wait_for(settled, 90, "all commands acknowledged", 0.3)
            wait_for(receipts_done, 30, "all receipts answered", 0.3)
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
            with open(self.path(name), "w", encoding="utf-8") as f:
                for row in rows:
                    f.write(json.dumps(row) + "\n")
        client = self.stack.client
        write("events.jsonl", [{"storedAt": self.mono_ns(m), **m.json()}
                               for m in client.read_stream("DLR_EVENTS", timeout=600)])
        write("health.jsonl", [m.json() for m in client.read_stream("OPERATOR_EVENTS")])
        write("letters.jsonl", [{"sequence": int(m.headers["Smpp-Stream-Sequence"]), "reason": m.headers["Smpp-Reason"],
                                 "text": m.data.decode("utf-8", "replace")} for m in client.read_stream("DEAD_LETTERS")])
        with open(self.path("final.json"), "w", encoding="utf-8") as f:
            json.dump({"t": self.clocks[-1][0],
                       "unacknowledged": {oid: self.stack.unacknowledged(i) for i, oid in enumerate(self.stack.ids)},
                       "inStream": client.stream_messages_count("SMS_DISPATCH"),
                       "peaks": [self.stack.bridge.metric("smpp_connector_tps_peak", operator_id=oid)
                                 for oid in self.stack.ids],
                       "tps": self.options.tps, "mno": self.stack.mno.stats(),
                       "bridgeAlive": self.stack.bridge.alive(), "agentAlive": self.stack.agent.alive(),
                       "agentRssKib": self.stack.agent.rss_kib(), "bridgeRssKib": self.stack.bridge.rss_kib(),
                       "window": WINDOW_SIZE, "logs": [p.log_path for p in (self.stack.bridge, self.stack.agent)],
                       "unknown": self.stack.bridge.metric("smpp_connector_submit_unknown_total"),
                       "flows": self.flows}, f)

    def witness(self):
        """The kernel's view of the pace, where this machine lets us have it."""
        if not capture.available():
            return contextlib.nullcontext()
        return capture.Capture(self.path("pace.pcap"), [self.stack.mno.port])

    def run(self):
        print(f"==> nemesis: seed {self.options.seed}, {self.options.minutes} min, {self.options.rate}/s, "
              f"in {self.directory}", flush=True)
        self.stack.start()
        self.began = time.monotonic()
        self.clocks = [(time.monotonic_ns(), time.time_ns())]
        self.observer.start()
        workload = Workload(self.stack, self.observer, self.journal, self.options.rate,
                            random.Random(self.options.seed + 1))
        with self.witness() as seen:
            workload.start()
            wait_for(lambda: self.stack.mno.stats()["submits"] > 2 * self.options.tps, 60, "a full load", 0.1)
            for watcher in self.watchers:
                watcher.start()
            counts = self.torment()
            workload.stop()
            self.quiet_down()
            for watcher in self.watchers:
                watcher.stop()
        self.observer.stop()
        self.flows = seen.submit_times_by_flow() if seen else None
        self.dump()
        self.journal.close()
        print("    faults: " + ", ".join(f"{n} {c}" for n, c in sorted(counts.items())), flush=True)
        print(f"    took {time.monotonic() - self.began:.0f} s", flush=True)
        return checker.check(self.directory)

    def close(self, ok):
        for watcher in self.watchers:
            if watcher.is_alive():
                watcher.stop()
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
    parser.add_argument("--plan", help="these instead of random ones: fault[+fault…]:seconds:seconds of quiet, "
                        "comma-separated")
    parser.add_argument("--tps", type=int, default=300, help="limit of each of the two operators")
    parser.add_argument("--patience", type=float, default=LIFE_S / 2 + 15,
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
