import pytest

from pod import PodStack


@pytest.fixture
def make_pod(tmp_path):
    made = []

    def make(**kwargs):
        stack = PodStack(str(tmp_path / f"pod{len(made)}"), **kwargs)
        made.append(stack)
        return stack
    yield make
    for stack in made:
        stack.stop()


@pytest.fixture(scope="module")
def pod(tmp_path_factory):
    """One pod for all that leaves it as it was; every test that uses it ends with the agent untouched."""
    stack = PodStack(str(tmp_path_factory.mktemp("pod")), tps=400, mno_options=("--latency-ms", "5-30", "--receipt-delay-ms", "100-400"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
