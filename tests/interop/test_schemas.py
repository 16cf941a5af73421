"""The schemas and the program say the same, asked through a validator not written here."""
import json
import os
import random
import subprocess

from harness.programs import BUILD
from harness.schemas import invalid

CHECK = os.path.join(BUILD, "tests/unit/proto/payload_check")
OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
MESSAGE = "7d444840-9dc0-11d1-b245-5ffdce74fad2"

# For each member values to take and to refuse; which is which, the two sides have to agree on.
VALUES = {
    "version": ["1.0", "1", "1.9", "2.0", "10", 1, None],
    "messageId": [MESSAGE, "x", None, 1],
    "operatorId": [OPERATOR, OPERATOR.upper(), "x", None],
    "to": ["+99970000001", "123", "12", "a", "1234567", "1234567890123456", "", 123],
    "from": ["ACME", "123", "", "aé", "123456789012345678901", "a b", "a\tb", None],
    "text": ["hi", "", None, 7, "سلام", "a\nb", "x" * 1000],
    "dataHex": ["00", "0", "zz", "", None, 7, "AbCd"],
    "dataCoding": [0, 255, 256, -1, "7", "256", "x", None, 1.5],
    "messageType": ["SMS", "flash", "X", None, "", 1],
    "encoding": ["GSM7", "ucs2", "", None, "UTF8"],
    "longMessageStrategy": ["CSMS", "tlv", "x", None],
    "enqueuedAt": ["x", None, "2026-04-18T10:00:00Z", 5],
    "expiresAt": ["2026-04-18T10:05:00.000Z", "2026-04-18T10:05:00+04:30", "x", None, 5,
                  "2026-02-30T00:00:00Z", ""],
    "scheduledAt": ["2026-04-18T05:00:00Z", None, "y"],
    "priority": [0, 3, 4, -1, "2", "9", None, 1.5, True],
    "registeredDelivery": [0, 31, 32, "1", "31", "99", None],
    "sourceTon": [0, 7, 8, None, "7", "8"],
    "sourceNpi": [18, 19, "18", "19"],
    "destTon": [1, "9", []],
    "destNpi": [1, 99],
    "tlvs": [[], None, {}, [{"tag": 1, "hex": ""}], [{"tag": "0x1400", "hex": "6869"}],
             [{"tag": 0, "hex": ""}], [{"tag": "0x0", "hex": ""}], [{"tag": 65536, "hex": ""}],
             [{"tag": "0x10000", "hex": ""}], [{"tag": "5", "hex": "00"}],
             [{"tag": "0x0424", "hex": "00"}], [{"tag": "0x20C", "hex": "00"}],
             [{"tag": 1060, "hex": "00"}], [{"tag": 1}], [1], [{"tag": 1, "hex": "0"}],
             [{"tag": 1, "hex": "00" * 254}], [{"tag": 1, "hex": "00" * 255}],
             [{"tag": 1, "hex": ""}] * 16, [{"tag": 1, "hex": ""}] * 17],
    "unknown": [1, {"a": []}],
}

RECEIPTS = [
    b"id:0123456789 sub:001 dlvrd:001 submit date:2604181000 done date:2604181005 stat:DELIVRD err:000 text:Hi",
    b"", b"hello", b"id:" + b"x" * 200, b"id:1 stat:" + b"y" * 100, b"id:1 stat:UNDELIV err:21b",
    b"id:1 stat:DELIVRD text:\xff\xfe\x00\x01\x1b\x7f", b"id:\xc3\xa9 stat:\xe9\xe9", bytes(range(256)),
    "id:1 stat:DELIVRD".encode("utf-16-be"),
]


def check(mode, lines):
    result = subprocess.run([CHECK, mode], input="\n".join(lines) + "\n", capture_output=True, text=True,
                            timeout=60, check=True)
    return result.stdout.split("\n")[:-1]


def mixed_commands(count):
    chance = random.Random(1)
    for _ in range(count):
        command = {"messageId": MESSAGE, "operatorId": OPERATOR, "to": "+99970000001", "from": "ACME",
                   "text": "hi"}
        for member in chance.sample(sorted(VALUES), chance.randint(0, 4)):
            command[member] = chance.choice(VALUES[member])
            if chance.random() < 0.1:
                del command[member]
        yield command


def test_the_program_refuses_exactly_the_commands_that_the_schema_refuses():
    commands = list(mixed_commands(5000))
    verdicts = check("commands", [json.dumps(c) for c in commands])
    assert len(verdicts) == len(commands)
    by_schema = {json.dumps(i["value"], sort_keys=True): i["errors"]
                 for i in invalid([("SmsDispatchCommand", c) for c in commands])}
    accepted = 0
    for command, verdict in zip(commands, verdicts):
        errors = by_schema.get(json.dumps(command, sort_keys=True))
        assert (verdict == "ok") == (errors is None), f"{command}: {verdict}, {errors}"
        accepted += verdict == "ok"
    assert 1000 < accepted < 4000


def test_every_receipt_becomes_a_valid_event():
    lines = check("receipts", [r.hex() for r in RECEIPTS])
    assert len(lines) == len(RECEIPTS)
    assert invalid([("DlrInboundEvent", json.loads(line)) for line in lines]) == []
