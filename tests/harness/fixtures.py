"""Fixtures: a stack in a directory of its own, ended whatever happens."""
import os

import pytest

from .stack import Stack


@pytest.fixture
def make_stack(tmp_path):
    """make_stack(...) gives a Stack that is not yet started."""
    made = []

    def make(**kwargs):
        directory = tmp_path / f"stack{len(made)}"
        os.makedirs(directory, mode=0o700)
        stack = Stack(directory, **kwargs)
        made.append(stack)
        return stack
    yield make
    for stack in made:
        stack.stop()


@pytest.fixture
def stack(make_stack):
    """One operator, everything started and ready."""
    return make_stack().start()
