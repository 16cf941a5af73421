"""Versions meet: what any released version said on the IPC is understood today, on both sides, and so is what a later
one will say (proto/README.md, "Compatibility"). tests/unit/proto/test_ipc.c has the same transcripts record by record."""
import glob
import os
import struct

import pytest

from harness import tape as tapes
from harness.fake_agent import FakeAgent
from harness.fake_bridge import FakeBridge
from harness.ipc import RECORDS, record
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import DELIVER_SM, RESP, SUBMIT_SM, Smsc, receipt_body

TRANSCRIPTS = sorted(glob.glob(os.path.join(tapes.DIRECTORY, "ipc-*.txt")))
BOUND = 3


def version(path):
    return os.path.basename(path)[4:-4]


def encoded(name, body):
    return struct.pack(">HHI", RECORDS[name].number, 0, len(body)) + body


def decoded(tape, direction, name):
    return [RECORDS[name].decode(body) for n, body in tapes.records(tape, direction) if n == name]


# --- an older bridge, today's agent --------------------------------------------------------------


class OldBridge(FakeBridge):
    """Says what is on the tape, each record when what it answers to has come. Credentials can't be replayed: they are
    sealed to a key that was made for one request."""

    def play(self, tape, smsc):
        self.recorded = decoded(tape, "<", "OUTCOME")
        for name, body in tapes.records(tape, ">"):
            r = RECORDS[name].decode(body)
            if name == "HELLO" and not self.number_out:
                self.send_batch(encoded(name, body))
                self.wait("LIST_END")
            elif name not in ("HELLO", "HEARTBEAT", "CREDENTIALS"):
                self._await_reason(name, r, smsc)
                self.send_batch(encoded(name, body))

    def _await_reason(self, name, r, smsc):
        if name == "SUBMIT":
            self.session_state(r["operator_id"], BOUND)
        elif name == "RETRY":
            self.wait("OUTCOME", key=r["key"])
        elif name in ("CLOSE", "SETTLED"):
            for o in self.recorded:
                if o["key"][:3] == r["key"][:3]:
                    self.wait("OUTCOME", key=o["key"])
        elif name == "HEALTH_DONE":
            self.wait("HEALTH", operator_id=r["operator_id"], number=r["number"])
        elif name == "DELIVER_DONE":
            smsc.wait_bound().request(DELIVER_SM, receipt_body("99970000001", "Acme", "id:4711 stat:DELIVRD"),
                                      sequence=500)
            self.wait("DELIVER", id=r["id"])


def as_recorded(tape):
    """An MNO that answers each submit as that of the recording did: by its text."""
    tried = []

    def answer(c, p):
        if b"tried again" in p.body and not tried:
            tried.append(p)
            c.smsc.answer(c, p, 0x08)
        elif b"refused" in p.body:
            c.smsc.answer(c, p, 0x0B)
        elif b"unknown" not in p.body:
            c.smsc.answer(c, p)
    return answer


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=version)
def test_the_agent_serves_an_older_bridge(tmp_path, path):
    tape = tapes.read(path)[0]
    smsc = Smsc(handlers={SUBMIT_SM: as_recorded(tape)})
    agent = Agent(tmp_path / "agent").start()
    bridge = OldBridge(agent.ipc_url)
    try:
        for o in decoded(tape, ">", "OPERATOR"):
            bridge.credentials[o["operator_id"]] = {"port": smsc.port, "system_id": "smsgw0001"}
        bridge.connect()
        bridge.play(tape, smsc)
        wanted = {(o["key"], o["kind"], o["status"]) for o in decoded(tape, "<", "OUTCOME")}
        wait_for(lambda: wanted <= {(o["key"], o["kind"], o["status"]) for o in bridge.all("OUTCOME")}, 10,
                 "the outcomes of the recording", 0.05)
        answers = [p.status for c in smsc.connections for p in c.received if p.command == DELIVER_SM | RESP]
        assert answers == [0]
        assert {h["status"] for h in bridge.all("HEALTH")} >= {h["status"] for h in decoded(tape, "<", "HEALTH")}
        assert not bridge.closed and bridge.gaps == 0
        settled = {s["key"][:3] for s in decoded(tape, ">", "SETTLED")}
        bridge.die()
        again = FakeBridge(agent.ipc_url).attach(timeout=15)
        left = {o["key"][:3] for o in again.listing if o["type"] == "OUTCOME"}
        again.die()
        assert settled and not left & settled, "what it settled is forgotten"
    finally:
        bridge.die()
        agent.kill()
        smsc.close()


# --- an older agent, today's bridge --------------------------------------------------------------


@pytest.fixture
def with_agent(make_stack, tmp_path):
    """A real bridge on real servers, and an agent to be played."""
    made = []

    def make(operators=2):
        stack = make_stack(operators=operators, mno_address=("127.0.0.1", 9))
        stack.start_servers().start_mno()
        agent = FakeAgent(f"ipc://{tmp_path}/old.ipc")
        stack.bridge = stack.make_bridge(IPC_URL=f"ipc://{tmp_path}/old.ipc")
        stack.bridge.start()
        made.append(agent)
        return stack, agent.accept()
    yield make
    for agent in made:
        agent.end()


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=version)
def test_the_bridge_serves_an_older_agent(with_agent, path):
    stack, agent = with_agent()
    first, second = tapes.read(path)[:2]
    began = [n for n, _ in tapes.records(second, "<")].index("ATTACHED") + 1
    listing = []
    for name, body in tapes.records(second, "<")[began:]:
        if name == "LIST_END":
            break
        listing.append(encoded(name, body))
    agent.attach(attachment=2, minor=int(version(path).split(".")[1]), listing=b"".join(listing))
    wait_for(lambda: sum(r["type"] == "OPERATOR" for r in agent.records) == 2, 10, "it declares two operators")
    rows = {r["operatorId"]: r["state"] for r in stack.bridge.sessions()}
    shown = {s["operator_id"]: s for s in decoded(second, "<", "SESSION")[:2]}
    assert rows == {oid: "BOUND" for oid in stack.ids} and all(s["state"] == BOUND for s in shown.values())
    for transition in decoded(first, "<", "HEALTH"):
        agent.send_batch(record("HEALTH", **{k: v for k, v in transition.items() if k != "type"}))
        agent.wait("HEALTH_DONE", number=transition["number"], operator_id=transition["operator_id"])
    (outcome,) = [o for o in decoded(second, "<", "OUTCOME") if o["status"] == 0 and o["response"]][:1]
    message_id = outcome["response"].rstrip(b"\0")
    wait_for(lambda: [k for k in stack.redis.command("KEYS", "smpp:dlr:*") if message_id in _octets(k)], 10,
             "the correlation of what the dead bridge had not stored", 0.05)
    for name, body in tapes.records(first, "<"):
        if name == "DELIVER":
            agent.send_batch(encoded(name, body))
            agent.wait("DELIVER_DONE", id=RECORDS[name].decode(body)["id"], status=0)
    assert [e["operatorMessageId"] for e in stack.dlr_events()] == ["4711"]
    assert stack.bridge.alive() and not agent.closed


def _octets(key):
    return key if isinstance(key, bytes) else key.encode()


# --- a newer peer --------------------------------------------------------------------------------


def longer(name, **values):
    """The record as a later version may send it: with fields that nobody knows yet."""
    body = RECORDS[name].encode(**values) + b"\0\7novelty"
    return encoded(name, body)


UNKNOWN = struct.pack(">HHI", 999, 0, 5) + b"novel"


def test_the_bridge_serves_a_newer_agent(with_agent):
    stack, agent = with_agent(operators=1)
    oid = bytes.fromhex(stack.ids[0].replace("-", ""))
    row = {"operator_id": oid, "bind_mode": 1, "state": BOUND, "phase": "dreaming", "since_ms": 1700000000000,
           "last_bound_ms": 1700000000000, "window_limit": 100}
    agent.attach(minor=99, version="9.9.9", listing=UNKNOWN + longer("SESSION", **row) + UNKNOWN
                 + longer("CREDIT", operator_id=oid, slots=200))
    assert agent.wait("OPERATOR", operator_id=oid)
    wait_for(lambda: [r["state"] for r in stack.bridge.sessions()] == ["BOUND"], 10, "its session is shown")
    agent.send_batch(UNKNOWN, longer("DELIVER", operator_id=oid, id=7, command_id=DELIVER_SM, hold_left_ms=8000,
                                     body=receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")))
    assert agent.wait("DELIVER_DONE", id=7)["status"] == 0
    detail = stack.bridge.json("/sessions/" + stack.ids[0])["binds"][0]
    assert detail["phase"] == "dreaming" and not agent.closed


def test_sigterm_while_the_agent_goes_is_not_lost(with_agent):
    """The bridge starts itself anew when the pipe ends; what it was asked just before, the new program does."""
    stack, agent = with_agent(operators=1)
    agent.attach()
    agent.wait("DECLARE_END")
    for _ in range(3):
        agent.end()
        stack.bridge.send_signal(15)
        assert stack.bridge.wait(10) == 0
        agent = FakeAgent(agent.url)
        stack.bridge.start()
        agent.accept().attach()
        agent.wait("DECLARE_END")
    agent.end()
