"""Everything at once: servers, simulators, the two programs, and ids to talk about."""
import json
import os
import signal
import socket
import time
import uuid

from . import rights
from .nats import NatsServer, create_platform_streams
from .process import Deadline, wait_for
from .programs import Agent, Bridge, MnoSim, OperatorMgmtSim
from .redis import RedisServer


def operator_id(n):
    return f"5a5a0000-0000-4000-8000-{n:012x}"


def now_iso(offset_s=0.0):
    t = time.time() + offset_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + ".%03dZ" % (t % 1 * 1000)


def command(operator, text="Your code is 123456", to="+99970000001", sender="Acme", **more):
    """An SmsDispatchCommand as sms-orchestrator publishes it."""
    fields = {"version": "1.0", "eventId": str(uuid.uuid4()), "messageId": str(uuid.uuid4()), "to": to,
              "from": sender, "text": text, "operatorId": operator, "accountId": str(uuid.uuid4()),
              "messageType": "SMS", "enqueuedAt": now_iso(), "expiresAt": now_iso(3600)}
    fields.update(more)
    return {k: v for k, v in fields.items() if v is not None}


def unique(i):
    """A text that only message `i` has."""
    return f"id:{i:06d} and some words"


class Stack:
    """Made of parts that a test may replace before start() or kill at any time."""

    def __init__(self, directory, operators=1, mno_options=(), bridge_settings=None, agent_settings=None,
                 operator_settings=None, credentials=None, tps=0, nats_config="", names=True,
                 operators_file=True, mno_address=None, dispatch_stream=None, js_domain=None, nats_binary=None,
                 further_streams=()):
        self.directory = str(directory)
        self.ids = [operator_id(n + 1) for n in range(operators)]
        self.nats = NatsServer(os.path.join(self.directory, "nats"), config=nats_config, domain=js_domain,
                               binary=nats_binary)
        self.redis = RedisServer(os.path.join(self.directory, "redis"))
        self.mno = MnoSim(os.path.join(self.directory, "mno"), *mno_options)
        self.mno_address = mno_address
        self.tps = tps or 5000
        self.credentials = credentials or {}
        self.mgmt = None
        self.agent = Agent(os.path.join(self.directory, "agent"), **(agent_settings or {}))
        self.bridge_settings = bridge_settings or {}
        self.operator_settings = operator_settings or {}
        self.names = names
        self.dispatch_stream = dispatch_stream or {}
        self.operators_path = os.path.join(self.directory, "operators-file.json") if operators_file else None
        self.bridge = None
        self.client = None
        self.further_streams = further_streams  # of commands; the bridge comes to know them while it runs
        self.may_be_refused = False  # True: a test takes rights away

    def name(self, i):
        return f"Operator {chr(ord('A') + i % 26)}{i // 26 or ''}"

    def write_operators(self, ids=None, **settings):
        rows = []
        for oid in ids if ids is not None else self.ids:
            row = {"operatorId": oid, **self.operator_settings.get(oid, {}), **settings}
            if self.names:
                row["operatorName"] = self.name(self.ids.index(oid))
            rows.append(row)
        with open(self.operators_path + ".new", "w", encoding="utf-8") as f:
            json.dump({"operators": rows}, f)
        os.rename(self.operators_path + ".new", self.operators_path)

    def nats_users(self, without=()):
        """README's rights, with the names that this stack is configured for."""
        set_to = self.bridge_settings.get
        streams = {set_to("DISPATCH_STREAM", "SMS_DISPATCH"), *self.further_streams,
                   *(o["dispatchStream"] for o in self.operator_settings.values() if "dispatchStream" in o)}
        return rights.nats_users(without, streams=sorted(streams), mo_subject=set_to("MO_SUBJECT"),
                                 lease_bucket=set_to("LEASE_BUCKET", "smpp-leases"), domain=self.nats.domain)

    def deny(self, *subjects):
        """These may not be published from now on, or all as before."""
        self.may_be_refused = True
        self.nats.reload(self.nats_config + self.nats_users(subjects))

    def start_servers(self, streams=True):
        self.nats_config = self.nats.config
        self.nats.config += self.nats_users()
        self.nats.start()
        self.redis.start()
        self.client = self.nats.client()
        if streams:
            create_platform_streams(self.client, **self.dispatch_stream)
        return self

    def start_mno(self):
        if self.mno_address is None:
            self.mno.start()
            self.mno_address = ("127.0.0.1", self.mno.port)
        creds = {}
        for i, oid in enumerate(self.ids):
            creds[oid] = {"operatorId": oid, "host": self.mno_address[0], "port": self.mno_address[1],
                          "systemId": f"smsgw{i + 1:04d}", "password": "s3cr3tpw", "tpsLimit": self.tps,
                          "bindMode": "TRANSCEIVER", "backupOperatorId": None,
                          **self.credentials.get(oid, {})}
        self.mgmt = OperatorMgmtSim(os.path.join(self.directory, "mgmt"), creds)
        self.mgmt.start()
        return self

    def make_bridge(self, name="bridge", **more):
        settings = {"IPC_URL": self.agent.ipc_url, "NATS_URL": self.nats.connector_url(),
                    "REDIS_URL": self.redis.connector_url(),
                    "NATS_JS_DOMAIN": self.nats.domain, **self.mgmt.bridge_environment()}
        if self.operators_path:
            self.write_operators()
            settings["OPERATORS_FILE"] = self.operators_path
        else:
            settings["OPERATOR_IDS"] = ",".join(
                f"{oid}={self.name(i)}" if self.names else oid for i, oid in enumerate(self.ids))
        settings.update(self.bridge_settings)
        settings.update(more)
        return Bridge(os.path.join(self.directory, name), **settings)

    def register_instance(self):
        """In Redis, as a bridge that ran a moment ago: a newcomer looks around for 3 s before it sends."""
        name = self.bridge_settings.get("INSTANCE_ID", socket.gethostname())
        for oid in self.ids:
            self.redis.command("HSET", "smpp:tps:{%s}" % oid, name, f"{int(time.time() * 1000) + 50000} 1 1 0 {self.tps}")

    def start(self, ready=True):
        self.start_servers()
        self.register_instance()
        self.start_mno()
        self.agent.start()
        self.bridge = self.make_bridge()
        self.bridge.start()
        if ready:
            self.bridge.wait_ready()
        return self

    def restart_bridge(self, kill=True, **more):
        """A new process in place of the old one, as a container runtime makes it."""
        port = self.bridge.settings["MGMT_LISTEN"]
        if kill:
            self.bridge.kill()
        else:
            self.bridge.stop()
        old = self.bridge
        self.bridge = self.make_bridge(MGMT_LISTEN=port, **more)
        self.bridge.port = old.port
        self.bridge.lines = old.lines
        self.bridge.start()
        return self.bridge

    def send(self, count=1, operator=0, **more):
        """Stores `count` commands; returns their messageIds."""
        oid = self.ids[operator]
        ids, items = [], []
        for i in range(count):
            fields = dict(more)
            if callable(fields.get("text")):
                fields["text"] = fields["text"](i)
            fields.setdefault("to", "+9997%07d" % (i + 1))
            c = command(oid, **fields)
            ids.append(c["messageId"])
            items.append((f"smpp.operator.{oid}", json.dumps(c)))
        self.client.store_many(items)
        return ids

    def dlr_events(self):
        return [m.json() for m in self.client.read_stream("DLR_EVENTS")]

    def health_events(self):
        return [m.json() for m in self.client.read_stream("OPERATOR_EVENTS")]

    def unacknowledged(self, operator=0, stream="SMS_DISPATCH"):
        info = self.client.consumer_info(stream, "smpp-connector-" + self.ids[operator])
        return info["num_pending"] + info["num_ack_pending"]

    def wait_acknowledged(self, timeout=30.0):
        for i in range(len(self.ids)):
            wait_for(lambda: self.unacknowledged(i) == 0, timeout, f"operator {i}: all acknowledged", 0.05)

    def refusals(self):
        """What NATS and Redis did not allow; [] when README's rights suffice."""
        found = [line for line in self.nats.lines if "Violation" in line]
        if self.redis.alive():
            self.redis.resume()
            found += [str(entry) for entry in self.redis.command("ACL", "LOG")]
        return [] if self.may_be_refused else found

    def stop(self):
        if self.client:
            self.client.close()
        try:
            end_together([p for p in (self.bridge, self.agent) if p is not None])
        finally:
            for process in (self.mgmt, self.mno, self.redis, self.nats):
                if process is not None and process.alive():
                    try:
                        process.stop(timeout=20)
                    except Exception:  # the rest must end too; the test itself checks exits
                        process.kill()


def end_together(processes):
    """As a pod ends, all at once: alone a bridge would wait for its agent's end. A second SIGTERM hurries."""
    started = [p for p in processes if p.popen is not None]
    for patience_s in (3, 10):
        for process in started:
            if process.alive():
                process.resume()
                process.send_signal(signal.SIGTERM)
        try:
            wait_for(lambda: not any(p.alive() for p in started), patience_s, "the end")
            break
        except Deadline:
            pass
    for process in started:
        process.kill()  # whatever is left; and what a sanitizer found is raised
