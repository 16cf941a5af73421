"""The simulated credentials endpoint: mutual TLS, the token, the answer, and every fault."""
import concurrent.futures
import http.client
import json
import ssl
import subprocess
import time

import pytest

from harness.process import wait_for
from harness.programs import ROOT, OperatorMgmtSim, control

SIM = f"{ROOT}/tests/sim/operator-mgmt-sim"
ALPHA = "00000000-0000-4000-8000-00000000000a"
BETA = "00000000-0000-4000-8000-00000000000b"
PASSWORD = "s3cret-0f-alpha"


def operator(one):
    return {"operatorId": one, "host": "127.0.0.1", "port": 2775, "systemId": "alpha",
            "password": PASSWORD, "tpsLimit": 100}


class Endpoint(OperatorMgmtSim):
    """With a client that trusts its CA."""

    def start(self):
        super().start()
        self.trust = self.client()
        return self

    def client(self, name="client"):
        trust = ssl.create_default_context(cafile=f"{self.directory}/ca.pem")
        if name:
            trust.load_cert_chain(f"{self.directory}/{name}.pem", f"{self.directory}/{name}.key")
        return trust

    def get(self, one=ALPHA, token=None, trust=None, path=None, timeout=10):
        """(status, octets)"""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                                 context=trust or self.trust)
        try:
            connection.request("GET", path or f"/internal/operators/{one}/smpp-credentials",
                               headers={"Authorization": f"Bearer {token or self.token}"})
            answer = connection.getresponse()
            self.headers = answer.headers
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def start(tmp_path):
    running = []

    def run(*options):
        operators = {one: operator(one) for one in (ALPHA, BETA)}
        sim = Endpoint(tmp_path / f"mgmt{len(running)}", operators, *options).start()
        running.append(sim)
        return sim
    yield run
    for sim in running:
        assert sim.stop() == 0
        assert PASSWORD not in "\n".join(sim.lines), "no password in the log"
        assert json.loads(sim.lines[-1])["final"] is True


@pytest.mark.quick
def test_the_contract(start):
    sim = start()
    status, octets = sim.get()
    assert status == 200
    assert json.loads(octets) == {**operator(ALPHA), "bindMode": "TRANSCEIVER", "backupOperatorId": None}
    assert sim.get("00000000-0000-4000-8000-00000000000c")[0] == 404
    assert sim.get(path="/other")[0] == 404
    assert sim.get(token="wrong")[0] == 401
    logged = json.loads(sim.wait_line('"status":401'))
    assert logged["operatorId"] == ALPHA and logged["client"] == "client"


def test_files_are_read_again(start):
    sim = start()
    assert json.loads(sim.get()[1])["tpsLimit"] == 100
    sim.change(ALPHA, tpsLimit=7, backupOperatorId=BETA)
    answer = json.loads(sim.get()[1])
    assert (answer["tpsLimit"], answer["backupOperatorId"]) == (7, BETA)
    old, sim.token = sim.token, "another-token"
    sim.write()
    assert sim.get()[0] == 200
    assert sim.get(token=old)[0] == 401


@pytest.mark.parametrize("client", [None, "other-client", "expired-client"])
def test_a_client_certificate_is_required(start, client):
    sim = start()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        sim.get(trust=sim.client(client))
    assert sim.get()[0] == 200
    assert sim.control("stats")["handshake_failures"] == 1


@pytest.mark.parametrize("certificate, reason", [
    ("expired-server", "expired"), ("wrong-name-server", "IP address mismatch"),
    ("other-server", "unable to get local issuer")])
def test_wrong_server_certificates(start, certificate, reason):
    sim = start("--server-cert", certificate)
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        sim.get()
    sim.control("server-cert server")
    assert sim.get()[0] == 200


FAULTS = {
    "status 500": lambda status, octets: status == 500,
    "status 401": lambda status, octets: status == 401,
    "garbage": lambda status, octets: status == 200 and len(octets) == 300,
    "html": lambda status, octets: octets.startswith(b"<!doctype"),
    "empty": lambda status, octets: (status, octets) == (200, b""),
    "huge": lambda status, octets: len(json.loads(octets)["padding"]) == 5_000_000,
    "wrong-operator": lambda status, octets: json.loads(octets)["operatorId"] == BETA,
    "missing host": lambda status, octets: "host" not in json.loads(octets),
    "set tpsLimit -1": lambda status, octets: json.loads(octets)["tpsLimit"] == -1,
    'set host {"a": 1}': lambda status, octets: json.loads(octets)["host"] == {"a": 1},
    "redirect https://127.0.0.1:1/x": lambda status, octets: status == 302,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_the_answer(start, fault):
    sim = start("--fault", f"{fault} operator={ALPHA} times=1")
    assert json.loads(sim.get(BETA)[1])["operatorId"] == BETA, "only that operator"
    assert FAULTS[fault](*sim.get())
    assert json.loads(sim.get()[1])["tpsLimit"] == 100, "only once"


@pytest.mark.parametrize("fault, error", [
    ("close", http.client.RemoteDisconnected), ("rst", ConnectionResetError),
    ("truncated", http.client.IncompleteRead), ("hang", TimeoutError),
    ("hang-handshake", TimeoutError)])
def test_faults_of_the_connection(start, fault, error):
    sim = start()
    sim.control(f"fault {fault}")
    with pytest.raises(error):
        sim.get(timeout=0.5)
    sim.control("clear")
    assert sim.get()[0] == 200


def test_slow_and_dripping_answers(start):
    sim = start()
    for fault in ("slow 200", "drip 2"):
        sim.control(f"fault {fault} times=1")
        began = time.monotonic()
        assert json.loads(sim.get()[1])["operatorId"] == ALPHA
        assert time.monotonic() - began >= 0.2


def test_down_and_up(start):
    sim = start()
    sim.control("down")
    with pytest.raises(ConnectionRefusedError):
        sim.get()
    sim.control("up")
    assert sim.get()[0] == 200


def test_bad_commands_and_options(start, tmp_path):
    sim = start()
    for line in ("fault nothing", "fault status", "fault status x", "fault set a {", "server-cert x", "xyz"):
        answer = control(sim.control_port, line)
        assert not answer["ok"] and answer["error"]
    good = tmp_path / "good.json"
    good.write_text("{}", encoding="utf-8")
    for options, said in ((["--operators", str(tmp_path / "none")], "No such file"),
                          (["--operators", str(good), "--fault", "xyz"], "no such fault"),
                          (["--operators", str(good), "--listen", "here"], "expected HOST:PORT")):
        done = subprocess.run([SIM, "--dir", str(tmp_path / "certs"), *options], capture_output=True,
                              text=True, timeout=30, check=False)
        assert done.returncode != 0 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.timing
def test_a_thousand_operators_at_once(start):
    sim = start("--fault", "slow 1000")
    with concurrent.futures.ThreadPoolExecutor(1000) as pool:
        answers = list(pool.map(lambda _: sim.get(timeout=60)[0], range(1000)))
    assert answers == [200] * 1000
    wait_for(lambda: sim.control("stats")["requests"] == 1000, 5, "all are counted")
