"""The NATS permissions that README.md lists, as a user of a nats-server. What tests do besides is another user's."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONNECTOR, TESTS = ("connector", "of-connector"), ("tests", "of-tests")
STREAMS = ("SMS_DISPATCH", "DLR_EVENTS")


def listed():
    """(publish, subscribe): the subjects between README's markers, without those of leases and MO_SUBJECT."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        block = re.search(r"<!-- permissions.*?```\n(.*?)```", f.read(), re.S).group(1)
    publish, subscribe = block.split("subscribe:")
    subjects = [w for w in publish.split() if ("." in w and "LEASE_BUCKET" not in w) and not w.startswith("(")]
    return ([s.replace("<stream>", stream) for s in subjects
             for stream in (STREAMS if "<stream>" in s else STREAMS[:1])], subscribe.split())


def config(without=()):
    """Text for nats.conf; `without`: subjects that may not be published after all."""
    publish, subscribe = listed()
    allowed = ", ".join(f'"{s}"' for s in publish if s not in without)
    return f"""authorization {{ users = [
        {{ user: "{TESTS[0]}", password: "{TESTS[1]}" }}
        {{ user: "{CONNECTOR[0]}", password: "{CONNECTOR[1]}", permissions: {{
            publish: {{ allow: [{allowed}] }}, subscribe: {{ allow: ["{'", "'.join(subscribe)}"] }} }} }}
    ] }}"""
