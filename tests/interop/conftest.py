"""Fixtures come from the harness."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from harness.fixtures import (  # noqa: E402,F401
    all_that_was_said_is_valid, make_stack, nothing_is_left_running, stack)
