"""Several pods that share one operator's limit: agent and bridge each; one NATS, one Redis, one MNO."""
import os

from .process import wait_for
from .programs import Agent, OperatorMgmtSim
from .redis import RedisServer


class Pod:
    def __init__(self, pods, number):
        self.pods, self.number = pods, number
        self.system_id = f"pod{number:04d}"
        self.directory = os.path.join(pods.stack.directory, f"pod{number}")
        self.agent = Agent(os.path.join(self.directory, "agent"))
        self.mgmt = self.bridge = None

    def start(self, **settings):
        stack = self.pods.stack
        if self.mgmt is None:
            rows = {oid: {**row, "systemId": self.system_id} for oid, row in stack.mgmt.operators.items()}
            self.mgmt = OperatorMgmtSim(os.path.join(self.directory, "mgmt"), rows)
            self.mgmt.start()
        if self.agent.popen is None or not self.agent.alive():
            self.agent.start()
        self.settings = {"IPC_URL": self.agent.ipc_url, "INSTANCE_ID": f"pod-{self.number}",
                         **self.pods.settings, **({"WINDOW_SIZE": 1} if self.number in self.pods.idle else {}),
                         **self.mgmt.bridge_environment(), **settings}
        self.start_bridge()
        return self

    def start_bridge(self):
        self.bridge = self.pods.stack.make_bridge(f"pod{self.number}/bridge", **self.settings)
        self.bridge.start()
        wait_for(lambda: self.bridge.http("/health")[0] == 200, 20, "the bridge answers", 0.02)

    def stop(self):
        for process in (self.bridge, self.agent, self.mgmt):
            if process is not None and process.popen is not None and process.alive():
                process.kill()

    def effective(self):
        return self.bridge.metric("smpp_connector_tps_effective")

    def share(self):
        return self.bridge.metric("smpp_connector_tps_share")


class Pods:
    """An idle pod is bound, has one submit_sm unanswered and room for no other. Those of `later` are not started with
    the others."""

    def __init__(self, stack, count, idle=(), later=(), **settings):
        self.stack, self.settings = stack, settings
        self.all = [Pod(self, n) for n in range(count)]
        self.idle, self.later = set(idle), set(later)

    def start(self):
        self.stack.start_servers()
        self.stack.start_mno()
        for n in self.idle:
            self.stack.mno.control(f"set system={self.all[n].system_id} silent 100%")
        at_once = [pod for pod in self.all if pod.number not in self.later]
        for pod in at_once:
            pod.start()
        for pod in at_once:
            pod.bridge.wait_ready()
        return self

    def wait_shares(self, limit, timeout=20.0):
        """The parts are agreed: all of the limit, and nobody without one that there is one for."""
        def agreed():
            shares = [pod.share() for pod in self.all if pod.bridge and pod.bridge.alive()]
            return sum(shares) == limit and max(shares) - min(shares) <= 1
        wait_for(agreed, timeout, f"shares of {limit}", 0.05)

    def fail_redis_over(self):
        """A replica takes the master's place, with what had reached it."""
        old = self.stack.redis
        replica = RedisServer(os.path.join(self.stack.directory, "replica"),
                              extra=["--replicaof", f"127.0.0.1 {old.port}"])
        replica.env = old.env
        replica.start()
        wait_for(lambda: b"master_link_status:up" in replica.command("INFO", "replication"), 20, "the replica is in step")
        old.kill()
        self.stack.redis = replica  # which the stack ends
        replica.command("REPLICAOF", "NO", "ONE")
        replica.command("CONFIG", "SET", "port", old.port)
        replica.port = old.port

    def stop(self):
        for pod in self.all:
            pod.stop()
