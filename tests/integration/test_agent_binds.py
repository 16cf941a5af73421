"""The agent's binds, seen from both of its sides: pairs, refusals, slow readers, TLS (README.md of the agent)."""
import datetime
import ipaddress
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.fake_bridge import ACCEPTED, FakeBridge, RECEIVER, TRANSCEIVER, TRANSMITTER, operator_id, submit_body
from harness.process import wait_for
from harness.programs import Agent
from harness.smsc import (BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, DELIVER_SM, ENQUIRE_LINK, RESP,
                          SUBMIT_SM, UNBIND, Connection, Smsc, receipt_body)

OP, OTHER = operator_id(1), operator_id(2)
BOUND, UNBOUND = 3, 4
RECONNECTS, BINDS_REFUSED, AUTH_FAILURES = 2, 5, 6


@pytest.fixture
def smsc():
    made = Smsc()
    yield made
    made.close()


@pytest.fixture
def agent(tmp_path):
    made = Agent(tmp_path / "agent").start()
    yield made
    if made.alive():
        made.kill()


@pytest.fixture
def declared(agent, smsc):
    made = []

    def make(**settings):
        bridge = FakeBridge(agent.ipc_url)
        bridge.credentials[OP] = {"port": smsc.port}
        made.append(bridge)
        bridge.attach()
        bridge.declare((OP, settings))
        bridge.send("PACE", operator_id=OP, per_second=10000)
        return bridge
    yield make
    for bridge in made:
        bridge.die()


def refusing(status):
    return lambda c, p: c.smsc.answer(c, p, status)


def stat(bridge, index, oid=OP):
    values = bridge.stats(oid)
    return values[index] if values else 0


# --- pairs --------------------------------------------------------------------------------------


@pytest.fixture
def pair(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x03)

    def make(**settings):
        bridge = declared(**settings)
        bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
        bridge.session_state(OP, BOUND, bind_mode=RECEIVER)
        return bridge
    return make


def test_a_pair_is_one_attempt_with_one_answer_of_credentials(pair, smsc):
    bridge = pair()
    assert len(bridge.all("CREDENTIALS_WANTED")) == 1
    assert bridge.wait("SESSION_GONE", bind_mode=TRANSCEIVER)
    assert bridge.wait("CREDIT", slots=200) and len(bridge.all("HEALTH", status=1)) == 1
    assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED


def test_half_a_pair_is_no_bound_operator(pair, smsc):
    bridge = pair(reconnect_min_ms=1000)
    receiver = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    receiver.close()
    bridge.wait("HEALTH", status=2)
    assert bridge.wait("CREDIT", slots=0)
    bridge.wait("HEALTH", status=1, count=2)
    assert bridge.last("CREDIT")["slots"] == 200
    kinds = [k for _, k, _ in smsc.binds()]
    assert kinds.count(BIND_TRANSCEIVER) == 1 and kinds.count(BIND_RECEIVER) == 2


def test_the_pair_is_remembered_and_a_transceiver_probed_later(pair, smsc):
    bridge = pair(pair_probe_ms=600000)
    transmitter = next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER)
    transmitter.close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_TRANSMITTER) == 2, 5, "it is bound again as it was")
    assert [k for _, k, _ in smsc.binds()].count(BIND_TRANSCEIVER) == 1
    bridge.session_state(OP, BOUND, bind_mode=TRANSMITTER)
    del smsc.handlers[BIND_TRANSCEIVER]  # the MNO has learnt it
    bridge.declare((OP, {"pair_probe_ms": 0}))
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER and not c.closed.is_set()).close()
    bridge.session_state(OP, BOUND, bind_mode=TRANSCEIVER)
    receiver = next(c for c in smsc.connections if c.bound_as == BIND_RECEIVER)
    receiver.wait(UNBIND)
    assert bridge.wait("SESSION_GONE", bind_mode=RECEIVER) and bridge.wait("SESSION_GONE", bind_mode=TRANSMITTER)


def test_a_probe_that_fails_keeps_the_receiver(pair, smsc):
    bridge = pair(pair_probe_ms=0)
    next(c for c in smsc.connections if c.bound_as == BIND_TRANSMITTER).close()
    wait_for(lambda: [k for _, k, _ in smsc.binds()].count(BIND_TRANSMITTER) == 2, 5, "transmitter again")
    kinds = [k for _, k, _ in smsc.binds()]
    assert kinds.count(BIND_TRANSCEIVER) == 2 and kinds.count(BIND_RECEIVER) == 1
    bridge.wait("HEALTH", status=1, count=2)


@pytest.mark.parametrize("configured", [True, False])
def test_other_statuses_mean_a_pair_only_where_configured(declared, smsc, configured):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x04)
    bridge = declared(pair_on=b"\0\0\0\x04" if configured else b"")
    if configured:
        bridge.session_state(OP, BOUND, bind_mode=RECEIVER)
    else:
        wait_for(lambda: len(smsc.binds()) >= 3, 5, "it tries again")
        assert {k for _, k, _ in smsc.binds()} == {BIND_TRANSCEIVER}


# --- refused ------------------------------------------------------------------------------------


def test_already_bound_is_patience_and_no_alarm(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x05)
    bridge = declared()
    row = bridge.wait("SESSION", phase=b"backoff")
    assert row["refused_status"] == 5 and b"ESME_RALYBND" in row["reason"]
    bridge.wait("HEARTBEAT", count=3, since=len(bridge.records))
    assert len(smsc.binds()) == 1
    assert stat(bridge, BINDS_REFUSED) == 1 and stat(bridge, AUTH_FAILURES) == 0


def test_wrong_credentials_are_an_alarm_told_once(declared, smsc):
    smsc.handlers[BIND_TRANSCEIVER] = refusing(0x0E)
    bridge = declared(auth_retry_min_ms=300)
    wait_for(lambda: stat(bridge, AUTH_FAILURES) >= 3, 10, "three refusals")
    assert [h["status"] for h in bridge.all("HEALTH")] == [2]
    del smsc.handlers[BIND_TRANSCEIVER]
    bridge.wait("HEALTH", status=1)


def test_no_credentials_back_off_and_live_binds_stay(declared, smsc):
    bridge = declared()
    c = smsc.wait_bound()
    answer = bridge.credentials[OP]
    bridge.credentials[OP] = {"ok": 0, "error": "the service is away"}
    bridge.send("REBIND", operator_id=OP, reason="asked for")
    wait_for(lambda: len(bridge.all("CREDENTIALS_WANTED")) >= 4, 10, "asked again and again")
    assert c.closed.is_set() and len(smsc.connections) == 1
    assert b"the service is away" in bridge.last("SESSION")["reason"] or bridge.all("SESSION", phase=b"backoff")
    bridge.credentials[OP] = answer
    smsc.wait_bound(after=1)


# --- alive --------------------------------------------------------------------------------------


def test_unbind_of_the_mno_waits_for_the_window_but_not_for_ever(declared, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = declared()
    bridge.wait("CREDIT", slots=200)
    key = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    c = kept[0][0]
    sequence = c.request(UNBIND)
    bridge.wait("SESSION", phase=b"peer_unbinding")
    c.request(ENQUIRE_LINK, sequence=99)
    c.wait(ENQUIRE_LINK | RESP, sequence=99)
    assert c.count(UNBIND | RESP) == 0
    smsc.answer(*kept[0])
    assert bridge.outcome(key)["kind"] == ACCEPTED
    c.wait(UNBIND | RESP, sequence=sequence)
    assert c.closed.wait(5)
    smsc.wait_bound(after=1)


def test_a_good_bye_waits_for_old_receipts_and_not_for_new_ones(declared, smsc):
    kept = []
    smsc.handlers[SUBMIT_SM] = lambda c, p: kept.append((c, p))
    bridge = declared()
    bridge.wait("CREDIT", slots=200)
    key = bridge.submit(OP)
    wait_for(lambda: kept, 5, "it is at the MNO")
    c = kept[0][0]
    body = receipt_body("99970000001", "Acme", "id:1 stat:DELIVRD")
    c.request(DELIVER_SM, body, sequence=1)
    old = bridge.wait("DELIVER")
    bridge.send("REBIND", operator_id=OP, reason="asked for")
    bridge.wait("SESSION", phase=b"rebind_draining")
    c.request(DELIVER_SM, body, sequence=2)
    new = bridge.wait("DELIVER", count=2)
    smsc.answer(*kept[0])
    bridge.outcome(key)
    assert c.count(UNBIND) == 0
    bridge.send("DELIVER_DONE", id=new["id"], status=0)
    assert c.wait(DELIVER_SM | RESP, sequence=2).status == 0 and c.count(UNBIND) == 0
    c.request(DELIVER_SM, body, sequence=3)
    bridge.wait("DELIVER", count=3)
    bridge.send("DELIVER_DONE", id=old["id"], status=0)
    assert c.wait(DELIVER_SM | RESP, sequence=1).status == 0
    c.wait(UNBIND, timeout=2)
    smsc.wait_bound(after=1)


def test_fewer_and_more_binds_live(declared, smsc):
    bridge = declared(binds=3)
    for n in range(3):
        bridge.session_state(OP, BOUND, bind=n)
    bridge.declare((OP, {"binds": 1}))
    wait_for(lambda: sum(c.count(UNBIND) for c in smsc.connections) == 2, 5, "two unbind")
    wait_for(lambda: {r["bind"] for r in bridge.all("SESSION_GONE")} == {1, 2}, 5, "their rows are gone")
    assert bridge.last("CREDIT")["slots"] == 200
    bridge.declare((OP, {"binds": 2}))
    smsc.wait_bound(after=3)
    wait_for(lambda: bridge.last("CREDIT")["slots"] == 400, 5, "credit of two")


def test_window_and_timers_change_without_a_rebind(declared, smsc):
    bridge = declared()
    bridge.session_state(OP, BOUND)
    bridge.declare((OP, {"window_size": 7, "enquire_link_interval_ms": 100}))
    bridge.wait("CREDIT", slots=14)
    c = smsc.connections[0]
    wait_for(lambda: c.count(ENQUIRE_LINK) >= 3, 5, "heartbeats at the new pace")
    assert len(smsc.connections) == 1


def test_a_reader_that_stops_costs_only_itself(agent, declared, smsc):
    """The MNO's socket is not read any more: output stays bounded, the heartbeat ends the bind."""
    healthy = Smsc()
    try:
        bridge = declared(enquire_link_interval_ms=1000, enquire_link_timeout_ms=1500, window_size=5000)
        bridge.credentials[OTHER] = {"port": healthy.port}
        bridge.declare((OTHER, {}))
        bridge.send("PACE", operator_id=OTHER, per_second=1000)
        bridge.session_state(OP, BOUND)
        wait_for(lambda: healthy.wait_bound(), 5, "the other one is bound")
        gate = threading.Event()
        smsc.handlers[SUBMIT_SM] = lambda c, p: gate.wait(20)  # the thread that reads stands still
        body = submit_body() + b"\x04\x24\x80\x00" + b"x" * 0x8000
        for _ in range(400):
            bridge.submit(OP, body=body)
        bridge.wait("HEALTH", operator_id=OP, status=2, timeout=15)
        assert _rss_kib(agent) < 120 * 1024
        for _ in range(20):
            assert bridge.outcome(bridge.submit(OTHER))["kind"] == ACCEPTED
        gate.set()
    finally:
        healthy.close()


def _rss_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


# --- TLS ----------------------------------------------------------------------------------------


def _certificate(directory, name="mno", days=30):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256()))
    cert_file, key_file = directory / f"{name}.pem", directory / f"{name}.key"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return str(cert_file), str(key_file)


class TlsSmsc(Smsc):
    def __init__(self, cert_file, key_file):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert_file, key_file)
        super().__init__()

    def _accept(self):
        while not self.closing:
            try:
                sock, _ = self.listener.accept()
                self.connections.append(
                    Connection(self, self.context.wrap_socket(sock, server_side=True), len(self.connections)))
                self.connections[-1].start()
            except ssl.SSLError:
                continue
            except OSError:
                return


def test_smpp_over_tls_verifies(agent, tmp_path):
    cert_file, key_file = _certificate(tmp_path)
    other_cert, _ = _certificate(tmp_path, "stranger")
    mno = TlsSmsc(cert_file, key_file)
    bridge = FakeBridge(agent.ipc_url)
    try:
        bridge.credentials[OP] = {"port": mno.port}
        bridge.attach()
        bridge.declare((OP, {"tls": 1, "tls_ca_file": other_cert, "tls_min_version": 0x0303}))
        bridge.wait("SESSION", phase=b"backoff")
        wait_for(lambda: any(b"certificate" in r["reason"].lower() for r in bridge.all("SESSION")), 5,
                 "it says that the certificate is no good")
        assert not mno.binds()
        bridge.declare((OP, {"tls": 1, "tls_ca_file": cert_file, "tls_min_version": 0x0303}))
        row = bridge.session_state(OP, BOUND)
        assert row["tls"].startswith(b"TLSv1.3")
        assert abs(row["tls_expiry_ms"] / 1000 - (time.time() + 30 * 86400)) < 3600
        bridge.send("PACE", operator_id=OP, per_second=100)
        assert bridge.outcome(bridge.submit(OP))["kind"] == ACCEPTED
    finally:
        bridge.die()
        mno.close()
