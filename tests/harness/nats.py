"""nats-server with JetStream on file storage, and a small client of its protocol."""
import base64
import functools
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

from . import rights, schemas
from .process import Deadline, Process, free_port, wait_for

NATS_SERVER = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")


# As README recommends. Debian 12's does not know it; later ones confirm what they have not yet written.
SYNC = ", sync_interval: always"


@functools.cache
def version(binary):
    """(2, 9, 10)"""
    out = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"v(\d+)\.(\d+)\.(\d+)", out).groups())


class NatsServer(Process):
    """`config` is appended to the configuration file (users, limits, cluster), which start() writes; `user`: (name,
    password) of ours."""

    def __init__(self, directory, config="", port=None, binary=None, max_payload=None, domain=None, store=None, user=None):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.port = port or free_port()
        self.config = config
        self.user = user
        self.max_payload = max_payload
        self.domain = domain
        self.store = store or f"{self.directory}/js"
        self.path = os.path.join(self.directory, "nats.conf")
        super().__init__("nats-server", [binary or NATS_SERVER, "-c", self.path],
                         os.path.join(self.directory, "nats.log"))

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def connector_url(self, port=None):
        """For the bridge; `port`: of something between them."""
        return f"nats://{rights.USER}:{rights.PASSWORD}@127.0.0.1:{port or self.port}"

    def write_config(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(f'listen: "127.0.0.1:{self.port}"\n'
                    f'jetstream {{ store_dir: "{self.store}"{", domain: " + self.domain if self.domain else ""}'
                    f'{SYNC if version(self.argv[0]) >= (2, 10) else ""} }}\n')
            if self.max_payload:
                f.write(f"max_payload: {self.max_payload}\n")
            f.write(self.config + "\n")

    def start(self):
        self.write_config()
        since = len(self.lines)
        super().start()
        self.wait_line("Server is ready", since=since)
        return self

    def reload(self, config):
        """Another configuration while it runs."""
        since = len(self.lines)
        self.config = config
        self.write_config()
        self.send_signal(signal.SIGHUP)
        self.wait_line("Reloaded server configuration", since=since)

    def client(self, **kwargs):
        if self.user:
            kwargs = {"user": self.user[0], "password": self.user[1], **kwargs}
        return NatsClient(("127.0.0.1", self.port), **kwargs)


class NatsCluster:
    """Three servers that replicate; stands in for a NatsServer. Streams want num_replicas 3."""
    SIZE = 3

    def __init__(self, directory, binary=None):
        self.config, self.domain = "", None
        routes = [free_port() for _ in range(self.SIZE)]
        every = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.servers = [
            NatsServer(os.path.join(str(directory), f"n{i}"), binary=binary, config=f"""
                server_name: n{i}
                cluster {{ name: test, listen: "127.0.0.1:{routes[i]}", routes: [{every}] }}""")
            for i in range(self.SIZE)]

    @property
    def url(self):
        return ",".join(s.url for s in self.servers)

    def connector_url(self):
        return ",".join(s.connector_url() for s in self.servers)

    @property
    def lines(self):
        return [line for s in self.servers for line in s.lines]

    def alive(self):
        return any(s.alive() for s in self.servers)

    def start(self):
        for s in self.servers:
            s.config += self.config
            s.write_config()
            Process.start(s)  # none is ready before there is a majority
        for s in self.servers:
            s.wait_line("Server is ready")
        wait_for(self._places_streams, 30, "all three know each other", 0.1)
        return self

    def _places_streams(self):
        try:
            with self.client() as client:
                client.create_stream("PROBE", ["probe"], num_replicas=self.SIZE)
                return client.api("STREAM.DELETE.PROBE")
        except (OSError, NatsError, Deadline):
            return None

    def client(self, **kwargs):
        """Of any that runs."""
        return next(s for s in self.servers if s.alive()).client(**kwargs)

    def leader(self, stream):
        """The server that leads it, or None while nobody does."""
        try:
            with self.client() as client:
                name = client.stream_info(stream, timeout=1)["cluster"].get("leader")
        except (OSError, NatsError, Deadline):
            return None
        return next((s for s in self.servers if s.alive() and f"n{self.servers.index(s)}" == name), None)

    def stop(self, timeout=15.0):
        for s in self.servers:
            if s.alive():
                s.stop(timeout)

    def kill(self):
        for s in self.servers:
            if s.alive():
                s.kill()


class NatsError(Exception):
    pass


class Message:
    __slots__ = ("subject", "reply", "headers", "data", "status")

    def __init__(self, subject, reply, headers, data, status=None):
        self.subject, self.reply, self.headers, self.data, self.status = (
            subject, reply, headers, data, status)

    def json(self):
        return json.loads(self.data)


def _parse_headers(raw):
    lines = raw.decode("utf-8", "replace").split("\r\n")
    status = lines[0].split(" ", 1)[1].strip() if " " in lines[0] else None
    headers = {}
    for line in lines[1:]:
        if ":" in line:
            name, value = line.split(":", 1)
            headers[name] = value.strip()
    return headers, status


class NatsClient:
    """`credentials`: (key, JWT) of harness/nats_jwt.py."""

    def __init__(self, address, user=None, password=None, connect_timeout=5, credentials=None):
        # From another address: on loopback, a port that nobody listens on may be connected with itself.
        self._socket = socket.create_connection(address, connect_timeout, ("127.0.0.2", 0))
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb", 1 << 20)
        self._lock = threading.Lock()
        self._sids = itertools.count(1)
        self._handlers = {}
        self._waiting = {}
        self._numbers = itertools.count(1)
        self._pongs = threading.Semaphore(0)
        self.closed = False
        self.errors = []
        self._inbox = "_INBOX.test" + base64.b32encode(os.urandom(8)).decode().rstrip("=")
        info = json.loads(self._file.readline().split(b" ", 1)[1])
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True,
                   "lang": "test", "version": "1", "protocol": 1}
        if user:
            options.update(user=user, **{"pass": password})
        if credentials:
            options.update(jwt=credentials[1], sig=credentials[0].sign(info["nonce"].encode()))
        self._write(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        line = self._file.readline()
        if not line.startswith(b"PONG"):
            raise NatsError(line.decode())
        threading.Thread(target=self._read, daemon=True).start()
        self.subscribe(self._inbox + ".*", self._answer)

    def close(self):
        self.closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _write(self, data):
        with self._lock:
            self._socket.sendall(data)

    def _read(self):
        try:
            while True:
                line = self._file.readline()
                if not line:
                    break
                word = line.split(b" ", 1)[0].strip().upper()
                if word == b"PING":
                    self._write(b"PONG\r\n")
                elif word == b"PONG":
                    self._pongs.release()
                elif word in (b"MSG", b"HMSG"):
                    self._message(word, line.split())
                elif word == b"-ERR":
                    self.errors.append(line.decode().strip())
        except (OSError, ValueError):
            pass
        self.closed = True

    def _message(self, word, parts):
        headers, status = {}, None
        if word == b"MSG":
            reply = parts[3].decode() if len(parts) == 5 else None
            data = self._file.read(int(parts[-1]) + 2)[:-2]
        else:
            reply = parts[3].decode() if len(parts) == 6 else None
            head = int(parts[-2])
            raw = self._file.read(int(parts[-1]) + 2)[:-2]
            headers, status = _parse_headers(raw[:head])
            data = raw[head:]
        handler = self._handlers.get(int(parts[2]))
        if handler:
            handler(Message(parts[1].decode(), reply, headers, data, status))

    def _answer(self, message):
        slot = self._waiting.get(message.subject)
        if slot is not None:
            slot.append(message)

    def subscribe(self, subject, handler):
        sid = next(self._sids)
        self._handlers[sid] = handler
        self._write(f"SUB {subject} {sid}\r\n".encode())
        return sid

    def flush(self, timeout=5.0):
        """Returns when the server has taken all that was written before."""
        self._write(b"PING\r\n")
        if not self._pongs.acquire(timeout=timeout):
            raise NatsError("no PONG")

    def unsubscribe(self, sid):
        self._handlers.pop(sid, None)
        self._write(f"UNSUB {sid}\r\n".encode())

    def _frame(self, subject, data, reply, headers):
        if isinstance(data, (dict, list)):
            data = json.dumps(data).encode()
        elif isinstance(data, str):
            data = data.encode()
        target = f"{subject} {reply}" if reply else subject
        if not headers:
            return f"PUB {target} {len(data)}\r\n".encode() + data + b"\r\n"
        head = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        head = head.encode()
        return (f"HPUB {target} {len(head)} {len(head) + len(data)}\r\n".encode() + head + data
                + b"\r\n")

    def publish(self, subject, data=b"", reply=None, headers=None):
        self._write(self._frame(subject, data, reply, headers))

    def request(self, subject, data=b"", timeout=5.0, headers=None):
        inbox = f"{self._inbox}.{next(self._numbers)}"
        slot = self._waiting[inbox] = []
        try:
            self.publish(subject, data, inbox, headers)
            return wait_for(lambda: slot[0] if slot else None, timeout, f"answer to {subject}", 0.0005)
        finally:
            del self._waiting[inbox]

    # --- JetStream ---------------------------------------------------------------------------

    def api(self, what, data=b"", timeout=5.0):
        answer = self.request("$JS.API." + what, data, timeout)
        if answer.status:
            raise NatsError(f"{what}: {answer.status}")
        body = answer.json()
        if "error" in body:
            raise NatsError(f"{what}: {body['error'].get('description')}")
        return body

    def create_stream(self, name, subjects, retention="limits", duplicate_window_s=1800, **more):
        config = {"name": name, "subjects": subjects, "retention": retention, "storage": "file",
                  "num_replicas": 1, "duplicate_window": int(duplicate_window_s * 1e9),
                  "max_age": 0, "max_msgs": -1, "max_bytes": -1, "discard": "old", **more}
        if "max_age" in more and more["max_age"]:
            config["duplicate_window"] = min(config["duplicate_window"], more["max_age"])
        return self.api(f"STREAM.CREATE.{name}", config)

    def update_stream(self, name, **changes):
        return self.api(f"STREAM.UPDATE.{name}", {**self.stream_info(name)["config"], **changes})

    def stream_info(self, name, timeout=5.0):
        return self.api(f"STREAM.INFO.{name}", timeout=timeout)

    def stream_messages_count(self, name):
        return self.stream_info(name)["state"]["messages"]

    def consumer_info(self, stream, consumer):
        return self.api(f"CONSUMER.INFO.{stream}.{consumer}")

    def store(self, subject, data, msg_id=None, headers=None, timeout=5.0):
        """Publishes and waits for the PubAck."""
        headers = dict(headers or {})
        if msg_id:
            headers["Nats-Msg-Id"] = msg_id
        answer = self.request(subject, data, timeout, headers)
        body = answer.json() if answer.data else {"error": answer.status}
        if "error" in body:
            raise NatsError(f"store {subject}: {body['error']}")
        return body

    def store_many(self, items, timeout=120.0, window=2000):
        """(subject, data) pairs, pipelined; returns when all have their PubAck."""
        inbox = f"{self._inbox}many{next(self._numbers)}"
        acks, bad = itertools.count(), []
        done = [0]

        def on_ack(message):
            done[0] = next(acks) + 1
            if b'"error"' in message.data or message.status:
                bad.append(message.data or message.status)
        sid = self.subscribe(inbox, on_ack)
        sent, chunk = 0, []
        for subject, data in items:
            chunk.append(self._frame(subject, data, inbox, None))
            sent += 1
            if len(chunk) >= 200:
                self._write(b"".join(chunk))
                chunk = []
                wait_for(lambda: sent - done[0] < window, timeout, "PubAcks", 0.001)
        if chunk:
            self._write(b"".join(chunk))
        wait_for(lambda: done[0] >= sent, timeout, f"{sent} PubAcks", 0.002)
        self.unsubscribe(sid)
        if bad:
            raise NatsError(f"{len(bad)} of {sent} not stored: {bad[0]}")
        return sent

    def read_stream(self, name, subject=None, timeout=60.0):
        """Every message that is in the stream now, in order."""
        total = self.stream_info(name)["state"]["messages"]
        if not total:
            return []
        got = []
        inbox = f"{self._inbox}read{next(self._numbers)}"

        def on_message(message):
            if message.status:
                if message.reply:
                    self.publish(message.reply)  # flow control
                return
            got.append(message)
        sid = self.subscribe(inbox, on_message)
        config = {"deliver_subject": inbox, "deliver_policy": "all", "ack_policy": "none",
                  "flow_control": True, "idle_heartbeat": 5_000_000_000}
        if subject:
            config["filter_subject"] = subject
        info = self.api(f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": config})
        want = info["num_pending"] + info["delivered"]["consumer_seq"]
        wait_for(lambda: len(got) >= want, timeout, f"{want} messages of {name}", 0.005)
        self.unsubscribe(sid)
        self.api(f"CONSUMER.DELETE.{name}.{info['name']}")
        schemas.note_messages(got)
        return got


def create_platform_streams(client, dispatch_retention="workqueue", dlr_window_s=1800,
                            dispatch_subjects=("smpp.operator.*",), replicas=1, **dispatch):
    """The streams as the platform has them (README: recommended); `dispatch`: more of SMS_DISPATCH."""
    copies = {"num_replicas": replicas}
    client.create_stream("SMS_DISPATCH", list(dispatch_subjects), retention=dispatch_retention,
                         duplicate_window_s=120, **copies, **dispatch)
    client.create_stream("DLR_EVENTS", ["sms.dlr.inbound"], duplicate_window_s=dlr_window_s, **copies)
    client.create_stream("OPERATOR_EVENTS", ["operator.health"], duplicate_window_s=dlr_window_s, **copies)
    client.create_stream("DEAD_LETTERS", ["smpp.deadletter.*"], **copies)
