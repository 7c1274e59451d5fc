"""Forms and queries: only the declared names, each at most once, and every other text is a 422."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.serving.forms import fields

NAMES = ("move", "reason")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(st.sampled_from(NAMES), texts))
def test_what_a_browser_encodes_is_read_back(sent):
    assert fields(urlencode(sent), NAMES) == sent


@given(st.text(st.sampled_from("movereason=&;%+ÿ01"), max_size=30) | texts)
def test_any_text_is_read_or_refused_with_422(text):
    try:
        found = fields(text, NAMES)
    except RequestError as error:
        found, refused = {}, error.to_dict() | {"status": error.status}
    else:
        refused = None
    assert found.keys() <= set(NAMES)
    if refused is not None:
        assert (refused["status"], refused["code"]) == (422, "HF-E-REQUEST-FIELDS")
        assert refused["expected"] == "each at most once: move, reason"


@pytest.mark.parametrize(
    "text", ["move=a&move=b", "other=1", "move=%ff", "&".join(f"move={i}" for i in range(99))]
)
def test_a_name_twice_another_name_and_broken_bytes_are_refused(text):
    with pytest.raises(RequestError, match="asked in another way"):
        fields(text, NAMES)


def test_nothing_asked_is_nothing():
    assert fields("", NAMES) == {}
    assert fields("reason=", NAMES) == {"reason": ""}
    assert fields("", ()) == {}
