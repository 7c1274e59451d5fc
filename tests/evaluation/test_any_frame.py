"""Whatever the frame: a record or a clear error, from all that trains again and again."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import HoldfastError
from holdfast.evaluation import backtest, compare_models, cv_gap
from holdfast.reports import render

CELLS = {
    "numbers": st.one_of(st.none(), st.floats(), st.just(math.inf)),
    "words": st.one_of(st.none(), st.sampled_from(["a", "b", "c", ""])),
    "flags": st.one_of(st.none(), st.booleans()),
    "whole": st.integers(-5, 5),
    "nothing": st.none(),
    "one": st.just(1),
}
COLUMN = st.sampled_from(sorted(CELLS))


@st.composite
def frames(draw):
    """A frame of 0 to 400 rows: a few drawn cells, repeated and shuffled."""
    n = draw(st.sampled_from([0, 1, 30, 150, 400]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    frame = {}
    for name in ("y", "x", "g"):
        least = draw(st.sampled_from([1, 3])) if name == "y" else 1
        kind = draw(
            st.sampled_from(["words", "flags", "whole", "numbers"]) if least > 1 else COLUMN
        )
        cells = draw(st.lists(CELLS[kind], min_size=least, max_size=8))
        frame[name] = [cells[i] for i in rng.integers(0, len(cells), n)]
    when = draw(st.sampled_from(["row", "few", "one"]))
    frame["when"] = [{"row": i, "few": i // 90, "one": 0}[when] for i in range(n)]
    return frame


@settings(max_examples=60)
@given(frames(), st.sampled_from([0, 10]))
def test_a_record_or_a_clear_error(frame, delay):
    for run in (
        lambda: cv_gap(frame, target="y", event_time="when", group="g", label_delay=delay, folds=2),
        lambda: backtest(frame, target="y", event_time="when", label_delay=delay, origins=2),
        lambda: compare_models(frame["y"], frame["x"], frame["x"], metric="brier"),
    ):
        try:
            found = run()
        except HoldfastError:
            continue
        assert found.passed in {True, False, None}
        assert render(found.document(), "text")
        assert " nan" not in render(found.document(), "md").lower()
