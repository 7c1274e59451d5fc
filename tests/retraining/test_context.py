"""Both forms of the user's training function are called as they ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import ConfigError
from holdfast.retraining.context import TrainingContext, adapted, takes_context

CONTEXT = TrainingContext(
    model="loan", features=("age", "job"), target="bad", positive=1, seed=7, start=0, end=10,
    rows=3, reason="drift", parent=None, progress=lambda step, share: None, checkpoints=Path(),
)  # fmt: skip


def test_the_older_form_gets_the_columns_from_the_context():
    train = adapted(lambda table, features, target, positive: (table, features, target, positive))
    assert train("rows", CONTEXT) == ("rows", ("age", "job"), "bad", 1)


def test_the_newer_form_gets_the_context_itself():
    assert adapted(lambda frame, context: (frame, context))("rows", CONTEXT) == ("rows", CONTEXT)


def test_what_could_always_be_called_with_four_arguments_still_is():
    assert not takes_context(lambda *anything: None)
    assert not takes_context(lambda table, features, target=None, positive=None: None)


def test_a_second_argument_called_context_says_which_form_is_meant():
    assert takes_context(lambda frame, context, depth=3, rounds=9: None)


@pytest.mark.parametrize(
    "train",
    [lambda: None, lambda table: None, lambda a, b, c: None, lambda a, b, c, d, e: None],
)
def test_a_function_of_neither_form_is_refused(train):
    with pytest.raises(ConfigError, match=r"train\(frame, context\)"):
        takes_context(train)


def test_a_function_that_does_not_tell_its_arguments_is_refused():
    class Opaque:
        __signature__ = "unknown"

        def __call__(self, frame, context):
            return None

    with pytest.raises(ConfigError):
        takes_context(Opaque())
