"""Receipts in every dialect, early, late, repeated and unknown; what people send; what Redis forgets."""
import json
import struct
import time

import pytest

from harness.process import wait_for
from harness.smsc import DELIVER_SM, RESP, SUBMIT_SM, pdu, receipt_body

DIALECTS = ("spec full date12 date12-year4 date14 date-zero lower upper minimal shuffled words numeric junk "
            "tlv bare payload ucs2 nul esm0 esm0-tlv data-sm").split()


def events_of(stack, ids, timeout=30):
    """The events of these messages, by messageId, when all are there."""
    def there():
        found = {}
        for e in stack.dlr_events():
            found.setdefault(e["messageId"], []).append(e)
        return found if set(ids) <= set(found) else None
    return wait_for(there, timeout, "an event for each", 0.1)


def test_every_dialect_correlates(make_stack):
    stack = make_stack(mno_options=["--deliver-retry-ms", "300000"]).start()  # each receipt is sent once
    for dialect in DIALECTS:
        stack.mno.control(f"set receipt-dialect {dialect}")
        ids = stack.send(3, text=f"about {dialect}")
        for message_id, events in events_of(stack, ids).items():
            if message_id in ids:
                assert [e["status"] for e in events] == ["DELIVERED"], (dialect, events)
                assert events[0]["final"] is True
                assert events[0]["operatorMessageId"], dialect
                assert isinstance(events[0]["rawPayload"]["text"], str)
    stack.wait_acknowledged()
    assert stack.bridge.metric("smpp_connector_dlr_correlation_not_found_total") == 0
    assert stack.mno.stats()["receipts_lost"] == 0
    assert stack.bridge.metric("smpp_connector_dlr_received_total", status="DELIVERED") == 3 * len(DIALECTS)


@pytest.mark.parametrize("response,receipt,dialect", [
    ("hex", "dec", "respHex"), ("HEX", "padded", "respHex"), ("hex-padded", "dec", "respHex"),
    ("dec", "HEX", "receiptHex"), ("dec", "padded", "zeros"), ("padded", "dec", "zeros"), ("HEX", "hex", "case"),
    ("uuid", "same", "exact"), ("long", "same", "exact")])
def test_ids_in_two_spellings(make_stack, response, receipt, dialect):
    stack = make_stack(mno_options=["--id-format", response, "--receipt-id-format", receipt,
                                    "--id-start", str(0xabcd01)]).start()
    ids = stack.send(20)
    events = events_of(stack, ids)
    assert sum(len(e) for e in events.values()) == 20
    detail = stack.bridge.json(f"/sessions/{stack.ids[0]}")["receipts"]["messageIds"]
    assert detail["dialect"] == dialect
    assert detail["ambiguous"] == detail["otherDestination"] == 0
    assert stack.redis.command("GET", "smpp:dialect:{%s}" % stack.ids[0]).decode() == dialect


def test_states_and_errors(stack):
    expected = {"DELIVRD": "DELIVERED", "UNDELIV": "UNDELIVERABLE", "EXPIRED": "EXPIRED", "DELETED": "DELETED",
                "ACCEPTD": "ACCEPTED", "UNKNOWN": "UNKNOWN", "REJECTD": "REJECTED"}
    for stat, status in expected.items():
        stack.mno.control(f"set receipt-states {stat}:100")
        (message_id,) = stack.send(1)
        (event,) = events_of(stack, [message_id])[message_id]
        assert (event["stat"], event["status"]) == (stat, status)
        assert (event["deliveredAt"] is not None) == (status == "DELIVERED")
        assert event["errorCode"] == event["smppErrorCode"]


def test_receipts_before_their_response(make_stack):
    stack = make_stack(mno_options=["--receipt-before-response", "on", "--latency-ms", "700"]).start()
    ids = stack.send(30)
    events = events_of(stack, ids)
    assert all(len(events[i]) == 1 for i in ids)
    assert stack.bridge.metric("smpp_connector_dlr_correlation_not_found_total") == 0
    assert stack.bridge.metric("smpp_connector_dlr_parked_total") > 0


def test_repeated_receipts_are_one_event(make_stack):
    stack = make_stack(mno_options=["--receipt-duplicates", "100%"]).start()
    ids = stack.send(50)
    events_of(stack, ids)
    wait_for(lambda: stack.mno.stats()["receipts_acked"] >= 100, 20, "both copies answered", 0.1)
    assert len(stack.dlr_events()) == 50
    assert stack.bridge.metric("smpp_connector_dlr_duplicate_total") == 50


def test_unknown_ids_are_told_without_a_message_and_stall_nobody(make_stack):
    stack, ids = accepted_without_receipts(make_stack, 12)
    send_receipts(stack, [(f"nobody{i}", f"9997{i:07d}") for i in range(12)] + list(ids.items()))
    events = wait_for(lambda: (lambda e: e if len(e) == 24 else None)(stack.dlr_events()), 30, "24 events", 0.1)
    unknown = [i for i, e in enumerate(events) if e["messageId"] is None]
    assert {events[i]["operatorMessageId"] for i in unknown} == {f"nobody{i}" for i in range(12)}
    assert unknown[-8:] == list(range(16, 24)), "eight unknown ones wait, and the known ones pass them"
    assert stack.bridge.metric("smpp_connector_dlr_correlation_not_found_total") == 12


def deliver_sm(text, sequence, esm_class=4, source="99970000001", dest="1234"):
    body = b"\0" + b"\1\1" + source.encode() + b"\0" + b"\0\1" + dest.encode() + b"\0"
    body += bytes([esm_class, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(text)]) + text.encode()
    return b"".join(n.to_bytes(4, "big") for n in (16 + len(body), 5, 0, sequence)) + body


def accepted_without_receipts(make_stack, count, settings=None, **more):
    """A stack whose messages are settled, and {operatorMessageId: recipient} of them."""
    stack = make_stack(mno_options=["--receipts", "never"], bridge_settings=settings or {})
    stack.start()
    stack.send(count, **more)
    stack.wait_acknowledged()
    prefix = "smpp:dlr:{%s}:" % stack.ids[0]
    ids = [k.decode()[len(prefix):] for k in stack.redis.command("KEYS", prefix + "*")]
    assert len(ids) == count
    # Numbers rise in the order of sending, and so do the recipients.
    return stack, {k: f"9997{n + 1:07d}" for n, k in enumerate(sorted(ids, key=int))}


def send_receipts(stack, receipts, stat="DELIVRD"):
    """(id, recipient) pairs; all in one piece, so that nothing comes between them."""
    pdus = b""
    for n, (i, phone) in enumerate(receipts):
        text = f"id:{i} sub:001 dlvrd:001 submit date:2604181000 done date:2604181001 stat:{stat} err:000 text:"
        pdus += deliver_sm(text, 900000 + n, source=phone)
    assert stack.mno.control("send " + pdus.hex()).get("error") is None


def test_nothing_uncorrelated_while_redis_is_away(make_stack):
    stack, ids = accepted_without_receipts(make_stack, 10, {"DELIVER_HOLD_MS": "60000"})
    stack.redis.pause()
    send_receipts(stack, ids.items())
    wait_for(lambda: stack.bridge.metric("smpp_connector_dlr_under_way") == 10, 15, "receipts wait", 0.05)
    wait_for(lambda: stack.bridge.metric("smpp_connector_redis_connected") == 0, 15, "Redis is given up", 0.05)
    assert stack.dlr_events() == []
    stack.redis.resume()
    events = wait_for(lambda: (lambda e: e if len(e) == 10 else None)(stack.dlr_events()), 30, "10 events", 0.1)
    assert all(e["messageId"] for e in events)
    assert stack.bridge.metric("smpp_connector_dlr_correlation_not_found_total") == 0


def test_a_lost_correlation_costs_the_message_id_and_no_receipt(make_stack):
    stack, ids = accepted_without_receipts(make_stack, 5)
    assert stack.redis.command("FLUSHALL") == "OK"
    send_receipts(stack, ids.items())
    events = wait_for(lambda: (lambda e: e if len(e) == 5 else None)(stack.dlr_events()), 20, "5 events", 0.1)
    assert all(e["messageId"] is None for e in events)


def test_correlations_have_the_documented_form(stack):
    ids = stack.send(3)
    events = events_of(stack, ids)
    for message_id in ids:
        key = "smpp:dlr:{%s}:%s" % (stack.ids[0], events[message_id][0]["operatorMessageId"])
        assert stack.redis.command("GET", key).decode().split(" ")[0] == message_id
        assert 259100 < stack.redis.command("TTL", key) <= 259200


def test_what_goes_to_a_short_code_correlates(stack):
    ids = stack.send(2, to="12345", sender="+99970000009")
    events = events_of(stack, ids)
    assert all([e["sourceAddr"] for e in events[i]] == ["12345"] for i in ids)
    assert stack.bridge.metric("smpp_connector_dlr_correlation_not_found_total") == 0


def test_segments_have_an_event_each(stack):
    (message_id,) = stack.send(1, text="x" * 400)
    events = wait_for(lambda: (lambda e: e if len(e) == 3 else None)(stack.dlr_events()), 20, "3 events", 0.1)
    assert {e["messageId"] for e in events} == {message_id}
    assert sorted((e["segment"], e["segments"]) for e in events) == [(1, 3), (2, 3), (3, 3)]


def test_one_event_for_all_segments(make_stack):
    stack = make_stack()
    stack.operator_settings = {stack.ids[0]: {"receiptPolicy": "aggregate"}}
    stack.start()
    ids = stack.send(5, text="x" * 400)
    events = events_of(stack, ids)
    wait_for(lambda: stack.mno.stats()["receipts_acked"] == 15, 20, "all receipts are answered", 0.1)
    assert all(len(events[i]) == 1 and "segment" not in events[i][0] for i in ids)
    assert len(stack.dlr_events()) == 5


def test_segments_that_never_had_a_receipt(make_stack):
    """Time is the set's score: a quarter of CORRELATION_TTL_S from the first receipt on."""
    stack = make_stack(mno_options=["--receipts", "never"])
    stack.operator_settings = {stack.ids[0]: {"receiptPolicy": "aggregate"}}
    stack.start()
    (message_id,) = stack.send(1, text="x" * 400)
    stack.wait_acknowledged()
    prefix = "smpp:dlr:{%s}:" % stack.ids[0]
    due = "smpp:segments:due:{%s}" % stack.ids[0]
    ids = {}
    for key in stack.redis.command("KEYS", prefix + "*"):
        ids[int(stack.redis.command("GET", key).split()[1])] = key.decode()[len(prefix):]

    def receipt(segment):
        send_receipts(stack, [(ids[segment], "99970000001")])
    receipt(1)
    score = wait_for(lambda: stack.redis.command("ZSCORE", due, message_id), 15, "it is remembered", 0.05)
    assert 259200 / 4 - 60 < float(score) / 1000 - time.time() < 259200 / 4 + 60
    assert stack.dlr_events() == []
    stack.redis.command("ZADD", due, "XX", 1, message_id)
    (event,) = wait_for(stack.dlr_events, 20, "what came", 0.1)
    assert (event["messageId"], event["status"], event["final"]) == (message_id, "DELIVERED", False)
    assert "1 of 3" in event["reason"] and "segment" not in event
    wait_for(lambda: stack.redis.command("ZCARD", due) == 0, 10, "once", 0.05)
    receipt(2)
    receipt(3)
    events = wait_for(lambda: (lambda e: e if len(e) == 2 else None)(stack.dlr_events()), 15, "the whole", 0.1)
    assert (events[1]["status"], events[1]["final"]) == ("DELIVERED", True)
    wait_for(lambda: stack.redis.command("ZCARD", due) == 0, 10, "nothing is due", 0.05)


def test_what_people_send_is_refused_without_a_subject(stack):
    assert stack.mno.control("mo 99970000001 1234 STOP").get("error") is None
    wait_for(lambda: stack.mno.stats()["mo_lost"] == 1, 15, "refused for good", 0.1)
    assert stack.bridge.metric("smpp_connector_mo_refused_total") == 1
    assert stack.dlr_events() == []


def mobile_originated(data_coding, esm_class, octets):
    """Its body."""
    return (bytes([0, 1, 1]) + b"777" + bytes(3) + b"1234" + bytes([0, esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, len(octets)])
            + octets)


def test_what_people_send_is_published(make_stack):
    stack = make_stack(bridge_settings={"MO_SUBJECT": "sms.mo.inbound", "DELIVER_HOLD_MS": 4000})
    stack.start_servers()
    stack.client.create_stream("MO", ["sms.mo.inbound"])
    stack.start_mno()
    stack.agent.start()
    stack.bridge = stack.make_bridge().start()
    stack.bridge.wait_ready()
    for n in (1, 2):
        stack.mno.control("mo 99970000001 1234 STOP please")
        messages = wait_for(lambda: (lambda m: m if len(m) == n else None)(stack.client.read_stream("MO")), 15,
                            "the message", 0.1)
    event = messages[0].json()
    assert event["text"].startswith("STOP")
    assert (event["from"], event["to"], event["operatorId"]) == ("99970000001", "1234", stack.ids[0])
    assert messages[1].json()["eventId"] != event["eventId"], "two, though they say the same"
    wait_for(lambda: stack.mno.stats()["mo_acked"] == 2, 15, "answered", 0.1)
    for body in (mobile_originated(4, 0, b"\x00\xff"), mobile_originated(8, 0, "سلام".encode("utf-16-be")),
                 mobile_originated(3, 0, b"ol\xe1"), mobile_originated(1, 0x40, bytes([5, 0, 3, 8, 2, 2]) + b"lo"),
                 mobile_originated(1, 0x40, bytes([5, 0, 3, 8, 2, 1]) + b"hel")):
        stack.mno.control("send " + (struct.pack(">IIII", 16 + len(body), 5, 0, 7000) + body).hex())
    events = wait_for(lambda: (lambda e: e if len(e) == 6 else None)([m.json() for m in stack.client.read_stream("MO")]), 15,
                      "binary, Arabic, Latin-1, two parts", 0.1)
    rest = {e["encoding"]: e for e in events if e["from"] == "777"}
    assert rest["BINARY"]["dataHex"] == "00ff" and rest["UCS2"]["text"] == "سلام"
    assert rest["LATIN1"]["text"] == "olá"
    assert rest["ASCII"]["text"] == "hello" and rest["ASCII"]["parts"] == 2 and "part" not in rest["ASCII"]
    log = "\n".join(stack.bridge.lines)
    assert "STOP" not in log and "99970000001" not in log


def test_the_trace_of_the_command_is_on_its_events(stack):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    from harness.stack import command
    c = command(stack.ids[0])
    stack.client.store(f"smpp.operator.{stack.ids[0]}", json.dumps(c), headers={"traceparent": trace})
    wait_for(stack.dlr_events, 15, "the event")
    (message,) = stack.client.read_stream("DLR_EVENTS")
    assert message.headers["traceparent"] == trace
    assert message.headers["Nats-Msg-Id"] == message.json()["eventId"]

    for wrong in ("00-0af7651916cd43dd8448eb211c80319c b7ad6b7169203331-01", "a b", trace.upper(), trace + "0"):
        c = command(stack.ids[0])
        stack.client.store(f"smpp.operator.{stack.ids[0]}", json.dumps(c), headers={"traceparent": wrong})
    events = wait_for(lambda: (lambda e: e if len(e) == 5 else None)(stack.client.read_stream("DLR_EVENTS")), 15,
                      "five events")
    assert all("traceparent" not in m.headers and m.json()["messageId"] for m in events[1:])


def test_states_on_their_way(make_stack):
    stack, ids = accepted_without_receipts(make_stack, 1)
    for n, stat in enumerate(["ENROUTE", "DELIVRD", "ACCEPTD"]):
        send_receipts(stack, ids.items(), stat)
        events = wait_for(lambda: (lambda e: e if len(e) > n else None)(stack.dlr_events()), 15, stat, 0.05)
    assert [(e["stat"], e["status"], e["final"], e.get("outOfOrder", False)) for e in events] == [
        ("ENROUTE", "ACCEPTED", False, False), ("DELIVRD", "DELIVERED", True, False),
        ("ACCEPTD", "ACCEPTED", False, True)]
    assert len({e["messageId"] for e in events}) == 1


def test_a_pinned_spelling_is_the_only_one(make_stack, smsc):
    """The response's ids are 0000000001, 0000000002 …: hexadecimal, decimal, or as they are."""
    formats = ["respHex", "receiptHex", "exact"]
    stack = make_stack(operators=3, mno_address=("127.0.0.1", smsc.port))
    stack.operator_settings = {i: {"messageIdFormat": f} for i, f in zip(stack.ids, formats)}
    stack.start()
    smsc.handlers[SUBMIT_SM] = lambda c, p: c.send(pdu(SUBMIT_SM | RESP, 0, p.sequence, b"0000000010\0"))
    ids, by = [], {}
    for n in range(3):
        ids += stack.send(1, operator=n, to=f"+9997000000{n}")
        wait_for(lambda: smsc.submits()[n:], 15, "it is submitted")
        stack.wait_acknowledged()
        by[n] = next(c for c in smsc.connections if any(p.command == SUBMIT_SM for p in c.received) and
                     c not in by.values())
    for n, (right, wrong) in enumerate([("16", "a"), ("A", "16"), ("0000000010", "10")]):
        for receipt_id in (wrong, right):
            by[n].request(DELIVER_SM, receipt_body(f"9997000000{n}", "Acme", f"id:{receipt_id} stat:DELIVRD"))
    events = wait_for(lambda: (lambda e: e if len(e) == 6 else None)(stack.dlr_events()), 20, "six events", 0.1)
    found = {(e["operatorId"], e["operatorMessageId"]): e["messageId"] for e in events}
    assert [found[stack.ids[n], right] for n, right in enumerate(["16", "A", "0000000010"])] == ids
    assert [found[stack.ids[n], wrong] for n, wrong in enumerate(["a", "16", "10"])] == [None] * 3


@pytest.fixture
def with_mo(make_stack, smsc):
    """with_mo(**settings): a stack that publishes what people send, and the bound connection of its SMSC."""
    def start(**settings):
        stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings={"MO_SUBJECT": "sms.mo.inbound"})
        stack.operator_settings = {stack.ids[0]: settings}
        stack.start_servers()
        stack.client.create_stream("MO", ["sms.mo.inbound"])
        stack.start_mno()
        stack.agent.start()
        stack.bridge = stack.make_bridge().start()
        stack.bridge.wait_ready()
        return stack, smsc.wait_bound()
    return start


def messages(stack, count):
    return wait_for(lambda: (lambda m: m if len(m) >= count else None)(
        [m.json() for m in stack.client.read_stream("MO")]), 20, f"{count} messages", 0.1)


def test_long_messages_from_phones(with_mo):
    """The second part comes first; the cut is inside of a character."""
    stack, c = with_mo()
    text = "Grüße 😀 😀"
    raw = text.encode("utf-16-be")
    for part, octets in ((2, raw[14:]), (1, raw[:14])):
        sequence = c.request(DELIVER_SM, receipt_body("99970000001", "1234", b"\5\0\3\x2a\2" + bytes([part]) + octets,
                                                      esm_class=0x40, data_coding=8))
    (message,) = messages(stack, 1)
    assert (message["text"], message["parts"], message["encoding"], message["dataCoding"]) == (text, 2, "UCS2", 8)
    assert c.wait(DELIVER_SM | RESP, sequence=sequence).status == 0
    c.request(DELIVER_SM, receipt_body("99970000001", "1234", b"\x1b\x65 \x00", esm_class=0))
    assert messages(stack, 2)[1]["text"] == "€ @"
    c.request(DELIVER_SM, receipt_body("99970000001", "1234", b"\1\2\xff", esm_class=0, data_coding=4))
    assert messages(stack, 3)[2]["dataHex"] == "0102ff"


def test_a_phone_s_parts_one_after_the_other(with_mo):
    """The SMSC sends the next part when this one was answered; the bridge is another one by then."""
    stack, c = with_mo()

    def send(part, text, source="99970000001"):
        sequence = c.request(DELIVER_SM, receipt_body(source, "1234", b"\5\0\3\x2b\2" + bytes([part]) + text,
                                                      esm_class=0x40))
        assert c.wait(DELIVER_SM | RESP, 20, sequence).status == 0
    send(1, b"one and ")
    send(1, b"alone", source="99970000002")
    assert stack.client.read_stream("MO") == []
    send(1, b"the reference again", source="99970000002")
    assert messages(stack, 1)[0]["text"] == "the reference again"
    stack.restart_bridge().wait_ready()
    send(2, b"two")
    message = messages(stack, 2)[1]
    assert (message["text"], message["parts"]) == ("one and two", 2)
    due = "smpp:mo-parts:due:{%s}" % stack.ids[0]
    (name,) = wait_for(lambda: (lambda n: n if len(n) == 1 else None)(stack.redis.command("ZRANGE", due, 0, -1)), 15,
                       "one is left")
    assert 0 < float(stack.redis.command("ZSCORE", due, name)) / 1000 - time.time() <= 120
    stack.redis.command("ZADD", due, "XX", 1, name)
    message = messages(stack, 3)[2]
    assert (message["text"], message["part"], message["parts"], message["from"]) == ("alone", 1, 2, "99970000002")
    wait_for(lambda: stack.redis.command("KEYS", "smpp:mo-parts:*") == [], 15, "nothing is kept")


@pytest.mark.parametrize("detection", ["flags", "text", "any"])
def test_what_makes_a_receipt_where_phones_write_too(with_mo, detection):
    stack, c = with_mo(receiptDetection=detection)
    (message_id,) = stack.send(1)
    stack.wait_acknowledged()
    text = "id:0000000001 stat:DELIVRD"
    bodies = [receipt_body("99970000001", "Acme", text, esm_class=0),
              receipt_body("99970000001", "1234", "Status: fine", esm_class=0),
              receipt_body("99970000002", "1234", "id:5 stat:DELIVRD", esm_class=0),
              receipt_body("99970000001", "Acme", "id:0000000001 stat:UNDELIV", esm_class=4)]
    for body in bodies:
        sequence = c.request(DELIVER_SM, body)
        assert c.wait(DELIVER_SM | RESP, sequence=sequence).status == 0
    receipts = ["UNDELIVERABLE"] if detection == "flags" else ["DELIVERED", "UNDELIVERABLE"]
    assert [e["status"] for e in stack.dlr_events()] == receipts
    assert {e["messageId"] for e in stack.dlr_events()} == {message_id}
    texts = [m["text"] for m in messages(stack, 1)]
    assert texts == ([text] if detection == "flags" else []) + ["Status: fine", "id:5 stat:DELIVRD"]


def test_held_receipts_survive_the_bridge(make_stack):
    stack = make_stack(mno_options=["--receipt-delay-ms", "1000"], bridge_settings={"DELIVER_HOLD_MS": "20000"}).start()
    ids = stack.send(50)
    stack.wait_acknowledged()
    stack.bridge.kill()
    wait_for(lambda: stack.mno.stats()["receipts_sent"] >= 50, 15, "receipts are sent", 0.05)
    stack.restart_bridge()
    events = events_of(stack, ids)
    assert all(len(events[i]) == 1 for i in ids)
    wait_for(lambda: stack.mno.stats()["receipts_acked"] == 50, 15, "answered", 0.05)
    assert stack.mno.stats()["binds"] == 1
    assert stack.mno.stats()["receipts_sent"] == 50


def test_a_bridge_that_is_away_for_longer_than_any_hold(make_stack):
    """Each receipt is held, answered busy, and repeated by the MNO, again and again: stored once, and the agent does
    not grow."""
    stack = make_stack(mno_options=["--receipt-delay-ms", "1000", "--deliver-retry-ms", "1000"],
                       bridge_settings={"DELIVER_HOLD_MS": "500"}).start()
    ids = stack.send(60)
    stack.wait_acknowledged()
    stack.bridge.kill()
    wait_for(lambda: stack.mno.stats()["receipts_sent"] >= 120, 30, "all are repeated", 0.05)
    rss = stack.agent.rss_kib()
    wait_for(lambda: stack.mno.stats()["receipts_sent"] >= 360, 60, "and four times more", 0.05)
    assert stack.agent.rss_kib() <= rss + 1024
    stack.restart_bridge()
    events = events_of(stack, ids)
    wait_for(lambda: stack.mno.stats()["receipts_acked"] == 60, 15, "answered", 0.05)
    assert len(stack.dlr_events()) == 60 and all(len(events[i]) == 1 for i in ids)
    assert stack.mno.stats()["binds"] == 1 and stack.mno.stats()["receipts_lost"] == 0
