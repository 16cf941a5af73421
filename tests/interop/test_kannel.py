"""Kannel, an ESME of many years' standing, bound to mno-sim: what our programs are tested against is an
SMSC by another's measure too."""
import shutil
import socket
import urllib.parse
import urllib.request

import pytest

from harness.process import Process, free_port, wait_for
from harness.programs import MnoSim

PATH = "/usr/sbin:/usr/bin:/usr/lib/kannel"


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def kannel(tmp_path):
    mno = MnoSim(tmp_path / "mno", "--receipt-delay-ms", "20-100").start()
    admin, boxes, send = free_port(), free_port(), free_port()
    conf = tmp_path / "kannel.conf"
    conf.write_text(f"""
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-level = 1
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = mno
host = 127.0.0.1
port = {mno.port}
transceiver-mode = true
smsc-username = kannel
smsc-password = pw
system-type = ""
interface-version = 34
enquire-link-interval = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1
log-level = 1

group = sendsms-user
username = user
password = pass
""", encoding="utf-8")
    started = []
    try:
        started.append(Process("bearerbox", [shutil.which("bearerbox", path=PATH), conf], tmp_path / "bearerbox.log",
                               cwd=tmp_path).start())
        wait_for(lambda: listening(boxes), 20, "bearerbox takes boxes")
        started.append(Process("smsbox", [shutil.which("smsbox", path=PATH), conf], tmp_path / "smsbox.log",
                               cwd=tmp_path).start())
        wait_for(lambda: listening(send), 20, "smsbox takes messages")
        wait_for(lambda: mno.stats()["binds"] == 1, 20, "Kannel binds")
        yield mno, send
    finally:
        for process in reversed(started):
            process.kill()
        mno.stop()


def test_kannel_binds_sends_and_takes_receipts(kannel):
    mno, send = kannel
    for i in range(20):
        query = urllib.parse.urlencode({"username": "user", "password": "pass", "to": f"+9997000{i:04d}",
                                        "from": "Acme", "text": f"Number {i}", "dlr-mask": 3,
                                        "dlr-url": "http://127.0.0.1:1/none"})
        with urllib.request.urlopen(f"http://127.0.0.1:{send}/cgi-bin/sendsms?{query}", timeout=10) as answer:
            assert answer.status == 202
    wait_for(lambda: mno.stats()["submits"] == 20, 20, "twenty submits")
    wait_for(lambda: mno.stats()["receipts_acked"] == 20, 20, "twenty receipts answered")
    wait_for(lambda: mno.stats()["enquire_links"] >= 2, 20, "enquire_link")
    stats = mno.stats()
    assert stats["protocol_errors"] == 0 and stats["receipts_lost"] == 0
