"""What the connector may do at NATS and Redis: what the project's README lists, and nothing else."""
import json
import os
import re

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../README.md")
USER, PASSWORD = "connector", "c0nnect0r-pw"


def _block(name):
    with open(README, encoding="utf-8") as f:
        return re.search(rf"<!-- rights: {name} .*?-->\n```\n(.*?)```", f.read(), re.S).group(1)


def nats_rights(streams, mo_subject=None, lease_bucket=None, domain=None):
    """{"publish": […], "subscribe": […]}; lines about what is not configured are left out."""
    values = {"<stream>": list(streams), "<MO_SUBJECT>": [mo_subject] if mo_subject else [],
              "<LEASE_BUCKET>": [lease_bucket] if lease_bucket else []}
    rights, section = {}, None
    for line in _block("NATS").splitlines():
        subject = line.split()[0]
        if not line.startswith(" "):
            section = rights.setdefault(subject.rstrip(":"), [])
            continue
        subjects = [subject]
        for name, words in values.items():
            if name in subject:
                subjects = [subject.replace(name, word) for word in words]
        if domain:
            subjects += [s.replace("$JS.API.", f"$JS.{domain}.API.") for s in subjects if s.startswith("$JS.API.")]
        section += subjects
    return rights


def nats_users(without=(), **names):
    """For nats-server's configuration: who says no name may do everything. `without`: subjects taken away."""
    rights = nats_rights(**names)
    rights["publish"] = [s for s in rights["publish"] if s not in without]
    return ('\nno_auth_user: everything\nauthorization { users: [ { user: everything, password: none }\n'
            f'  {{ user: {USER}, password: "{PASSWORD}", permissions: {json.dumps(rights)} }} ] }}\n')


def redis_words():
    return _block("Redis").split()


def redis_users():
    """An ACL file: the same."""
    return f"user default on nopass ~* &* +@all\nuser {USER} on >{PASSWORD} {' '.join(redis_words())}\n"
