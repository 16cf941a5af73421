"""What the fuzzers keep, and the same a little wrong, over real sockets through the real programs. Whatever it is, the
worst it may cost is the session or the pipe that it came on; in the sanitizer build this is also a run of the
decoders where they stand."""
import collections
import itertools
import os
import struct

import pytest

from harness import tape
from harness.corpus import kept, spoiled
from harness.fake_agent import FakeAgent
from harness.fake_bridge import ACCEPTED, FakeBridge, operator_id
from harness.ipc import NAMES, now_ms, record
from harness.process import wait_for
from harness.programs import BUILD
from harness.smsc import (ALERT_NOTIFICATION, DATA_SM, DELIVER_SM, ENQUIRE_LINK, GENERIC_NACK, RESP, SUBMIT_SM, UNBIND,
                          Smsc, pdu, receipt_body, tlv)

LARGEST_PDU = 131072
OUTBIND = 0x0B
SETTINGS = {"RECONNECT_MIN_MS": 100, "RECONNECT_MAX_MS": 100, "DELIVER_HOLD_MS": 1000, "MO_SUBJECT": "sms.mo.inbound"}


# A sanitizer keeps what was freed for a while, and looks for leaks at the end.
GROWTH_KIB = 8 * 1024 if os.path.basename(BUILD) == "release" else 256 * 1024


class Memory:
    """Of a process, from now on."""

    def __init__(self, *processes):
        self.before = {p: p.rss_kib() for p in processes}

    def has_not_grown(self):
        for process, before in self.before.items():
            assert process.alive(), process.name
            grown = process.rss_kib() - before
            print(f"{process.name}: {before} KiB and {grown} more")
            assert grown < GROWTH_KIB, f"{process.name} has grown by {grown} KiB"


# --- from the MNO --------------------------------------------------------------------------------


@pytest.fixture
def hostile(make_stack, smsc):
    """(stack, the scripted MNO of the first operator); the second operator's is mno-sim."""
    stack = make_stack(operators=2, bridge_settings=dict(SETTINGS))
    stack.credentials[stack.ids[0]] = {"port": smsc.port}
    stack.start_servers()
    stack.client.create_stream("MO", ["sms.mo.inbound"])
    stack.register_instance()
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge().start()
    stack.bridge.wait_ready()
    wait_for(lambda: {s["state"] for s in stack.bridge.sessions()} == {"BOUND"}, 20, "both are bound")
    return stack, smsc


class TheOther:
    """The second operator, whose traffic goes on over the bind that it has."""

    def __init__(self, stack):
        self.stack, self.sent = stack, 0

    def passes(self):
        self.stack.send(1, operator=1)
        self.sent += 1

    def has_lost_nothing(self):
        wait_for(lambda: self.stack.unacknowledged(1) == 0, 20, "all acknowledged", 0.05)
        stats = self.stack.mno.stats()
        assert (stats["connections"], stats["binds"], stats["submits"]) == (1, 1, self.sent)


def course(raw):
    """What becomes of the session, and the answers that are due before: {(command_id, sequence): how many}"""
    due = collections.Counter()
    while raw:
        if len(raw) < 16:
            return "waits", due
        length, command, _, sequence = struct.unpack(">IIII", raw[:16])
        if not 16 <= length <= LARGEST_PDU:
            return "is ended", due
        if len(raw) < length:
            return "waits", due
        if command in (DELIVER_SM, DATA_SM, ENQUIRE_LINK, UNBIND):
            due[command | RESP, sequence] += 1
        elif not command & RESP and command not in (ALERT_NOTIFICATION, OUTBIND):
            due[GENERIC_NACK, sequence] += 1
        if command == UNBIND:
            return "is unbound", due
        raw = raw[length:]
    return "goes on", due


def answers(connection):
    ours = (ENQUIRE_LINK, SUBMIT_SM, UNBIND)
    return collections.Counter((p.command, p.sequence) for p in connection.received[1:] if p.command not in ours)


def test_pdus(hostile):
    """Those that the session survives on one connection, each of the others on one of its own."""
    stack, smsc = hostile
    other, memory = TheOther(stack), Memory(stack.agent, stack.bridge)
    courses = collections.defaultdict(list)
    for name, raw in kept("pdu"):
        for one, octets in ((name, raw), *spoiled(name, raw, flips=8, lengths=((0, 4),))):
            courses[course(octets)[0]].append((one, octets))
    assert set(courses) == {"goes on", "is ended", "waits", "is unbound"} and len(courses["goes on"]) > 50
    connection, due = smsc.wait_bound(), collections.Counter()
    for _, octets in courses.pop("goes on"):
        connection.send(octets)
        due += course(octets)[1]
    other.passes()
    wait_for(lambda: answers(connection) == due, 10, f"{due}, not {answers(connection)}")
    assert smsc.connections == [connection] and not connection.closed.is_set()
    for what, entries in courses.items():
        for name, octets in entries:
            connection = smsc.wait_bound()
            connection.send(octets)
            due = course(octets)[1]
            if what == "is ended":
                due[GENERIC_NACK, 0] += 1
            wait_for(lambda: not due - answers(connection), 10, f"{name}: {due}, not {answers(connection)}")
            if what == "waits":
                assert not connection.closed.is_set(), name
                connection.close()
            assert connection.closed.wait(10), f"{name}: the session {what}"
            smsc.wait_bound(after=len(smsc.connections))
        other.passes()
    other.has_lost_nothing()
    memory.has_not_grown()


def delivered(fuzzer, octets):
    """The bodies of deliver_sm that such an entry stands for: see the first lines of tests/fuzz/fuzz_NAME.c."""
    def body(message, esm_class, data_coding=0, tlvs=b""):
        return receipt_body("99970000001", "Acme", message, esm_class, tlvs, data_coding)
    if fuzzer == "tlv":
        return [body(b"id:0123456789 stat:DELIVRD", 0x04, tlvs=octets), body(b"", 0x04, tlvs=octets),
                body(b"", 0, tlvs=tlv(0x0424, octets))]
    if fuzzer == "udh":
        header = octets[0] & 0x40
        return [body(octets[2:], esm_class | header, octets[1]) for esm_class in (0, 0x04)]
    end = 3 + octets[2]
    return [body(octets[end:], octets[0], octets[1] >> 4, tlvs=octets[3:end])]


def test_receipts_and_messages(hostile):
    """Each is answered, on a session that stands; what is published of them is well-formed."""
    stack, smsc = hostile
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence, b"0123456789\0"))
    stack.send(1)
    wait_for(lambda: stack.unacknowledged() == 0, 20, "one that they tell of", 0.05)
    other, memory = TheOther(stack), Memory(stack.agent, stack.bridge)
    connection, sequence = smsc.wait_bound(), itertools.count(1)
    bodies = [body for fuzzer in ("receipt", "udh", "tlv") for name, raw in kept(fuzzer) for _, octets in
              ((name, raw), *spoiled(name, raw, flips=4)) if len(octets) >= 3 for body in delivered(fuzzer, octets)]
    assert len(bodies) > 200
    for begin in range(0, len(bodies), 100):
        part = [pdu(DELIVER_SM, 0, next(sequence), body) for body in bodies[begin:begin + 100]]
        connection.send(b"".join(part))
        other.passes()
        wait_for(lambda: connection.count(DELIVER_SM | RESP) == begin + len(part), 20, "all are answered")
    events = stack.dlr_events()
    assert {"DELIVERED", "EXPIRED"} <= {e["status"] for e in events} and any(e["messageId"] for e in events)
    assert len(stack.client.read_stream("MO")) > 10
    assert smsc.connections == [connection] and not connection.closed.is_set()
    other.has_lost_nothing()
    memory.has_not_grown()


def test_answers_to_submits(hostile):
    """Whatever the id is, the message is sent once and is done with."""
    stack, smsc = hostile
    other, memory = TheOther(stack), Memory(stack.agent, stack.bridge)
    bodies = [octets for name, raw in kept("submit_resp")
              for _, octets in ((name, raw), *spoiled(name, raw, flips=6))]
    rest = iter(bodies)
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence, next(rest)))
    stack.send(len(bodies))
    other.passes()
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "all acknowledged", 0.05)
    assert len(smsc.submits()) == len(bodies) > 40 and len(smsc.connections) == 1
    other.has_lost_nothing()
    memory.has_not_grown()


# --- over the IPC --------------------------------------------------------------------------------

FRAME, BATCH, RECORD = 9, 16, 8  # octets of their headers
BEHIND_THE_FRAME = [  # a message, as no peer sends it
    b"\2" + struct.pack(">Q", 16) + bytes(16), b"\1" + struct.pack(">Q", 1024 * 1024 + 1), b"\1" + b"\xff" * 8,
    b"\1" + struct.pack(">Q", 0), b"\1" + struct.pack(">Q", 15) + bytes(15), b"\1" + struct.pack(">Q", 16) + bytes(16)]


def batches(sender):
    """(name, records, whether the pipe must end: None where either may be)"""
    for name, raw in kept("ipc"):
        _, _, records = tape.split(raw[FRAME:])
        octets = raw[FRAME + BATCH:]
        kinds = {NAMES[kind] for kind, _ in records}
        wrong = any(k.sender not in (sender, "EITHER") or (k.name, sender) == ("HELLO", "BRIDGE") for k in kinds)
        yield name, octets, wrong
        last = len(records[-1][1]) + RECORD  # octets of the last record
        yield f"{name}, cut", octets[:-(1 + last // 2)] if last > RECORD else octets[:-1], True
        for one, harmed in spoiled(name, octets, flips=3, lengths=((4, 4),)):
            yield one, harmed, True if ", length" in one else None


def send(pipe, octets):
    try:
        pipe.socket.sendall(octets)
    except OSError:
        pass  # it is closed already


def send_batch(pipe, *records):
    try:
        pipe.send_batch(*records)
    except OSError:
        pass


def talk_nonsense(sender, peer, attached, goes_on, end):
    """All of it, over this pipe and over a new one after each that ends; how many batches ended theirs."""
    ended = 0
    for name, octets, must_end in batches(sender):
        send_batch(peer, octets)
        alive = goes_on(peer)
        assert must_end is None or alive != must_end, name
        if not alive:
            ended += 1
            end(peer)
            peer = attached()
    for raw in [raw for _, raw in kept("ipc")] + BEHIND_THE_FRAME:
        send(peer, raw)
        if not goes_on(peer):
            end(peer)
            peer = attached()
    end(peer)
    return ended


def test_a_bridge_talks_nonsense(agent, smsc):
    """Operators 1 and 2, of whom the kept records tell, and a third one whose traffic goes on."""
    third, mno = operator_id(0x77), Smsc()
    sequence = itertools.count(1)

    def attached():
        bridge = FakeBridge(agent.ipc_url)
        bridge.sequence = sequence
        bridge.credentials = {operator_id(1): {"port": smsc.port}, operator_id(2): {"port": smsc.port},
                              third: {"port": mno.port}}
        bridge.attach(timeout=15)
        bridge.declare(*[(oid, {}) for oid in bridge.credentials])
        bridge.send("PACE", operator_id=third, per_second=10000)
        return bridge

    def goes_on(bridge):
        """Whether the pipe does: the answer to a submit comes, or the end."""
        key = bridge.key()
        send_batch(bridge, record("SUBMIT", operator_id=third, key=key, segments=1, not_after_ms=now_ms() + 60000,
                                  body=b"\0" * 17))

        def told():
            return bridge.closed or bridge.all("OUTCOME", key=key)
        wait_for(told, 10, "an outcome, or the end", 0.001)
        outcomes = bridge.all("OUTCOME", key=key)
        assert not outcomes or outcomes[0]["kind"] == ACCEPTED
        return bool(outcomes)
    bridge = attached()
    bridge.session_state(third, 3)
    memory = Memory(agent)
    ended = talk_nonsense("BRIDGE", bridge, attached, goes_on, FakeBridge.die)
    assert ended > 100
    assert len(mno.connections) == len(mno.binds()) == 1 and not mno.connections[0].closed.is_set()
    memory.has_not_grown()
    mno.close()


def test_an_agent_talks_nonsense(make_stack):
    """The bridge begins anew with each pipe, and serves the agent that comes at last."""
    stack = make_stack(operators=2).start_servers()
    stack.register_instance()
    stack.start_mno()
    stack.bridge = stack.make_bridge().start()
    numbers = itertools.count(1 << 32)
    oid = bytes.fromhex(stack.ids[0].replace("-", ""))

    def goes_on(agent):
        """Whether the pipe does: a transition is stored, or the end comes."""
        number = next(numbers)
        send_batch(agent, record("HEALTH", operator_id=oid, agent_instance=agent.instance, number=number, status=1,
                                 at_ms=now_ms()))

        def told():
            return agent.closed or [r for r in agent.records if r["type"] == "HEALTH_DONE" and r["number"] == number]
        wait_for(told, 10, "it is stored, or the end", 0.001)
        return not agent.closed

    def attached():
        agent = FakeAgent(stack.agent.ipc_url).accept()
        agent.attach()
        return agent
    agent, memory = attached(), Memory(stack.bridge)
    ended = talk_nonsense("AGENT", agent, attached, goes_on, FakeAgent.end)
    assert ended > 100
    stack.agent.start()
    stack.bridge.wait_ready()
    ids = stack.send(2)
    wait_for(lambda: stack.unacknowledged() == 0, 20, "they are sent", 0.05)
    assert stack.mno.stats()["submits"] == len(ids)
    memory.has_not_grown()
