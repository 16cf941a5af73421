"""Fixtures come from the harness."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from harness.fixtures import (  # noqa: E402,F401
    agent, all_that_was_said_is_valid, declared, make_stack, nothing_is_left_running, smsc, stack)


def pytest_collection_modifyitems(items):
    """What waits for minutes is begun first, and the others run beside it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
