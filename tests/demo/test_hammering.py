"""An answer is mixed when its score is not that of the release it names."""

from __future__ import annotations

import pytest

from holdfast.demo.hammering import Seen, mixed


@pytest.mark.parametrize(
    ("given", "own", "is_mixed"),
    [
        (None, None, False), (0.5, 0.5, False), (0.0, 0.0, False),
        (None, 0.5, True), (0.5, None, True), (0.5, 0.6, True),
    ],
)  # fmt: skip
def test_an_abstention_is_mixed_only_where_the_release_would_have_answered(given, own, is_mixed):
    assert mixed([Seen(0.0, "a1", 0, given)], {"a1": [own]}) == is_mixed


def test_an_answer_of_a_release_nobody_knows_is_mixed():
    assert mixed([Seen(0.0, "b2", 0, 0.5)], {"a1": [0.5]}) == 1
