"""Fixtures come from the harness."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from harness.fixtures import agent, declared, make_stack, smsc, stack  # noqa: E402,F401
