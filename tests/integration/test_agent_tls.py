"""SMPP over TLS: who is trusted, who is not, and what an engineer sees of it."""
import ssl
import time

import pytest

from harness.fake_bridge import ACCEPTED, FakeBridge, operator_id
from harness.process import wait_for
from harness.stack import operator_id as operator_uuid
from harness.tls import TlsSmsc, certificate

OP = operator_id(1)
BOUND = 3


@pytest.fixture
def mno(tmp_path):
    made = []

    def make(**kwargs):
        cert_file, key_file = certificate(tmp_path, dns=["mno.example"])
        made.append(TlsSmsc(cert_file, key_file, **kwargs))
        made[-1].certificate = cert_file
        return made[-1]
    yield make
    for m in made:
        m.close()


def secured(bridge, mno, **tls):
    bridge.credentials[OP] = {"port": mno.port}
    bridge.declare((OP, {"tls": 1, "reconnect_max_ms": 200, "tls_min_version": 0x0303, **{f"tls_{k}": v for k, v in tls.items()}}))
    return bridge


def refused(bridge, mno, word):
    wait_for(lambda: any(word in r["reason"].decode().lower() for r in bridge.all("SESSION", phase=b"backoff")), 10,
             f"a reason with {word!r}")
    assert not mno.binds(), "nothing was said before the peer was known"


@pytest.fixture
def unbound(agent):
    """A bridge that has declared nothing yet."""
    bridge = FakeBridge(agent.ipc_url).attach()
    yield bridge
    bridge.die()


def test_what_can_not_be_verified_gets_no_bind(unbound, mno, tmp_path):
    peer = mno()
    refused(secured(unbound, peer), peer, "certificate")  # the system's own authorities, by default
    stranger, _ = certificate(tmp_path, "stranger")
    refused(secured(unbound, peer, ca_file=stranger), peer, "certificate")
    refused(secured(unbound, peer, ca_file=peer.certificate, server_name="other.example"), peer, "mismatch")
    secured(unbound, peer, ca_file=peer.certificate, server_name="mno.example")
    row = unbound.session_state(OP, BOUND)
    assert row["tls"].startswith(b"TLSv1.3") and row["tls_peer"] == b"CN=mno"
    assert abs(row["tls_expiry_ms"] / 1000 - (time.time() + 30 * 86400)) < 3600
    unbound.send("PACE", operator_id=OP, per_second=100)
    assert unbound.outcome(unbound.submit(OP))["kind"] == ACCEPTED
    secured(unbound, peer, ca_file=peer.certificate, server_name="other.example")
    unbound.send("REBIND", operator_id=OP, reason="asked for")
    down = unbound.wait("SESSION", since=len(unbound.records), phase=b"backoff")
    assert down["tls"] == b"" and [down[k] for k in ("tls_expiry_ms", "tls_peer")] == [
        row[k] for k in ("tls_expiry_ms", "tls_peer")], "the certificate stays known"


def test_a_client_certificate(unbound, mno, tmp_path):
    mine, key = certificate(tmp_path, "connector")
    peer = mno(client_ca=mine)
    secured(unbound, peer, ca_file=peer.certificate)
    wait_for(lambda: unbound.all("SESSION", phase=b"backoff"), 10, "no bind without it")
    secured(unbound, peer, ca_file=peer.certificate, cert_file=mine, key_file=key)
    unbound.session_state(OP, BOUND)


def test_a_version_that_is_too_old(unbound, mno):
    peer = mno(newest=ssl.TLSVersion.TLSv1_2)
    refused(secured(unbound, peer, ca_file=peer.certificate, min_version=0x0304), peer, "version")
    secured(unbound, peer, ca_file=peer.certificate)
    assert unbound.session_state(OP, BOUND)["tls"].startswith(b"TLSv1.2")


def test_shown_and_measured(make_stack, mno):
    peer = mno()
    stack = make_stack(mno_address=("127.0.0.1", peer.port), operator_settings={
        operator_uuid(1): {"tls": {"enabled": True, "caFile": peer.certificate, "minVersion": "1.3"}}})
    stack.start()
    (bind,) = stack.bridge.json("/sessions/" + stack.ids[0])["binds"]
    assert bind["tls"].startswith("TLSv1.3 ") and bind["tlsPeer"] == "CN=mno"
    ends = stack.bridge.metric("smpp_connector_tls_peer_expiry_timestamp_seconds", operator_id=stack.ids[0])
    assert abs(ends - (time.time() + 30 * 86400)) < 3600
    assert bind["tlsPeerExpiresAt"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ends)) + ".000Z"
