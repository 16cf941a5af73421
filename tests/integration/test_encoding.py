"""What stands in a submit_sm: alphabets, long texts and fields, as the operator's settings and the command want
them. Many operators on one scripted SMSC; each message is known by its recipient."""
import itertools
import json
import re
import struct

import pytest

from harness.process import wait_for
from harness.smsc import SUBMIT_SM
from harness.stack import command, now_iso

PACKED = bytes.fromhex("e8329bfd4697d9ec37")  # "hellohello", the example of many a manual
PLACES = itertools.count(1)
NO_NUMBERS = {"source_ton": 5, "source_npi": 0, "dest_ton": 1, "dest_npi": 1}


@pytest.fixture
def on(make_stack, smsc):
    """on({name: settings}) gives send(name, …), which returns the fields of what was submitted for it."""
    def start(by_name, **bridge_settings):
        stack = make_stack(operators=len(by_name), mno_address=("127.0.0.1", smsc.port),
                           bridge_settings=bridge_settings)
        stack.operator_settings = dict(zip(stack.ids, by_name.values()))
        names = list(by_name)
        stack.start()

        def send(name, count=1, **fields):
            to = "99971%06d" % next(PLACES)
            stack.send(1, operator=names.index(name), to="+" + to, **fields)
            return wait_for(lambda: (lambda s: s if len(s) >= count else None)(submitted(smsc, to)), 20,
                            f"{count} submit_sm of {name}")
        send.stack = stack
        return send
    return start


def submitted(smsc, to):
    return [f for f in (p.fields() for p in smsc.submits()) if f["dest"] == to]


def parameters(fields):
    """The optional parameters, as a list: one that is there twice is seen twice."""
    out, rest = [], fields["tlvs"]
    while rest:
        tag, length = struct.unpack(">HH", rest[:4])
        out.append((tag, rest[4:4 + length]))
        rest = rest[4 + length:]
    return out


def reference_of(fields, size):
    return fields["short_message"][3:3 + size]


def expect(fields, **wanted):
    assert {k: fields[k] for k in wanted} == wanted


SETTINGS = {
    # name: settings, fields of the command, fields of the submit_sm
    "plain": ({}, {"text": "Hi @£€"},
              {"short_message": b"Hi \x00\x01\x1b\x65", "data_coding": 0, "esm_class": 0, "registered_delivery": 1,
               "protocol_id": 0, "priority": 0, "replace": 0, "service_type": "", "schedule": "", "tlvs": b"",
               "source": "Acme", **NO_NUMBERS}),
    "upgraded": ({}, {"text": "Zażółć", "encoding": "GSM7"},
                 {"short_message": "Zażółć".encode("utf-16-be"), "data_coding": 8}),
    "latin1": ({"defaultAlphabet": "latin1"}, {"text": "Çé@"}, {"short_message": b"\xc7\xe9@", "data_coding": 0}),
    "ascii": ({"defaultAlphabet": "ascii"}, {"text": "a@b_c"}, {"short_message": b"a@b_c", "data_coding": 0}),
    "ascii-upgraded": ({"defaultAlphabet": "ascii"}, {"text": "é"}, {"short_message": b"\0\xe9", "data_coding": 8}),
    "packed": ({"gsm7Packed": True}, {"text": "hellohello"}, {"short_message": PACKED, "data_coding": 0}),
    "turkish": ({"shiftTables": ["turkish"]}, {"text": "ış"},
                {"short_message": bytes.fromhex("03240101") + b"\x1bi\x1bs", "esm_class": 0x40, "data_coding": 0}),
    "transliterated": ({"transliterate": True}, {"text": "Zażółć"}, {"short_message": b"Zazolc", "data_coding": 0}),
    "numbers": ({"sourceTon": 3, "sourceNpi": 9, "destTon": 2, "destNpi": 8}, {},
                {"source_ton": 3, "source_npi": 9, "dest_ton": 2, "dest_npi": 8}),
    "fields": ({"serviceType": "CMT", "priority": 2, "protocolId": 65, "registeredDelivery": 17,
                "replaceIfPresent": True}, {},
               {"service_type": "CMT", "priority": 2, "protocol_id": 65, "registered_delivery": 17, "replace": 1}),
    "tlvs": ({"tlvs": [{"tag": "0x1403", "hex": "0a0b"}, {"tag": "0x1404", "hex": ""}]}, {},
             {"tlvs": bytes.fromhex("140300020a0b14040000")}),
    "tlvs-of-both": ({"tlvs": [{"tag": "0x1403", "hex": "0a0b"}, {"tag": "0x1404", "hex": "01"}]},
                     {"tlvs": [{"tag": "0x1403", "hex": "ff"}]}, {"tlvs": bytes.fromhex("1404000101" "14030001ff")}),
    "no-validity": ({"validity": "none"}, {}, {"validity": ""}),
}


def test_settings_of_the_operator(on):
    send = on({**{name: row[0] for name, row in SETTINGS.items()}, "relative": {"validity": "relative"}})
    for name, (_, fields, wanted) in SETTINGS.items():
        (got,) = send(name, **fields)
        assert {k: got[k] for k in wanted} == wanted, name
    (got,) = send("plain", expiresAt="2031-02-03T04:05:06.700Z")
    assert got["validity"] == "310203040506700+"
    (got,) = send("plain", expiresAt=None)
    assert got["validity"] == ""
    (got,) = send("relative", expiresAt=now_iso(2 * 86400 + 3600 + 1800))
    assert re.fullmatch(r"0000020129\d\d000R", got["validity"])


def test_long_texts(on):
    send = on({"udh8": {"replaceIfPresent": True}, "udh16": {"concatenation": "udh16"},
               "sar": {"concatenation": "sar"}, "two": {"maxSegments": 2}, "packed": {"gsm7Packed": True}})
    text = "".join(chr(97 + i % 26) for i in range(400))
    got = send("udh8", 3, text=text)
    assert [g["short_message"][:6] for g in got] == [b"\5\0\3" + reference_of(got[0], 1) + bytes([3, k])
                                                     for k in (1, 2, 3)]
    assert [len(g["short_message"]) - 6 for g in got] == [153, 153, 94]
    assert b"".join(g["short_message"][6:] for g in got).decode() == text
    assert all(g["esm_class"] == 0x40 and g["replace"] == 0 for g in got), "a part does not replace a part"
    got = send("udh16", 3, text=text)
    assert [g["short_message"][:7] for g in got] == [b"\6\x08\4" + reference_of(got[0], 2) + bytes([3, k])
                                                     for k in (1, 2, 3)]
    assert [len(g["short_message"]) - 7 for g in got] == [152, 152, 96]
    got = send("sar", 3, text=text)
    assert all(g["esm_class"] == 0 for g in got)
    reference = dict(parameters(got[0]))[0x020C]
    assert [parameters(g) for g in got] == [[(0x020C, reference), (0x020E, b"\3"), (0x020F, bytes([k]))]
                                            for k in (1, 2, 3)]
    got = send("packed", 3, text=text)
    assert [len(g["short_message"]) for g in got] == [140, 140, 6 + (94 * 7 + 1 + 7) // 8]
    send.stack.send(1, operator=3, text=text)
    (event,) = wait_for(send.stack.dlr_events, 15, "the event")
    assert (event["status"], event["source"]) == ("REJECTED", "CONNECTOR")
    assert "segments" in event["reason"]


def test_what_belongs_together(on, smsc):
    send = on({"plain": {}})
    text = "ż" + "😀" * 70
    got = send("plain", 3, text=text)
    pieces = [g["short_message"][6:].decode("utf-16-be") for g in got]  # strict: half a pair would raise
    assert "".join(pieces) == text
    assert all(g["data_coding"] == 8 and len(g["short_message"]) <= 140 for g in got)
    text = "x" * 152 + "€" + "x" * 20
    got = send("plain", 2, text=text)
    assert got[0]["short_message"][6:] == b"x" * 152 and got[1]["short_message"][6:8] == b"\x1be"

    to = "99971999999"
    for n in (1, 2, 3):
        send.stack.send(1, to="+" + to, text="x" * 200)
        send.stack.send(1, to="+" + to, text="short")
        wait_for(lambda: len(submitted(smsc, to)) == 3 * n, 15, "the submits")
    got = [reference_of(f, 1)[0] for f in submitted(smsc, to) if f["esm_class"] == 0x40]
    first, second, third = got[0::2]
    assert got[1::2] == [first, second, third], "the parts agree"
    assert [(second - first) % 256, (third - second) % 256] == [1, 1], "one by one, and only for long messages"


def test_what_the_command_says(on, smsc):
    send = on({"plain": {}, "other": {"priority": 3, "destTon": 2, "registeredDelivery": 17}})
    (got,) = send("plain", text="Hi", messageType="FLASH")
    expect(got, data_coding=0x10, short_message=b"Hi")
    (got,) = send("plain", text="ż", messageType="FLASH")
    expect(got, data_coding=0x18, short_message=b"\x01\x7c")
    (got,) = send("plain", text="y" * 400, longMessageStrategy="TLV")
    expect(got, short_message=b"", esm_class=0)
    assert parameters(got) == [(0x0424, b"y" * 400)]
    (got,) = send("plain", text=None, dataHex="00ff1b", dataCoding=4)
    expect(got, data_coding=4, short_message=b"\x00\xff\x1b")
    (got,) = send("plain", scheduledAt="2031-02-03T04:05:06Z", expiresAt="2031-02-04T04:05:06Z")
    expect(got, schedule="310203040506000+")
    (got,) = send("plain", scheduledAt=now_iso(-5))
    expect(got, schedule="")  # now, then: an SMSC refuses a time that is past
    (got,) = send("other", priority=1, registeredDelivery=0, sourceTon=0, sourceNpi=1, destTon=4, destNpi=8)
    expect(got, priority=1, registered_delivery=0, source_ton=0, source_npi=1, dest_ton=4, dest_npi=8)
    (got,) = send("plain", sender="+99970000009")
    expect(got, source="99970000009", source_ton=1, source_npi=1)
    (got,) = send("plain", sender="4711")
    expect(got, source="4711", source_ton=0, source_npi=0)
    (got,) = send("plain", tlvs=[{"tag": "0x1500", "hex": "aa"}])
    assert parameters(got) == [(0x1500, b"\xaa")]

    stack, before = send.stack, len(smsc.submits())
    stack.wait_acknowledged()
    c = command(stack.ids[0], text="MARK")
    stack.client.store(f"smpp.operator.{stack.ids[0]}", json.dumps(c).encode().replace(b"MARK", b"a\xff\xfeb"))
    (event,) = wait_for(stack.dlr_events, 15, "the event")
    assert (event["status"], event["source"], event["messageId"]) == ("REJECTED", "CONNECTOR", c["messageId"])
    assert "UTF-8" in event["reason"]
    stack.wait_acknowledged()
    assert len(smsc.submits()) == before


def test_settings_that_change_within_a_message(on, smsc):
    """With a window of one the second segment waits for the first one's answer; both need as many segments."""
    send = on({"plain": {"windowSize": 1}})
    stack, held = send.stack, []
    smsc.handlers[SUBMIT_SM] = lambda c, p: held.append((c, p))
    stack.send(1, to="+99971888888", text="x" * 400)
    wait_for(lambda: held, 15, "the first segment")
    stack.write_operators(concatenation="udh16", gsm7Packed=True)
    stack.bridge.wait_line("settings changed")
    smsc.handlers.clear()
    smsc.answer(*held[0])
    stack.wait_acknowledged()
    assert [(f["short_message"][:3], len(f["short_message"])) for f in submitted(smsc, "99971888888")] == [
        (b"\5\0\3", 159), (b"\5\0\3", 159), (b"\5\0\3", 100)]
    (got,) = send("plain", text="hellohello")
    assert got["short_message"] == PACKED, "the next message has the new ones"


def test_a_refused_segment_outlives_the_bridge(on, smsc):
    """Segment 2 waits to be sent again when the bridge is killed; its successor sends it, and nothing else."""
    send = on({"plain": {}})
    stack, to = send.stack, "99971777777"

    def refuse_once(connection, p):
        second = p.fields()["short_message"][5] == 2
        if second:
            del smsc.handlers[SUBMIT_SM]
        smsc.answer(connection, p, 0x14 if second else 0)
    smsc.handlers[SUBMIT_SM] = refuse_once
    stack.send(1, to="+" + to, text="x" * 400)
    wait_for(lambda: len(submitted(smsc, to)) == 3, 15, "three segments")
    stack.bridge.kill()
    stack.restart_bridge().wait_ready()
    stack.wait_acknowledged()
    got = submitted(smsc, to)
    assert [f["short_message"][5] for f in got] == [1, 2, 3, 2]
    assert got[3]["short_message"] == got[1]["short_message"]
    assert stack.dlr_events() == []
