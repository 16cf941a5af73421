"""The two programs among parts that were not written here: npm `smpp` as the SMSC, nginx with client
certificates as the credentials endpoint, tshark's dissector and ajv as readers."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from harness.process import Process, free_port, wait_for
from harness.stack import command, operator_id

HERE = os.path.dirname(os.path.abspath(__file__))


class NpmSmsc(Process):
    def __init__(self, directory, *options):
        self.port = free_port()
        super().__init__("npm-smsc", [shutil.which("node"), os.path.join(HERE, "smsc.js"), self.port, *options],
                         os.path.join(directory, "npm-smsc.log"))

    def start(self):
        self.popen = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, cwd=HERE)
        import threading
        self._thread = threading.Thread(target=self._drain, args=(self.popen,), daemon=True)
        self._thread.start()
        self.wait_line('"ready"')
        return self

    def _say(self, line):
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def deliver(self, **fields):
        """A deliver_sm; `text` and `udh` (hex) are in short_message or, with `payload`, in message_payload."""
        self._say("deliver " + json.dumps({"source_addr": "99970000001", "destination_addr": "1234", **fields}))

    def stats(self):
        since = len(self.lines)
        self._say("stats")
        return json.loads(self.wait_line('"stats"', since=since))["stats"]


class Nginx(Process):
    """Serves the credentials as files, over TLS with client certificates, as Debian's nginx does it."""

    def __init__(self, directory, certificates, answers, token):
        self.port = free_port()
        self.directory = directory
        root = os.path.join(directory, "root")
        for oid, answer in answers.items():
            d = os.path.join(root, "internal/operators", oid)
            os.makedirs(d)
            with open(os.path.join(d, "smpp-credentials"), "w", encoding="utf-8") as f:
                json.dump(answer, f)
        path = os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{}}
http {{
  access_log {directory}/access.log;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{
    listen 127.0.0.1:{self.port} ssl;
    ssl_certificate {certificates}/server.pem; ssl_certificate_key {certificates}/server.key;
    ssl_client_certificate {certificates}/ca.pem; ssl_verify_client on;
    root {root}; default_type application/json;
    if ($http_authorization != "Bearer {token}") {{ return 401; }}
  }}
}}
""")
        super().__init__("nginx", [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", path, "-p", directory],
                         os.path.join(directory, "nginx.log"))

    def start(self):
        super().start()

        def listening():
            import socket
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(listening, 10, "nginx listens")
        return self


@pytest.fixture
def foreign(make_stack, tmp_path):
    """A stack whose SMSC is npm smpp and whose credentials come from nginx."""
    others = []
    smsc = NpmSmsc(str(tmp_path), "--keep-messages").start()
    others.append(smsc)
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings={"MO_SUBJECT": "sms.mo.inbound"})
    stack.start_servers()
    stack.client.create_stream("MO", ["sms.mo.inbound"])
    stack.start_mno()  # makes the certificates and says what the answers are
    nginx_directory = tmp_path / "nginx"
    nginx_directory.mkdir()
    nginx = Nginx(str(nginx_directory), stack.mgmt.directory, stack.mgmt.operators, stack.mgmt.token).start()
    others.append(nginx)
    stack.bridge_settings["OPERATOR_MGMT_URL"] = f"https://localhost:{nginx.port}"
    stack.mgmt.stop()
    stack.agent.start()
    stack.bridge = stack.make_bridge()
    stack.bridge.start()
    stack.bridge.wait_ready()
    stack.smsc = smsc
    yield stack
    stack.stop()
    for process in others:
        if process.alive():
            process.kill()


def test_5000_commands_sent_once_correlated_acknowledged(foreign):
    ids = foreign.send(5000, text=lambda i: f"Your code is {i:06d}")
    wait_for(lambda: len(foreign.dlr_events()) >= 5000, 120, "5,000 events", 0.5)
    foreign.wait_acknowledged()
    stats = foreign.smsc.stats()
    assert stats["submits"] == 5000
    assert stats["binds"] == 1
    assert stats["acknowledged"] == 5000 and stats["refused"] == 0
    assert stats["errors"] == []
    assert sorted(m["text"] for m in stats["messages"]) == sorted(f"Your code is {i:06d}" for i in range(5000))
    assert sorted(e["messageId"] for e in foreign.dlr_events()) == sorted(ids)
    assert [row["state"] for row in foreign.bridge.json("/sessions")["sessions"]] == ["BOUND"]
    assert foreign.bridge.stop() == 0
    assert foreign.agent.stop() == 0
    assert foreign.smsc.stats()["unbinds"] == 1


def test_texts_arrive_as_they_were_written(foreign):
    texts = ["Plain text", "Extension: €[]{}~^|\\", "@£$¥èéùìòÇ", "کد شما ۱۲۳۴۵۶ است", "emoji 😀 and text"]
    for i, text in enumerate(texts):
        foreign.send(1, text=text, to=f"+9997123000{i}")
    wait_for(lambda: len(foreign.dlr_events()) >= len(texts), 30, "the events", 0.1)
    got = {m["to"]: m["text"] for m in foreign.smsc.stats()["messages"]}
    assert [got[f"9997123000{i}"] for i in range(len(texts))] == texts


def test_long_texts_and_flash_are_read(foreign):
    long = "".join(chr(97 + i % 26) for i in range(400))
    foreign.send(1, text=long, to="+99971230010")
    foreign.send(1, text=long, to="+99971230011", longMessageStrategy="TLV")
    foreign.send(1, text="Flash €", to="+99971230012", messageType="FLASH")
    foreign.send(1, text="کد ۱۲", to="+99971230013", messageType="FLASH")
    foreign.wait_acknowledged()
    got = {}
    for m in foreign.smsc.stats()["messages"]:
        got.setdefault(m["to"], []).append(m)
    parts = got["99971230010"]
    assert "".join(m["text"] for m in parts) == long
    (reference,) = {m["udh"][0][4:6] for m in parts}
    assert [m["udh"] for m in parts] == [[f"0003{reference}03{k:02d}"] for k in (1, 2, 3)]
    assert all(m["esmClass"] == 0x40 for m in parts)
    assert [(m["payload"], m["text"]) for m in got["99971230011"]] == [(long, "")]
    assert [(m["dataCoding"], m["text"]) for m in got["99971230012"]] == [(0x10, "Flash €")]
    assert [(m["dataCoding"], m["text"]) for m in got["99971230013"]] == [(0x18, "کد ۱۲")]


def test_what_the_other_stack_delivers_is_read(foreign):
    sms = foreign.smsc

    def answered(count):
        wait_for(lambda: len(sms.stats()["answers"]) == count, 20, f"{count} answers", 0.1)
    sms.deliver(text="Hi €@ Ä")
    sms.deliver(text="کد ۱۲ 😀", data_coding=8)
    answered(2)
    sms.deliver(text="two", udh="0500032a0202", source_addr="99970000002")
    sms.deliver(text="one and ", udh="0500032a0201", source_addr="99970000002")
    sms.deliver(text="x" * 300, payload=True)
    answered(5)
    texts = [(m.json()["text"], m.json()["from"]) for m in foreign.client.read_stream("MO")]
    assert sorted(texts) == sorted([("Hi €@ Ä", "99970000001"), ("کد ۱۲ 😀", "99970000001"),
                                    ("one and two", "99970000002"), ("x" * 300, "99970000001")])

    ids = foreign.send(2, registeredDelivery=0)
    foreign.wait_acknowledged()
    recipients = {m["to"]: f"{n + 1:08x}" for n, m in enumerate(sms.stats()["messages"])}
    sms.deliver(source_addr="99970000001", esm_class=4, receipted_message_id=recipients["99970000001"], message_state=2)
    sms.deliver(source_addr="99970000002", esm_class=4, payload=True,
                text=f"id:{recipients['99970000002']} sub:001 dlvrd:000 submit date:2604181000 done date:2604181001 "
                     "stat:UNDELIV err:011 text:")
    answered(7)
    events = {e["messageId"]: e for e in foreign.dlr_events()}
    assert [events[i]["status"] for i in ids] == ["DELIVERED", "UNDELIVERABLE"]
    assert events[ids[1]]["errorCode"] == "011"
    stats = sms.stats()
    assert stats["answers"] == [0] * 7 and stats["errors"] == []


def test_everything_that_leaves_is_valid_by_its_schema(stack):
    stack.send(20, text="Valid")
    stack.send(1, expiresAt="2020-01-01T00:00:00Z")
    stack.client.store(f"smpp.operator.{stack.ids[0]}", b"{nonsense")
    stack.send(1, text="x" * 500)
    wait_for(lambda: len(stack.dlr_events()) >= 26, 30, "26 events", 0.1)
    values = [("DlrInboundEvent", e) for e in stack.dlr_events()]
    values += [("OperatorHealthEvent", e) for e in stack.health_events()]
    values.append(("Sessions", stack.bridge.json("/sessions")))
    values.append(("SmppCredentials", stack.mgmt.operators[stack.ids[0]]))
    values.append(("SmsDispatchCommand", command(stack.ids[0])))
    lines = "\n".join(json.dumps({"schema": s, "value": v}) for s, v in values)
    result = subprocess.run(["node", os.path.join(HERE, "validate.js")], input=lines, capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


# Every PDU that an ESME of 3.4 with these paths can send; the connector sends no other.
COMMANDS = {"bind_receiver": 0x01, "bind_transmitter": 0x02, "submit_sm": 0x04, "unbind": 0x06, "bind_transceiver": 0x09,
            "enquire_link": 0x15, "generic_nack": 0x80000000, "deliver_sm_resp": 0x80000005, "unbind_resp": 0x80000006,
            "enquire_link_resp": 0x80000015, "data_sm_resp": 0x80000103}
# What a submit_sm can carry besides a short text: by tshark's names.
FORMS = {"CSMS, 8 bits": "gsm_sms.udh.mm.msg_id && smpp.message[0:3] == 05:00:03", "SAR": "smpp.sar_total_segments == 4",
         "CSMS, 16 bits": "gsm_sms.udh.mm.msg_id && smpp.message[0:3] == 06:08:04",
         "message_payload": "smpp.message_payload", "validity from now": "smpp.validity_period_r",
         "validity until": "smpp.validity_period", "UCS-2": "smpp.data_coding == 8", "flash": "smpp.data_coding == 0x10",
         "own TLV": "smpp.vendor_op == 0a:0b", "service type": "smpp.service_type == \"OTP\"", "priority": "smpp.priority_flag == 2",
         "replace": "smpp.replace_if_present_flag == 1", "alphanumeric sender": "smpp.source_addr_ton == 5"}


class Tshark(Process):
    def __init__(self, directory, port):
        self.port = port
        self.file = os.path.join(directory, "smpp.pcap")
        super().__init__("tshark", ["tshark", "-i", "lo", "-f", f"tcp port {port}", "-w", self.file, "-q"],
                         os.path.join(directory, "tshark.log"))

    def start(self):
        super().start()
        self.wait_line("Capturing on", timeout=20)
        return self

    def read(self, display_filter, *fields):
        out = subprocess.run(["tshark", "-r", self.file, "-d", f"tcp.port=={self.port},smpp", "-Y", display_filter, *fields],
                             capture_output=True, text=True, timeout=120, check=False)
        assert out.returncode == 0, out.stderr
        return [line for line in out.stdout.splitlines() if line]


def provoke(mno):
    """What only an SMSC's PDUs bring about: their answers."""
    mno.control("enquire system=smsgw0001")
    mno.control("send system=smsgw0001 00000010000000990000000000000007")  # no such command
    mno.control("unbind system=smsgw0003")
    wait_for(lambda: mno.stats()["generic_nacks"] >= 1, 10, "generic_nack")


def test_tshark_finds_nothing_wrong_with_our_pdus(make_stack, tmp_path):
    sar, pair = operator_id(2), operator_id(3)
    stack = make_stack(operators=3, operator_settings={
        sar: {"concatenation": "sar", "validity": "relative", "tlvs": [{"tag": "0x1403", "hex": "0a0b"}],
              "serviceType": "OTP", "priority": 2, "replaceIfPresent": True},
        pair: {"concatenation": "udh16"}})
    stack.start_servers()
    stack.mno.argv += ["--run", "set system=smsgw0003 refuse-trx 0x03", "--run", "set system=smsgw0002 receipt-dialect data-sm"]
    stack.start_mno()
    tshark = Tshark(str(tmp_path), stack.mno.port).start()
    try:
        stack.agent.start()
        stack.bridge = stack.make_bridge(ENQUIRE_LINK_INTERVAL_MS="1000", ENQUIRE_LINK_TIMEOUT_MS="1000")
        stack.bridge.start()
        stack.bridge.wait_ready()
        stack.send(50, text="Number")
        for n in range(3):
            stack.send(1, operator=n, text="x" * 500)
        stack.send(1, text="کد شما ۱۲۳۴۵۶ است")
        stack.send(1, text="Flash", messageType="FLASH")
        stack.send(1, operator=1, text="Replaces")
        stack.send(1, text="y" * 400, longMessageStrategy="TLV")
        wait_for(lambda: len(stack.dlr_events()) >= 66, 30, "the events", 0.1)
        wait_for(lambda: stack.mno.stats()["enquire_links"] >= 3, 10, "enquire_link")
        provoke(stack.mno)
        stack.bridge.stop()
        stack.agent.stop()
        wait_for(lambda: stack.mno.stats()["unbinds"] >= 1, 5, "unbind")
    finally:
        tshark.stop(number=signal.SIGINT)
    ours = f"tcp.dstport == {stack.mno.port} && smpp"
    assert tshark.read(f"{ours} && (_ws.malformed || _ws.expert.severity >= 6291456)") == []
    sent = {int(w, 16) for line in tshark.read(ours, "-T", "fields", "-e", "smpp.command_id") for w in line.split(",")}
    assert sent == set(COMMANDS.values()), [name for name, number in COMMANDS.items() if number not in sent]
    for name, form in FORMS.items():
        assert tshark.read(f"{ours} && ({form})"), name
