"""A NATS server that knows its users by JWT, and their credentials files: what `nsc` would make."""
import base64
import json
import os
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3
UNLIMITED = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
JETSTREAM = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


def _encode(raw):
    crc = 0
    for octet in raw:
        crc ^= octet << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return base64.b32encode(raw + crc.to_bytes(2, "little")).decode().rstrip("=")


def _url64(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class Key:
    def __init__(self, kind):
        self.raw = os.urandom(32)
        self.kind = kind
        self.private = Ed25519PrivateKey.from_private_bytes(self.raw)
        self.public = _encode(bytes([kind]) + self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw))

    def seed(self):
        return _encode(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + self.raw)

    def sign(self, octets):
        return _url64(self.private.sign(octets))

    def jwt(self, subject, name, **claims):
        """Of `subject`, signed by this key."""
        body = {"jti": name, "iat": int(time.time()), "iss": self.public, "name": name, "sub": subject.public,
                "nats": {"version": 2, **claims}}
        text = ".".join(_url64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return text + "." + self.sign(text.encode())


class Users:
    """One operator, one account with JetStream; a user is a credentials file."""

    def __init__(self):
        self.operator, self.account, self.system = Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT)

    def config(self):
        """For nats-server."""
        accounts = {self.account.public: self.operator.jwt(self.account, "SMS", type="account", limits={**UNLIMITED, **JETSTREAM}),
                    self.system.public: self.operator.jwt(self.system, "SYS", type="account", limits=UNLIMITED)}
        return (f"operator: {self.operator.jwt(self.operator, 'test', type='operator')}\nresolver: MEMORY\n"
                f"system_account: {self.system.public}\nresolver_preload: {json.dumps(accounts)}\n")

    def user(self, name, rights=None):
        """(key, JWT)"""
        key = Key(USER)
        allowed = {"pub": {"allow": rights["publish"]}, "sub": {"allow": rights["subscribe"]}} if rights else {"pub": {}, "sub": {}}
        return key, self.account.jwt(key, name, type="user", subs=-1, data=-1, payload=-1, **allowed)

    def credentials(self, name, rights=None):
        """The text of a credentials file."""
        key, jwt = self.user(name, rights)
        return (f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{key.seed()}\n------END USER NKEY SEED------\n")
