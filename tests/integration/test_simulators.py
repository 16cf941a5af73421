"""The simulated MNO, octet by octet: what tests rely on must itself be tested."""
import json
import os
import re
import struct
import subprocess
import time

import pytest

from harness.process import wait_for
from harness.programs import BUILD, MnoSim
from sim.esme import (BIND_RX, BIND_TRX, BIND_TX, DATA, DELIVER, ENQUIRE, NACK, RESP, SUBMIT,
                      UNBIND, Esme, pdu, tlv)

SIM = os.path.join(BUILD, "tests/sim/mno-sim")
RECEIPT_TLVS = {0x1e, 0x423, 0x427}


@pytest.fixture
def start(tmp_path):
    """start(*options) gives a running MnoSim; its end is checked."""
    running = []

    def run(*options):
        sim = MnoSim(tmp_path / f"sim{len(running)}", *options).start()
        running.append(sim)
        return sim
    yield run
    for sim in running:
        assert sim.stop() == 0, "\n".join(sim.lines[-20:])
        assert json.loads(sim.lines[-1])["final"] is True


@pytest.fixture
def bound(start):
    """bound(*options) gives a simulator and an ESME bound to it as transceiver."""
    opened = []

    def run(*options, **bind):
        sim = start(*options)
        esme = Esme(sim.port)
        opened.append(esme)
        assert esme.bind(**bind).status == 0
        return sim, esme
    yield run
    for esme in opened:
        esme.close()


def wait_stat(sim, name, value, timeout=10.0):
    wait_for(lambda: sim.stats()[name] >= value, timeout, f"{name} {sim.stats()[name]} >= {value}")
    assert sim.stats()[name] == value


# Starting.

@pytest.mark.quick
def test_help_names_every_option_and_example():
    done = subprocess.run([SIM, "--help"], capture_output=True, text=True, timeout=10, check=True)
    for word in ("Examples", "--receipt-dialect", "--max-tps", "pause-read", "deliver-sm-length"):
        assert word in done.stdout


@pytest.mark.parametrize("options, said", [
    (["--nonsense", "1"], "no option is called --nonsense"),
    (["--latency-ms", "20-5"], "latency-ms: expected"),
    (["--latency-ms"], "--latency-ms needs a value"),
    (["--submit-status", "0x08:60%,0x14:60%"], "at most 100%"),
    (["--receipt-dialect", "klingon"], "receipt-dialect: expected"),
    (["--receipt-states", "HAPPY:1"], "receipt-states: expected"),
    (["--id-format", "roman"], "id-format: expected"),
    (["--status-for-dest", "0001"], "status-for-dest: expected"),
    (["--listen", "somewhere"], "expected HOST:PORT"),
    (["--listen", "127.0.0.1:99999"], "expected HOST:PORT"),
    (["--history", "/no/such/folder/file"], "cannot open history file"),
    (["--run", "set silent maybe"], "silent: expected"),
    (["--load", "127.0.0.1:1", "--count", "1"], "no connection to the SMSC"),
    (["stray"], "is no option"),
])
def test_a_bad_option_is_one_clear_line(options, said):
    done = subprocess.run([SIM, *options], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1
    assert said in done.stderr and done.stderr.count("\n") == 1


# Binds.

@pytest.mark.quick
@pytest.mark.parametrize("command", [BIND_TRX, BIND_TX, BIND_RX])
def test_binds_of_all_kinds(start, command):
    sim = start()
    with Esme(sim.port) as esme:
        answer = esme.bind(command)
        assert (answer.status, answer.body) == (0, b"mno-sim\0" + tlv(0x210, b"\x34"))
        session = sim.control("sessions")["sessions"][0]
        assert session["system"] == "alpha"
        assert session["bound"] == {BIND_TRX: "transceiver", BIND_TX: "transmitter",
                                    BIND_RX: "receiver"}[command]
        esme.request(UNBIND)
        assert esme.expect(UNBIND | RESP).status == 0
        esme.expect_closed()
    stats = sim.stats()
    assert (stats["binds"], stats["unbinds"], stats["protocol_errors"]) == (1, 1, 0)


def test_a_submit_needs_a_transmitter(start):
    sim = start()
    with Esme(sim.port) as esme:
        assert esme.submitted().status == 0x04
        esme.bind(BIND_RX)
        assert esme.submitted().status == 0x04
    assert sim.stats()["problems"] == {"wrong_state": 2}


def test_passwords_bind_system_ids(start):
    sim = start("--password", "alpha=s3cret", "--password", "other")
    for system_id, password, status in (("alpha", "s3cret", 0), ("alpha", "other", 0x0e),
                                        ("beta", "other", 0), ("beta", "s3cret", 0x0e)):
        with Esme(sim.port) as esme:
            assert esme.bind(system_id=system_id, password=password).status == status
    only = start("--password", "alpha=s3cret")
    with Esme(only.port) as esme:
        assert esme.bind(system_id="beta", password="s3cret").status == 0x0f


def test_refusals_of_binds(start):
    sim = start("--refuse-trx", "0x03", "--max-binds", "2", "--run", "set system=gamma bind-status 0x0D")
    with Esme(sim.port) as a, Esme(sim.port) as b, Esme(sim.port) as c, Esme(sim.port) as d:
        assert a.bind(BIND_TRX).status == 0x03
        assert a.bind(BIND_TX).status == 0
        assert b.bind(BIND_RX).status == 0
        assert c.bind(BIND_RX).status == 0x05
        assert a.bind(BIND_TX).status == 0x05, "a second bind on the same connection"
        assert d.bind(BIND_TX, system_id="gamma").status == 0x0d
        a.close()
        wait_for(lambda: sim.stats()["bound"] == 1, 5, "the place is free")
        assert c.bind(BIND_TX).status == 0, "refused once, it may try again"


def test_binds_can_be_slow_ignored_or_cut_off(start):
    sim = start("--bind-delay-ms", "150", "--interface-version", "0")
    with Esme(sim.port) as esme:
        began = time.monotonic()
        assert esme.bind().body == b"mno-sim\0"
        assert time.monotonic() - began >= 0.15
    sim.control("set bind-delay-ms 0")
    for action in ("close", "rst", "answer-close"):
        sim.control(f"set on-bind {action}")
        with Esme(sim.port) as esme:
            esme.request(BIND_TRX, b"alpha\0\0\0\x34\0\0\0")
            if action == "answer-close":
                assert esme.expect(BIND_TRX | RESP).status == 0
            esme.expect_closed()
    sim.control("set on-bind ignore")
    with Esme(sim.port) as esme:
        esme.request(BIND_TRX, b"alpha\0\0\0\x34\0\0\0")
        esme.expect_silence()
    sim.control("set on-connect close")
    with Esme(sim.port) as esme:
        esme.expect_closed()


def test_unbind_and_enquire_link_both_ways(bound):
    sim, esme = bound("--enquire-link-ms", "50")
    for _ in range(2):
        got = esme.expect(ENQUIRE)
        esme.send(pdu(ENQUIRE | RESP, got.sequence))
    sequence = esme.request(ENQUIRE)
    assert esme.expect(ENQUIRE | RESP).sequence == sequence
    sim.control("set answer-enquire-link off")
    sim.control("set enquire-link-ms 0")
    sim.control("unbind")
    got = esme.expect(UNBIND)
    esme.send(pdu(UNBIND | RESP, got.sequence))
    esme.expect_closed()
    assert sim.stats()["enquire_links_answered"] >= 2
    assert sim.stats()["protocol_errors"] == 0


def test_down_and_up(bound):
    sim, esme = bound()
    sim.control("down")
    esme.expect_closed()
    with pytest.raises(ConnectionRefusedError):
        Esme(sim.port)
    assert sim.control("up")["ok"]
    with Esme(sim.port) as again:
        assert again.bind().status == 0


# Answers to submit_sm.

@pytest.mark.parametrize("form, pattern", [
    ("dec", r"7"), ("padded", r"0{19}7"), ("hex", r"7"), ("HEX", r"7"), ("hex-padded", r"0{15}7"),
    ("uuid", r"00000000-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-0{11}7"), ("long", r"0{63}7")])
def test_forms_of_message_ids(bound, form, pattern):
    _, esme = bound("--id-start", "7", "--id-format", form)
    assert re.fullmatch(pattern, esme.submitted(registered=0).message_id())


def test_bodies_of_answers(bound):
    sim, esme = bound("--id-start", "5")
    for kind, body in (("nul", b"\0"), ("none", b""), ("tlv", tlv(0x1d, b"busy\0")),
                       ("id-tlv", b"8\0" + tlv(0x1403, b"0.042\0"))):
        sim.control(f"set resp-body {kind}")
        assert esme.submitted(registered=0).body == body
    sim.control("set submit-status 0x0B:100%")
    assert esme.submitted().body == b""
    sim.control("set error-body nul")
    assert esme.submitted().body == b"\0"


def test_statuses_by_chance_and_by_address(bound):
    sim, esme = bound("--submit-status", "0x08:30%,0x14:20%", "--seed", "3")
    for _ in range(400):
        esme.submit(registered=0)
    statuses = [esme.expect(SUBMIT | RESP).status for _ in range(400)]
    assert 80 <= statuses.count(0x08) <= 160 and 50 <= statuses.count(0x14) <= 110
    sim.control("set submit-status off")
    sim.control("set status-for-dest 7001=0x0B,7002=silent,7003=0x58*2")
    sim.control("set status-for-source bad=0x0A")
    assert esme.submitted(dest="9997001").status == 0x0b
    assert esme.submitted(dest="9997009", registered=0).status == 0
    assert [esme.submitted(dest="9997003", registered=0).status for _ in range(3)] == [0x58, 0x58, 0]
    assert esme.submitted(source="bad").status == 0x0a
    esme.submit(dest="9997002", registered=0)
    esme.expect_silence()
    stats = sim.control("stats system=alpha")
    assert stats["statuses"]["0x58"] == 2 and stats["submits_unanswered"] == 1
    sim.control("set status-for-dest 7004=close")
    esme.submit(dest="9997004")
    esme.expect_closed()


def test_latency_keeps_the_order_unless_told(bound):
    sim, esme = bound("--latency-ms", "1-60")
    sent = [esme.submit(registered=0) for _ in range(60)]
    assert [esme.expect(SUBMIT | RESP).sequence for _ in sent] == sent
    sim.control("set out-of-order on")
    sent = [esme.submit(registered=0) for _ in range(60)]
    got = [esme.expect(SUBMIT | RESP).sequence for _ in sent]
    assert got != sent and sorted(got) == sent


def test_throttling_counts_any_second(bound):
    sim, esme = bound("--max-tps", "20")
    for _ in range(50):
        esme.submit(registered=0)
    statuses = [esme.expect(SUBMIT | RESP).status for _ in range(50)]
    assert statuses == [0] * 20 + [0x58] * 30
    stats = sim.control("stats system=alpha")
    assert stats["submits_throttled"] == 30 and stats["max_submits_per_second"] == 50
    wait_for(lambda: sim.control("stats system=alpha")["submits_last_second"] == 0, 5, "a second passes")
    assert esme.submitted(registered=0).status == 0
    assert sim.control("stats system=alpha")["max_submits_per_second"] == 50


def test_a_window_overrun_is_refused(bound):
    _, esme = bound("--max-window", "3", "--latency-ms", "100", "--window-status", "0x14")
    for _ in range(5):
        esme.submit(registered=0)
    statuses = [esme.expect(SUBMIT | RESP).status for _ in range(5)]
    assert sorted(statuses) == [0, 0, 0, 0x14, 0x14]


def test_silence_late_twice_and_stray(bound):
    sim, esme = bound("--twice", "100%", "--wrong-sequence", "100%")
    sequence = esme.submit(registered=0)
    assert [esme.expect(SUBMIT | RESP).sequence for _ in range(3)] == [0x7ffffff0, sequence, sequence]
    for option in ("twice 0%", "wrong-sequence off", "late 100%:200"):
        assert sim.control(f"set {option}")["ok"]
    began = time.monotonic()
    assert esme.submitted(registered=0).status == 0
    assert time.monotonic() - began >= 0.2
    sim.control("set late off")
    sim.control("set silent 100%")
    sim.control("set silent-takes off")
    esme.submit()
    esme.expect_silence()
    sim.control("set silent-takes on")
    esme.submit()
    assert "stat:DELIVRD" in esme.receipt()["text"].decode()
    sim.control("set silent 0%")
    sim.control("set silent-after 6")
    assert esme.submitted(registered=0).status == 0
    esme.submit(registered=0)
    esme.expect_silence()


@pytest.mark.parametrize("option", ["close-after", "rst-after"])
def test_the_connection_ends_at_the_nth_message(bound, option):
    _, esme = bound(f"--{option}", "3")
    for _ in range(2):
        assert esme.submitted(registered=0).status == 0
    esme.submit()
    esme.expect_closed()


@pytest.mark.parametrize("fields, status, problem", [
    ({"dest": ""}, 0x0b, "no_destination"),
    ({"length": 200}, 0x02, "truncated"),
    ({"tlvs": b"\x04\x24\x00\x09x"}, 0xc0, "tlv"),
    ({"tlvs": tlv(0x424, b"again")}, 0x01, "text_and_payload"),
    ({"esm_class": 0x40, "text": b"\xffabc"}, 0x43, "udh"),
    ({"esm_class": 0x40, "text": b"\x05\x00\x03\x01\x02\x03abc"}, 0x43, "udh"),
    ({"tlvs": tlv(0x20c, b"\0\1")}, 0xc3, "sar_incomplete"),
    ({"esm_class": 0x40, "text": b"\x05\x00\x03\x01\x02\x01abc",
      "tlvs": tlv(0x20c, b"\0\1") + tlv(0x20e, b"\2") + tlv(0x20f, b"\1")}, 0xc1, "sar_and_udh"),
    ({"coding": 8, "text": b"odd"}, 0x01, "odd_ucs2"),
    ({"validity": "tomorrow"}, 0x62, "time"),
    ({"validity": "991399000000000+"}, 0x62, "time"),
    ({"source": "A" * 21}, 0xc2, "string"),
])
def test_mistakes_in_a_submit_are_refused_and_counted(bound, fields, status, problem):
    sim, esme = bound()
    assert esme.submitted(**fields).status == status
    assert sim.stats()["problems"] == {problem: 1}
    assert esme.submitted(registered=0).status == 0, "the session lives"


@pytest.mark.parametrize("fields", [
    {"validity": "260102030405000+"}, {"validity": "000001000000000R"},
    {"text": b"", "tlvs": tlv(0x424, b"x" * 400)},
    {"text": b"", "tlvs": tlv(0x20c, b"\0\1") + tlv(0x20e, b"\2") + tlv(0x20f, b"\2")},
    {"text": "سلام".encode("utf-16-be"), "coding": 8}, {"tlvs": tlv(0x1400, b"entity\0")},
    {"esm_class": 0x40, "text": b"\x06\x08\x04\x12\x34\x03\x02abc"},
])
def test_good_submits_are_no_mistakes(bound, fields):
    sim, esme = bound()
    assert esme.submitted(registered=0, **fields).status == 0
    assert sim.stats()["protocol_errors"] == 0


def test_mistakes_outside_submits(bound):
    sim, esme = bound()
    sequence = esme.request(0x00000abc)
    nack = esme.expect(NACK)
    assert (nack.sequence, nack.status) == (sequence, 0x03)
    esme.request(0x80000abc)
    esme.request(DELIVER | RESP, b"\0")
    esme.send(pdu(ENQUIRE, 0x80000001))
    esme.send(pdu(ENQUIRE, 77, body=b"\0"))
    esme.expect(ENQUIRE | RESP)
    esme.expect(ENQUIRE | RESP)
    assert sim.stats()["problems"] == {"unknown_command": 2, "unknown_response": 1,
                                       "sequence_number": 1, "body_where_none": 1}
    esme.send(struct.pack(">IIII", 7, ENQUIRE, 0, 1))
    nack = esme.expect(NACK)
    assert (nack.sequence, nack.status) == (0, 0x02)
    esme.expect_closed()


def test_pdus_in_pieces_both_ways(bound):
    sim, esme = bound("--write-split", "1")
    octets = pdu(SUBMIT, 9, body=esme.submit_body(registered=1)) + pdu(ENQUIRE, 10)
    for i in range(len(octets)):
        esme.send(octets[i:i + 1])
    assert esme.expect(SUBMIT | RESP).sequence == 9
    assert esme.expect(ENQUIRE | RESP).sequence == 10
    assert esme.receipt()["esm_class"] == 4
    wait_stat(sim, "receipts_acked", 1)


# Receipts.

DIALECTS = {
    "spec": r"id:9 sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:Hello",
    "full": r"id:9 sub:001 .* text:Hello",
    "date12": r"id:9 .* submit date:\d{12} done date:\d{12} stat:DELIVRD .*",
    "date12-year4": r"id:9 .* submit date:20\d{10} done date:20\d{10} stat:DELIVRD .*",
    "date14": r"id:9 .* submit date:20\d{12} done date:20\d{12} stat:DELIVRD .*",
    "date-zero": r"id:9 .* done date:0{10} stat:DELIVRD .*",
    "lower": r"id:9 submitdate:\d{12} donedate:\d{12} stat:delivrd err:000",
    "upper": r"ID:9 SUB:001 DLVRD:001 SUBMIT DATE:\d{10} DONE DATE:\d{10} STAT:DELIVRD ERR:000 TEXT:Hello",
    "minimal": r"id:9 stat:DELIVRD",
    "shuffled": r"stat:DELIVRD  err:000\tdone date:.* id:9 text:Hello",
    "words": r"id:9 .* err:0 Text:Hello",
    "numeric": r"id:9 .* stat:2 err:000",
    "junk": r"(?s)Acme 99970000001 id:9 .* text:Hello\r\n--\r\nSMSC 7",
    "tlv": r"",
    "bare": r"9 2",
    "payload": r"id:9 .* text:Hello",
    "ucs2": r"id:9 .* text:Hello",
    "nul": r"id:9 .* text:Hello\0",
    "esm0": r"id:9 .* stat:DELIVRD .*",
    "esm0-tlv": r"id:9 .* stat:DELIVRD .*",
    "data-sm": r"",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects(bound, dialect):
    sim, esme = bound("--receipt-dialect", dialect, "--id-start", "9")
    assert esme.submitted().message_id() == "9"
    got = esme.receipt(command=DATA if dialect == "data-sm" else DELIVER)
    text, tlvs = got["text"], got["tlvs"]
    if dialect == "payload":
        assert text == b""
        text = tlvs.pop(0x424)
    assert got["data_coding"] == (8 if dialect == "ucs2" else 0)
    assert re.fullmatch(DIALECTS[dialect], text.decode("utf-16-be" if dialect == "ucs2" else "latin-1"))
    assert got["esm_class"] == (0 if dialect.startswith("esm0") else 4)
    assert (got["source"], got["dest"]) == ("99970000001", "Acme"), "they change places"
    assert (got["source_ton"], got["dest_ton"]) == (1, 5)
    if dialect in ("full", "tlv", "bare", "esm0-tlv", "data-sm"):
        assert set(tlvs) == RECEIPT_TLVS
        assert (tlvs[0x1e], tlvs[0x427], tlvs[0x423]) == (b"9\0", b"\2", b"\3\0\0")
    else:
        assert not tlvs
    wait_stat(sim, "receipts_acked", 1)


def test_every_dialect_is_tested():
    shown = subprocess.run([SIM, "--help"], capture_output=True, text=True, timeout=10, check=True).stdout
    listed = shown.split("Dialects of receipts\n")[1].split("\n\n")[0]
    assert {line.split()[0] for line in listed.splitlines()} == set(DIALECTS)


def test_ids_that_differ_between_answer_and_receipt(bound):
    _, esme = bound("--id-start", "2748", "--id-format", "hex", "--receipt-dialect", "full",
                    "--receipt-id-format", "padded", "--receipt-tlv-id-format", "HEX")
    assert esme.submitted().message_id() == "abc"
    got = esme.receipt()
    assert got["text"].startswith(b"id:00000000000000002748 ")
    assert got["tlvs"][0x1e] == b"ABC\0"


def test_long_ids_in_every_dialect_fit(bound):
    sim, esme = bound("--id-format", "long", "--receipt-dialect", "all")
    for _ in range(60):
        esme.submit(text=b"A text that is longer than twenty characters")
    seen = 0
    while seen < 60:
        got = esme.receive()
        if got.command in (DELIVER, DATA):
            seen += 1
            assert got.deliver()["source"] == "99970000001"
            esme.send(pdu(got.command | RESP, got.sequence, 0, b"\0"))
    wait_stat(sim, "receipts_acked", 60)


def test_receipts_only_when_asked(bound):
    sim, esme = bound("--receipt-for-dest", "1=UNDELIV,2=NONE")
    esme.submitted(registered=0)
    esme.submitted(dest="9997002")
    esme.submitted(registered=2, dest="9997009")
    assert esme.submitted(registered=2, dest="9997001").status == 0
    assert b"stat:UNDELIV err:001" in esme.receipt()["text"]
    sim.control("set receipts always")
    esme.submitted(registered=0)
    esme.receipt()
    sim.control("set receipts never")
    esme.submitted()
    esme.expect_silence()
    wait_stat(sim, "receipts_created", 2)


def test_states_are_drawn_as_told(bound):
    _, esme = bound("--receipt-states", "DELIVRD:70,UNDELIV:20,EXPIRED:10", "--seed", "5")
    for _ in range(300):
        esme.submit()
    states = [re.search(rb"stat:(\w+)", esme.receipt()["text"])[1] for _ in range(300)]
    assert 180 <= states.count(b"DELIVRD") <= 240 and 15 <= states.count(b"EXPIRED") <= 50


def test_intermediate_notification_comes_first(bound):
    sim, esme = bound("--receipt-delay-ms", "40")
    esme.submitted(registered=0x11)
    first, second = esme.receipt(), esme.receipt()
    assert (first["esm_class"], second["esm_class"]) == (0x20, 4)
    assert b"stat:ENROUTE" in first["text"] and b"stat:DELIVRD" in second["text"]
    sim.control("set receipt-enroute as-receipt")
    esme.submitted()
    first = esme.receipt()
    assert first["esm_class"] == 4 and b"stat:ENROUTE" in first["text"]


def test_delay_order_and_copies(bound):
    sim, esme = bound("--receipt-delay-ms", "100-150", "--id-start", "1")
    began = time.monotonic()
    esme.submitted()
    esme.receipt()
    assert 0.1 <= time.monotonic() - began < 2
    sim.control("set receipt-delay-ms 0")
    sim.control("set receipt-order random")
    sim.control("set deliver-window 1")
    octets = b"".join(pdu(SUBMIT, 100 + i, body=esme.submit_body()) for i in range(40))
    esme.send(octets)
    ids = [int(re.match(rb"id:(\d+)", esme.receipt()["text"])[1]) for _ in range(40)]
    assert sorted(ids) == list(range(2, 42)) and ids != sorted(ids)
    sim.control("set receipt-duplicates 100%")
    esme.submitted()
    assert esme.receipt()["text"] == esme.receipt()["text"]


def test_the_receipt_can_come_before_the_answer(bound):
    _, esme = bound("--receipt-before-response", "--latency-ms", "50")
    esme.submit()
    assert esme.receive().command == DELIVER
    assert esme.receive().command == SUBMIT | RESP


def test_receipts_go_to_any_receiver_of_the_system_id(start):
    sim = start()
    with Esme(sim.port) as tx, Esme(sim.port) as rx1, Esme(sim.port) as rx2, Esme(sim.port) as other:
        tx.bind(BIND_TX)
        other.bind(BIND_RX, system_id="beta")
        tx.submitted()
        assert sim.stats()["receipts_waiting"] == 1, "it waits for a receiver"
        rx1.bind(BIND_RX)
        rx1.receipt()
        rx2.bind(BIND_RX)
        for _ in range(4):
            tx.submitted()
        for rx in (rx1, rx1, rx2, rx2):
            rx.receipt()
        other.expect_silence()
        wait_stat(sim, "receipts_acked", 5)


def test_parts_of_a_long_message(bound):
    sim, esme = bound("--receipt-parts", "last")

    def part(number):
        return {"esm_class": 0x40, "text": bytes([5, 0, 3, 7, 2, number]) + b"part %d" % number}
    esme.submitted(**part(1))
    esme.submitted(**part(2))
    assert esme.receipt()["text"].endswith(b"text:part 2")
    assert sim.stats()["receipts_created"] == 1


def test_a_deliver_is_repeated_until_it_is_taken(bound):
    sim, esme = bound("--deliver-retry-ms", "100")
    esme.submitted()
    first = esme.expect(DELIVER)
    second = esme.expect(DELIVER)
    assert first.body == second.body and first.sequence != second.sequence
    esme.send(pdu(DELIVER | RESP, second.sequence, 0x14, b"\0"))
    third = esme.expect(DELIVER)
    esme.send(pdu(DELIVER | RESP, first.sequence, 0, b"\0"))  # far too late: no mistake, no effect
    esme.send(pdu(DELIVER | RESP, third.sequence, 0, b"\0"))
    wait_stat(sim, "receipts_acked", 1)
    stats = sim.stats()
    assert (stats["receipts_timed_out"], stats["receipts_refused"], stats["receipts_sent"]) == (1, 1, 3)
    assert (stats["receipts_waiting"], stats["protocol_errors"]) == (0, 0)
    esme.submitted()
    esme.receipt(status=0x65)
    wait_stat(sim, "receipts_lost", 1)
    sim.control("set deliver-temporary 0x65")
    sim.control("set deliver-tries 2")
    esme.submitted()
    esme.receipt(status=0x65)
    esme.receipt(status=0x65)
    wait_stat(sim, "receipts_lost", 2)


def test_the_deliver_window_is_kept(bound):
    sim, esme = bound("--deliver-window", "3")
    for _ in range(10):
        esme.submitted()
    held = [esme.expect(DELIVER) for _ in range(3)]
    esme.expect_silence()
    assert sim.control("sessions")["sessions"][0]["delivers_unanswered"] == 3
    esme.send(pdu(DELIVER | RESP, held[1].sequence, 0, b"\0"))
    esme.expect(DELIVER)
    esme.expect_silence()


def test_what_a_lost_connection_held_goes_to_the_next(bound):
    sim, esme = bound("--deliver-window", "5")
    for _ in range(8):
        esme.submitted()
    held = {esme.expect(DELIVER).body for _ in range(5)}
    esme.close()
    with Esme(sim.port) as again:
        again.bind()
        bodies = set()
        for _ in range(8):
            got = again.expect(DELIVER)
            bodies.add(got.body)
            again.send(pdu(DELIVER | RESP, got.sequence, 0, b"\0"))
        assert held < bodies and len(bodies) == 8
        wait_stat(sim, "receipts_acked", 8)
    assert sim.stats()["receipts_cut_off"] == 5


def test_behaviour_of_one_system_id(start):
    sim = start("--run", "set system=slow silent 100%")
    with Esme(sim.port) as slow, Esme(sim.port) as good:
        slow.bind(system_id="slow")
        good.bind(system_id="good")
        slow.submit()
        assert good.submitted(registered=0).status == 0
        slow.expect(DELIVER)  # taken all the same
        slow.expect_silence()
        assert sim.stats()["systems"]["slow"]["submits_unanswered"] == 1
        sim.control("set silent 0%")
        assert slow.submitted(registered=0).status == 0


# Control.

def test_mobile_originated_messages(bound):
    sim, esme = bound()
    assert sim.control("mo 99970000009 1234 STOP it")["parts"] == 1
    got = esme.receipt()
    assert (got["source"], got["dest"], got["text"], got["esm_class"]) == ("99970000009", "1234", b"STOP it", 0)
    sim.control("mo 99970000009 1234 سلام 🙂")
    got = esme.receipt()
    assert got["data_coding"] == 8 and got["text"].decode("utf-16-be") == "سلام 🙂"
    assert sim.control("mo 99970000009 1234 " + "x" * 200)["parts"] == 2
    parts = [esme.receipt() for _ in range(2)]
    assert [p["esm_class"] for p in parts] == [0x40, 0x40]
    assert [p["text"][:3] + p["text"][4:6] for p in parts] == [b"\5\0\3\2\1", b"\5\0\3\2\2"]
    assert b"".join(p["text"][6:] for p in parts) == b"x" * 200
    wait_stat(sim, "mo_acked", 4)


def test_octets_and_malformations_on_demand(bound):
    sim, esme = bound()
    assert sim.control("send 00000010 00000015 00000000 00000055")["sessions"] == 1
    assert esme.expect(ENQUIRE).sequence == 0x55
    assert not sim.control("send xyz")["ok"]
    assert not sim.control("malformed nothing-like-it")["ok"]
    for name, command in (("unknown-command", 0xabc), ("nack-0", NACK), ("alert", 0x102),
                          ("deliver-sm-length", DELIVER), ("deliver-tlv-long", DELIVER),
                          ("deliver-tlv-cut", DELIVER), ("deliver-udh", DELIVER),
                          ("receipt-no-id", DELIVER), ("outbind", 0x0b)):
        assert sim.control(f"malformed session=1 {name}")["sessions"] == 1
        got = esme.receive()
        assert got.command == command and len(got.body) == got.length - 16
    assert sim.control("malformed session=9 http")["sessions"] == 0
    sim.control("malformed http")
    with pytest.raises(AssertionError, match="command_length|half a PDU"):
        esme.receive(0.3)


def test_reading_can_pause_or_be_slow(bound):
    sim, esme = bound()
    sim.control("pause-read")
    esme.submit(registered=0)
    esme.expect_silence()
    sim.control("resume-read")
    assert esme.expect(SUBMIT | RESP).status == 0
    sim.control("set slow-read 1000")
    began = time.monotonic()
    for _ in range(6):
        esme.submit(registered=0)
    for _ in range(6):
        esme.expect(SUBMIT | RESP)
    assert time.monotonic() - began > 0.2, "about 400 octets at 1,000 a second"


def test_control_errors_and_resets(bound):
    sim, esme = bound()
    for line in ("nonsense", "set latency-ms x", "set nothing 1", "mo 1", "history on", "history"):
        answer = sim.control(line)
        assert not answer["ok"] and answer["error"]
    esme.submitted(registered=0)
    sim.control("reset-stats")
    assert sim.stats()["submits"] == 0
    assert sim.control("rst session=1")["sessions"] == 1
    esme.expect_closed()
    assert "stats [system=ID]" in sim.control("help")["commands"]


def test_quit_ends_the_program(tmp_path):
    sim = MnoSim(tmp_path).start()
    assert sim.control("quit")["ok"]
    assert sim.wait() == 0


# Observation.

def test_duplicates_by_text_and_by_token(bound):
    sim, esme = bound("--detect-duplicates", "text")
    for text in (b"one", b"two", b"one"):
        esme.submitted(text=text, registered=0)
    esme.submitted(text=b"one", dest="99970000002", registered=0)
    for reference in (1, 2):  # the same part sent again under another reference
        esme.submitted(esm_class=0x40, text=bytes([5, 0, 3, reference, 2, 1]) + b"part", registered=0)
    assert sim.stats()["duplicates"] == 2
    sim.control("set detect-duplicates token")
    sim.control("forget-messages")
    esme.submitted(text=b"Hello id:17 there", registered=0)
    esme.submitted(text="another text id:17".encode("utf-16-be"), coding=8, registered=0)
    esme.submitted(text=b"Hello id:18 there", registered=0)
    assert sim.stats()["duplicates"] == 3
    sim.control("set status-for-dest 1=0x58*1")
    for _ in range(2):  # refused, then taken: that is no duplicate
        esme.submitted(text=b"id:19", registered=0)
    assert sim.stats()["duplicates"] == 3


def test_history_tells_every_pdu(bound, tmp_path):
    path = tmp_path / "history.jsonl"
    sim, esme = bound("--history", str(path), "--history-text", "--id-start", "40")
    esme.submitted(esm_class=0x40, text=bytes([5, 0, 3, 9, 2, 1]) + b'"quote"')
    esme.receipt()
    wait_stat(sim, "receipts_acked", 1)
    sim.control("history off")
    esme.submitted(registered=0)
    sim.control("history flush")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0]["c"] == "started" and rows[0]["wall"] > 1.7e15
    told = [(row["d"], row["c"]) for row in rows[1:]]
    assert told == [("event", "connected"), ("in", "bind_transceiver"), ("out", "bind_transceiver_resp"),
                    ("in", "submit_sm"), ("out", "submit_sm_resp"), ("out", "deliver_sm"),
                    ("in", "deliver_sm_resp")]
    submit, answer, deliver = rows[4], rows[5], rows[6]
    assert submit["to"] == "99970000001" and submit["from"] == "Acme"
    assert (submit["ref"], submit["part"], submit["parts"]) == (9, 1, 2)
    assert bytes.fromhex(submit["text"])[6:] == b'"quote"'
    assert (answer["id"], answer["r"], answer["q"]) == ("40", 0, submit["q"])
    assert deliver["id"] == "40" and all(a["t"] <= b["t"] for a, b in zip(rows, rows[1:]))
    assert {row["n"] for row in rows[1:]} == {1} and submit["s"] == "alpha"


def test_history_of_a_sample(bound, tmp_path):
    path = tmp_path / "history.jsonl"
    sim, esme = bound("--history", str(path), "--history-to", "7")
    for dest in ("99970000006", "99970000007", "7"):
        esme.submitted(dest=dest)
        esme.receipt()
    sim.control("history flush")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    told = [(row["c"], row["to"]) for row in rows if row["d"] != "event"]
    assert told == [(c, to) for to in ("99970000007", "7") for c in ("submit_sm", "deliver_sm")]


def test_the_load_client(start):
    sim = start("--receipt-dialect", "full", "--detect-duplicates", "token")
    done = subprocess.run([SIM, "--load", f"127.0.0.1:{sim.port}", "--count", "20000", "--binds", "3",
                           "--window", "200", "--registered"], capture_output=True, text=True,
                          timeout=60, check=True)
    result = json.loads(done.stdout)
    assert (result["sent"], result["ok"], result["receipts"]) == (20000, 20000, 20000)
    stats = sim.stats()
    assert (stats["submits"], stats["receipts_acked"], stats["binds"], stats["unbinds"]) == (20000, 20000, 3, 3)
    assert (stats["duplicates"], stats["protocol_errors"]) == (0, 0)


def test_the_load_client_paces(start):
    sim = start()
    subprocess.run([SIM, "--load", f"127.0.0.1:{sim.port}", "--count", "300", "--tps", "200"],
                   capture_output=True, timeout=60, check=True)
    assert 150 <= sim.stats()["systems"]["load"]["max_submits_per_second"] <= 260


@pytest.mark.timing
def test_it_is_never_what_a_benchmark_measures(start):
    sim = start()
    before = sim.cpu_seconds()
    subprocess.run([SIM, "--load", f"127.0.0.1:{sim.port}", "--count", "1000000"],
                   capture_output=True, timeout=120, check=True)
    rate = 1_000_000 / (sim.cpu_seconds() - before)
    assert rate >= 300_000, f"{rate:.0f} submit_sm per second of one core"
