"""What the program said in the tests is kept, and at the end of all of them held against proto/schemas."""
import json
import os
import subprocess

INTEROP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop")
SUBJECTS = {"sms.dlr.inbound": "DlrInboundEvent", "operator.health": "OperatorHealthEvent", "sms.mo.inbound": "MoInboundEvent"}
said = {}  # schema: texts


def note(schema, text):
    said.setdefault(schema, set()).add(text)


def note_messages(messages):
    for m in messages:
        if m.subject in SUBJECTS:
            note(SUBJECTS[m.subject], m.data)


def can_validate():
    """The npm packages are there; tests/run brings them."""
    return os.path.isdir(os.path.join(INTEROP, "node_modules"))


def invalid(values):
    """Of (schema, value) pairs those that the schemas refuse."""
    lines = "\n".join(json.dumps({"schema": s, "value": v}) for s, v in values)
    result = subprocess.run(["node", os.path.join(INTEROP, "validate.js")], input=lines, capture_output=True,
                            text=True, timeout=120, check=False)
    assert result.stdout, result.stderr
    return [json.loads(line) for line in result.stdout.split("\n")[:-2]]


def invalid_said():
    return invalid([(schema, json.loads(text)) for schema, texts in said.items() for text in texts])
