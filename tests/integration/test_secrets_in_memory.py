"""The password is in nobody's memory but while a bind is attempted."""
import base64
import json

from harness.memory import memory_of, needs_root
from harness.process import wait_for

PASSWORD = 'Zq"7xK\\9'  # eight octets, of which two look different in JSON


def spellings(password):
    """As it is, in JSON, in hex, and in base64 at each of the three places it may begin."""
    raw = password.encode()
    found = {"as it is": raw, "JSON": json.dumps(password)[1:-1].encode(), "hex": raw.hex().encode(),
             "HEX": raw.hex().upper().encode()}
    for skip in range(3):
        text = base64.b64encode(bytes(skip) + raw)
        found[f"base64, {skip}"] = text[[0, 2, 3][skip]:(skip + len(raw)) * 8 // 6]
    return found


@needs_root
def test_no_password_in_memory(make_stack):
    """One bind stands, one is refused for a wrong password and waits for its next attempt."""
    stack = make_stack(operators=2, mno_options=["--run", "set system=smsgw0002 bind-status 0x0E"])
    for oid in stack.ids:
        stack.credentials[oid] = {"password": PASSWORD}
    stack.start(ready=False)
    wait_for(lambda: [s["state"] for s in stack.bridge.sessions()][:1] == ["BOUND"], 20, "the first is bound")
    wait_for(lambda: stack.mno.stats()["binds_refused"] >= 1, 20, "the second is refused")
    wait_for(lambda: any("0000000e" in line.lower() or "password" in line.lower() for line in stack.agent.lines), 10,
             "and knows")
    for process in (stack.bridge, stack.agent):
        memory = [part for _, part in memory_of(process.pid)]
        assert any(stack.ids[0].encode() in part for part in memory), "the scan finds what is there"
        for name, octets in spellings(PASSWORD).items():
            assert not any(octets in part for part in memory), f"{name} in the memory of {process.name}"
        for path in ("environ", "cmdline"):
            with open(f"/proc/{process.pid}/{path}", "rb") as f:
                assert PASSWORD.encode() not in f.read()
        assert PASSWORD not in "\n".join(process.lines)
