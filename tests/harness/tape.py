"""Transcripts of the IPC: every message that crossed it between two real programs, one a line, in hex.

`<` came from the agent, `>` from the bridge; lone heartbeats are left out. A released version's transcript stays, and what is built today must
understand it: tests/integration/test_ipc_transcripts.py."""
import os
import socket
import struct
import threading

from .ipc import NAMES
from .process import wait_for

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration/transcripts")


def split(message):
    """(attachment, running number, [(type, body)])"""
    _, attachment, number = struct.unpack(">IIQ", message[:16])
    records, at = [], 16
    while at < len(message):
        kind, _, length = struct.unpack(">HHI", message[at:at + 8])
        records.append((kind, message[at + 8:at + 8 + length]))
        at += 8 + length
    return attachment, number, records


def read(path):
    """A list for each attachment: [(direction, message)]"""
    tapes = []
    with open(path, encoding="ascii") as f:
        for line in f:
            if line[0] == "=":
                tapes.append([])
            elif line[0] in "<>":
                tapes[-1].append((line[0], bytes.fromhex(line[2:])))
    return tapes


def records(tape, direction):
    """[(name, body)] of one side, in order; "?" for a type of a newer version."""
    return [(NAMES[kind].name if kind in NAMES else "?", body)
            for d, message in tape if d == direction for kind, body in split(message)[2]]


class Recorder:
    """Stands between a bridge that dials `url` and the agent; keeps what crosses."""

    def __init__(self, url, agent_url):
        self.tapes, self._lock = [], threading.Lock()
        self.agent_path = agent_url[len("ipc://"):]
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(url[len("ipc://"):])
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                bridge, _ = self.listener.accept()
            except OSError:
                return
            agent = wait_for(self._dial_agent, 10, "the agent listens", 0.02)
            tape = []
            self.tapes.append(tape)
            threading.Thread(target=self._copy, args=(tape, bridge, agent, ">"), daemon=True).start()
            threading.Thread(target=self._copy, args=(tape, agent, bridge, "<"), daemon=True).start()

    def _dial_agent(self):
        agent = socket.socket(socket.AF_UNIX)
        try:
            agent.connect(self.agent_path)
            return agent
        except OSError:
            agent.close()
            return None

    def _copy(self, tape, source, target, direction):
        data, greeted = b"", False
        try:
            while True:
                chunk = source.recv(65536)
                if not chunk:
                    break
                data += chunk
                if not greeted and len(data) >= 8:
                    data, greeted = data[8:], True
                while greeted and len(data) >= 9:
                    length = struct.unpack(">Q", data[1:9])[0]
                    if len(data) < 9 + length:
                        break
                    with self._lock:
                        tape.append((direction, data[9:9 + length]))
                    data = data[9 + length:]
                target.sendall(chunk)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def write(self, path):
        with self._lock, open(path, "w", encoding="ascii") as f:
            for tape in filter(None, self.tapes):
                f.write("= another attachment\n")
                for direction, message in tape:
                    names = " ".join(NAMES[kind].name for kind, _ in split(message)[2])
                    if names != "HEARTBEAT":
                        f.write(f"# {names}\n{direction} {message.hex()}\n")

    def close(self):
        self.listener.close()
