"""The demonstration behind tests/demo: real servers, real sockets, a table at the end."""
import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from harness.process import Deadline, wait_for  # noqa: E402
from harness.stack import Stack, command, now_iso  # noqa: E402

DARI = "کد تأیید شما {} است. این کد را به هیچ کس ندهید."
PASHTO = "ستاسو د تایید کوډ {} دی. دا کوډ له چا سره مه شریکوئ."
LONG = ("Dear customer, your statement is ready. Opening balance 1,240.50, three card payments of 20.00, "
        "one transfer of 310.75 to savings, one cash withdrawal of 100.00, interest 0.42. ") * 3 + "Thank you."
REFUSED_SUFFIX = "99999"


def say(text, file=sys.stdout, style="1"):
    line = f"==> {text}"
    print(f"\033[{style}m{line}\033[0m" if file.isatty() else line, file=file, flush=True)


def ordinary(oid, i, rng):
    code = f"{rng.randrange(10**6):06d}"
    kind, text = rng.choice([
        ("one-time password, GSM 7", f"Your one-time password is {code}. It is valid for 3 minutes."),
        ("one-time password, GSM 7", f"{code} is your code. Don't share it."),
        ("Dari, UCS-2", DARI.format(code)),
        ("Pashto, UCS-2", PASHTO.format(code)),
        ("bank alert, GSM 7", f"Account ending 0{i % 1000:03d}: you paid {rng.randrange(1, 500)}.00 today."),
    ])
    return kind, command(oid, text=text, to="+9997%07d" % (i + 1), sender="DemoBank")


def odd_ones(oid):
    yield "four segments, GSM 7", command(oid, text=LONG, to="+99972000001")
    yield "flash, GSM 7", command(oid, text="Flash: evacuate zone 4 now", to="+99972000002", messageType="FLASH")
    yield "expired before it came", command(oid, to="+99972000003", expiresAt=now_iso(-60))
    yield "refused by the MNO", command(oid, to="+999720" + REFUSED_SUFFIX)
    yield "malformed (no text)", {k: v for k, v in command(oid, to="+99972000004").items() if k != "text"}


class Demo:
    def __init__(self, count):
        self.count = count
        self.directory = tempfile.mkdtemp(prefix="smpp-connector-demo-")
        self.stack = Stack(self.directory, mno_options=[
            "--latency-ms", "5-20", "--receipt-delay-ms", "50-400", "--receipt-states", "DELIVRD:96,UNDELIV:3,EXPIRED:1",
            "--status-for-dest", f"{REFUSED_SUFFIX}=0x0B"], tps=200)
        self.kinds = {}  # messageId → kind
        self.commands = []

    def start(self):
        say("Starting nats-server (JetStream on files), redis-server, the MNO, the credentials endpoint, both programs")
        self.stack.start()
        print(f"    bound: {json.dumps(self.stack.bridge.sessions()[0])}")

    def publish(self):
        oid, rng = self.stack.ids[0], random.Random(7)
        for i in range(self.count):
            self.commands.append(ordinary(oid, i, rng))
        middle = len(self.commands) // 2
        self.commands[middle:middle] = list(odd_ones(oid))
        self.kinds = {c["messageId"]: kind for kind, c in self.commands}
        say(f"Publishing {len(self.commands)} commands to smpp.operator.{oid} (tpsLimit {self.stack.tps})")
        self.stack.client.store_many([(f"smpp.operator.{oid}", json.dumps(c)) for _, c in self.commands])

    def events(self):
        return self.stack.dlr_events()

    def progress(self, until, text, timeout=60):
        """Until it is true, with a line each half second; Deadline when nothing moved for so long."""
        moved, last, shown = time.monotonic(), None, 0.0
        while time.monotonic() < moved + timeout:
            done = until()
            if not done and time.monotonic() < shown + 0.5:
                time.sleep(0.02)
                continue
            shown = time.monotonic()
            line = (f"    waiting in JetStream {self.stack.client.stream_messages_count('SMS_DISPATCH'):5d}   "
                    f"at the MNO {self.stack.mno.stats()['submits']:5d}   "
                    f"events {self.stack.client.stream_messages_count('DLR_EVENTS'):5d}")
            if line != last:
                print(line, flush=True)
                moved, last = time.monotonic(), line
            if done:
                return
        raise Deadline(f"{text} did not come: nothing moves for {timeout} s")

    def kill_bridge(self):
        pid, bound = self.stack.bridge.pid, self.stack.bridge.sessions()[0]["lastBoundAt"]
        say(f"kill -9 {pid}: the bridge dies with messages in flight, and is started again")
        began = time.monotonic()
        self.stack.restart_bridge()
        self.stack.bridge.wait_ready()
        again = self.stack.bridge.sessions()[0]["lastBoundAt"]
        print(f"    back after {time.monotonic() - began:.2f} s; bound since {again}"
              f" ({'the same bind' if again == bound else 'ANOTHER BIND'})")
        return again == bound

    def run(self):
        self.start()
        self.publish()
        third = len(self.commands) // 3
        self.progress(lambda: self.stack.mno.stats()["submits"] >= third, "a third of the messages")
        same_bind = self.kill_bridge()
        wanted = len(self.commands) - 1 + 4  # four segments; the malformed one is reported as well
        self.progress(lambda: self.stack.client.stream_messages_count("DLR_EVENTS") >= wanted
                      and self.stack.unacknowledged() == 0, "the last receipt")
        return self.table(same_bind)

    def table(self, same_bind):
        rows = {}
        ends = Counter()
        for event in self.events():
            kind = self.kinds.get(event["messageId"], "not correlated")
            how = f"{event['status']} ({event['source']})"
            rows.setdefault(kind, Counter())[how] += 1
            ends[event["messageId"]] += 1
        say("What became of them")
        sent = Counter(kind for kind, _ in self.commands)
        width = max(map(len, sent)) + 2
        print(f"    {'kind':{width}} {'sent':>5}   events")
        for kind in sent:
            print(f"    {kind:{width}} {sent[kind]:5d}   "
                  + ", ".join(f"{n} {how}" for how, n in sorted(rows.get(kind, {}).items())))
        letters = self.stack.client.read_stream("DEAD_LETTERS")
        print(f"    kept on smpp.deadletter.{self.stack.ids[0]}: {len(letters)}")
        stats = self.stack.mno.stats()
        say("/sessions")
        print(json.dumps(self.stack.bridge.json("/sessions"), indent=2))
        segments = sum(1 for kind, _ in self.commands if kind.startswith("four")) * 3
        never_sent = sum(1 for kind, _ in self.commands if kind.startswith(("expired", "malformed")))
        checks = [
            ("every command ended in an event", all(ends[c["messageId"]] for _, c in self.commands)),
            ("each was sent to the MNO once, the expired and malformed ones never",
             stats["submits"] == len(self.commands) + segments - never_sent),
            ("nothing is left unacknowledged", self.stack.unacknowledged() == 0),
            ("no receipt without its message", "not correlated" not in rows),
            ("one bind in the MNO's history, through the bridge's death", stats["binds"] == 1 and same_bind),
        ]
        say("Checked")
        for text, ok in checks:
            print(f"    {'yes' if ok else 'NO '}  {text}")
        return all(ok for _, ok in checks)

    def keep(self):
        s = self.stack
        say("Left running; Ctrl-C ends it all")
        print(f"    http://127.0.0.1:{s.bridge.port}/sessions   /metrics   /ready   /sessions/{s.ids[0]}\n"
              f"    {s.nats.url}   {s.redis.url}   SMPP 127.0.0.1:{s.mno.port}   MNO control 127.0.0.1:{s.mno.control_port}\n"
              f"    logs and data: {self.directory}")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})

    def stop(self):
        self.stack.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    demo = Demo(options.count)
    ok = False
    try:
        ok = demo.run()
        if options.keep:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            demo.keep()
    except (Deadline, AssertionError, OSError) as e:
        say(e, sys.stderr, "1;31")
        for process in (demo.stack.agent, demo.stack.bridge):
            if process:
                print(f"last lines of {process.name}:", *process.lines[-5:], sep="\n    ", file=sys.stderr)
    finally:
        demo.stop()
    say("All is as promised" if ok else "Something is not as promised")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
