"""Operators are added, removed and retuned while everything runs; nobody else's bind notices."""
import json
import os

import pytest

from harness.process import wait_for
from harness.smsc import ENQUIRE_LINK, SUBMIT_SM, UNBIND
from harness.stack import operator_id


class ConfigMap:
    """As the kubelet mounts it: the file is a link through `..data`, and that link is exchanged."""

    def __init__(self, directory, name):
        self.directory, self.name, self.version = directory, name, 0
        os.makedirs(directory)

    def publish(self, text):
        self.version += 1
        fresh = f"..v{self.version}"
        os.makedirs(os.path.join(self.directory, fresh))
        with open(os.path.join(self.directory, fresh, self.name), "w", encoding="utf-8") as f:
            f.write(text)
        os.symlink(fresh, os.path.join(self.directory, "..data_tmp"))
        os.rename(os.path.join(self.directory, "..data_tmp"), os.path.join(self.directory, "..data"))
        if self.version == 1:
            os.symlink(os.path.join("..data", self.name), self.path)
        return self

    @property
    def path(self):
        return os.path.join(self.directory, self.name)


def rows(*operators):
    """Each: (number, settings)"""
    return json.dumps({"operators": [{"operatorId": operator_id(n), "operatorName": f"Operator {n}", **settings}
                                     for n, settings in operators]})


@pytest.fixture
def mounted(make_stack, smsc, tmp_path):
    """Two operators on one scripted MNO, from a ConfigMap."""
    stack = make_stack(operators=3, mno_address=("127.0.0.1", smsc.port), operators_file=False,
                       bridge_settings={"RECONNECT_MIN_MS": 200, "CREDENTIALS_REFRESH_MS": 1000})
    files = ConfigMap(str(tmp_path / "config"), "operators.json").publish(rows((1, {}), (2, {})))
    stack.bridge_settings.update(OPERATORS_FILE=files.path, OPERATOR_IDS=None)
    stack.start()
    return stack, files


def states(stack):
    return {r["operatorId"]: r["state"] for r in stack.bridge.sessions()}


def detail(stack, n):
    return stack.bridge.json("/sessions/" + operator_id(n))


def test_a_config_map_adds_removes_and_retunes(mounted, smsc):
    stack, files = mounted
    two = detail(stack, 2)["binds"][0]["lastBoundAt"]
    files.publish(rows((2, {"windowSize": 7, "tpsLimit": 9}), (3, {})))
    wait_for(lambda: states(stack) == {operator_id(2): "BOUND", operator_id(3): "BOUND"}, 25, "one gone, one come", 0.1)
    wait_for(lambda: detail(stack, 2)["binds"][0]["windowLimit"] == 7 and detail(stack, 2)["tps"]["limit"] == 9, 10,
             "window and limit of the one that stayed", 0.1)
    assert detail(stack, 2)["binds"][0]["lastBoundAt"] == two and len(smsc.binds()) == 3
    assert sum(c.count(UNBIND) for c in smsc.connections) == 1
    for bad, says in (("{]", "JSON"), ('{"operators": []}', "0 operators"),
                      (rows((2, {"windowSize": "many"})), "windowSize"), (rows((2, {}), (2, {})), operator_id(2)),
                      (rows((2, {"nonsense": 1})), "nonsense")):
        since = len(stack.bridge.lines)
        files.publish(bad)
        line = stack.bridge.wait_line("the operators are not reloaded", since=since)
        assert says in line or says == "JSON", line
    assert set(states(stack)) == {operator_id(2), operator_id(3)} and detail(stack, 2)["binds"][0]["windowLimit"] == 7
    assert len(smsc.binds()) == 3


def test_the_credentials_limit_counts_without_a_rebind(mounted, smsc):
    stack, _ = mounted
    stack.mgmt.change(operator_id(1), tpsLimit=5)
    wait_for(lambda: detail(stack, 1)["tps"]["limit"] == 5, 10, "the new limit", 0.1)
    stack.send(15, operator=0)
    wait_for(lambda: stack.unacknowledged(0) == 0, 20, "all are sent")
    oid = operator_id(1)
    wait_for(lambda: stack.bridge.metric("smpp_connector_submit_sent_total", operator_id=oid) == 15, 10, "told", 0.1)
    assert 0 < stack.bridge.metric("smpp_connector_tps_peak", operator_id=oid) <= 5, "never more than five in a second"
    assert len(smsc.binds()) == 2


class Unwatched:
    """A file that is written under another name that it has elsewhere: no watch of its directory tells. The programs
    look by themselves every 10 s, so that is not what sees two changes, each within less than half of it."""

    def __init__(self, directory, name, text):
        self.path, self.other = os.path.join(directory, name), os.path.join(directory, "elsewhere", name)
        os.makedirs(os.path.dirname(self.other), exist_ok=True)
        self.write(text)
        os.link(self.other, self.path)

    def write(self, text):
        with open(self.other, "w", encoding="utf-8") as f:
            f.write(text)


def hang_up(process, file, text, says):
    since = len(process.lines)
    file.write(text)
    process.send_signal(1)
    process.wait_line(says, timeout=4.5, since=since)


def test_files_are_read_again_on_sighup(make_stack, smsc, tmp_path):
    settings = Unwatched(str(tmp_path), "settings", "WINDOW_SIZE=5\n")
    operators = Unwatched(str(tmp_path), "operators.json", rows((1, {})))
    of_agent = Unwatched(str(tmp_path), "agent-settings", "LOG_LEVEL=info\n")
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), operators_file=False, agent_settings={"SETTINGS_FILE": of_agent.path},
                       bridge_settings={"SETTINGS_FILE": settings.path, "OPERATORS_FILE": operators.path, "OPERATOR_IDS": None})
    stack.start()
    smsc.handlers[SUBMIT_SM] = None
    stack.send(12)
    wait_for(lambda: len(smsc.submits()) == 5, 10, "a window of five")
    hang_up(stack.bridge, settings, "WINDOW_SIZE=7\n", '"setting":"WINDOW_SIZE","from":"5","to":"7"')
    hang_up(stack.bridge, settings, "WINDOW_SIZE=7\nENQUIRE_LINK_INTERVAL_MS=1000\nENQUIRE_LINK_TIMEOUT_MS=1000\n",
            '"setting":"ENQUIRE_LINK_INTERVAL_MS"')
    wait_for(lambda: len(smsc.submits()) == 7, 10, "a window of seven")
    wait_for(lambda: smsc.connections[0].count(ENQUIRE_LINK) >= 2, 10, "heartbeats every second")
    for window in (8, 9):
        hang_up(stack.bridge, operators, rows((1, {"windowSize": window})), "an operator's settings changed")
    wait_for(lambda: len(smsc.submits()) == 9, 10, "a window of nine")
    for before, after in (("info", "debug"), ("debug", "info")):
        hang_up(stack.agent, of_agent, f"LOG_LEVEL={after}\n", f'"setting":"LOG_LEVEL","from":"{before}","to":"{after}"')
    assert len(smsc.connections) == 1


def test_a_settings_file_retunes_when_it_changes(make_stack, smsc, tmp_path):
    """Of both programs, each from a ConfigMap of its own."""
    files = ConfigMap(str(tmp_path / "bridge"), "settings").publish("WINDOW_SIZE=5\n")
    agents = ConfigMap(str(tmp_path / "agent-config"), "settings").publish("IPC_PEER_UIDS=\n")
    stack = make_stack(mno_address=("127.0.0.1", smsc.port), bridge_settings={"SETTINGS_FILE": files.path},
                       agent_settings={"SETTINGS_FILE": agents.path}).start()
    smsc.handlers[SUBMIT_SM] = None
    stack.send(12)
    wait_for(lambda: len(smsc.submits()) == 5, 10, "a window of five")
    files.publish("WINDOW_SIZE=8\nENQUIRE_LINK_INTERVAL_MS=2000\nENQUIRE_LINK_TIMEOUT_MS=2000\n")
    wait_for(lambda: len(smsc.submits()) == 8, 25, "a window of eight")
    wait_for(lambda: smsc.connections[0].count(ENQUIRE_LINK) >= 2, 15, "heartbeats every second")
    agents.publish("LOG_LEVEL=nonsense\n")
    stack.agent.wait_line("LOG_LEVEL", timeout=25)
    files.publish("WINDOW_SIZE=10\n")
    stack.bridge.send_signal(1)
    wait_for(lambda: len(smsc.submits()) == 10, 5, "a window of ten, at once")
    assert len(smsc.connections) == 1
