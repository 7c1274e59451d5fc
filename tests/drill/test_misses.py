"""Why a fault was missed, on marks and effects whose size is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from holdfast.contracts.model import Policy, Violation
from holdfast.detection.base import Side, Stream
from holdfast.drill import effect, misses
from holdfast.drill.answers import Asked, Share, served
from holdfast.drill.faults import FAULTS
from holdfast.drill.faults.base import Injected
from holdfast.drill.outcome import Reason
from holdfast.drill.run import inject
from holdfast.drill.scene import Scene

ROWS, ONSET = 1000, 200


def stream(code="range", share=0.01, edge=0.05, muted="", field="x", side=Side.UP):
    return Stream(
        key=f"{field}:{code}", field=field, code=code, side=side, share=share, rows=4000,
        edge=edge, nats=20.0, muted=muted,
    )  # fmt: skip


class Marking:
    """Marks the rows whose x is above 0.9."""

    def answer(self, rows):
        mark = (Violation("x", "range", Policy.ALLOW),)
        return [
            SimpleNamespace(
                verdict="ok",
                decision="yes" if row["x"] > 0.5 else "no",
                violations=mark if row["x"] > 0.9 else (),
            )
            for row in rows
        ]


def scene(values):
    return Scene(pa.table({"x": pa.array(values)}), onset=ONSET, numbers=["x"])


def asked(injected):
    return Asked(Marking(), injected, np.arange(ONSET, ROWS))


def moved_to(marked, **kwargs):
    """A fault after which `marked` of the rows are marked, and why it would be missed."""
    before = np.full(ROWS, 0.3)
    after = before.copy()
    after[ONSET : ONSET + round(marked * (ROWS - ONSET))] = 0.95
    clean = Injected(pa.table({"x": before}), (), "", 0.0, np.zeros(ROWS, bool))
    faulty = Injected(pa.table({"x": after}), ("x",), "", 1.0, before != after)
    return misses.explain(
        FAULTS["outliers"], scene(before), faulty, [stream(**kwargs)], asked(clean), asked(faulty)
    )


def test_a_share_inside_the_interval_is_below_the_floor_with_its_numbers():
    found = moved_to(0.04, share=0.01, edge=0.05)
    assert found.reason is Reason.BELOW_FLOOR
    assert "1.00% to about 4.00%" in found.why
    assert "5.00%" in found.why
    assert "allows less" in found.remedy


def test_a_floor_or_a_small_reference_is_named_as_what_widens_the_interval():
    assert "smaller floor" in moved_to(0.004, share=0.0, edge=0.003 + 1e-9).remedy
    wide = stream(share=0.3, edge=0.3 + 4 * np.sqrt(0.21 / 400) + 8 / 400)
    wide = Stream(**{f: getattr(wide, f) for f in wide.__struct_fields__} | {"rows": 400})
    assert "larger reference: this one has 400 rows" in misses._wider(wide)


def test_a_muted_question_tells_why_it_is_muted():
    found = moved_to(0.5, muted="up to 98% is normal in the reference")
    assert found.reason is Reason.MUTED
    assert "98% is normal" in found.why


def test_a_share_that_needs_more_rows_than_there_were_says_how_many():
    found = moved_to(0.08, share=0.01, edge=0.05)
    assert found.reason in {Reason.TOO_FEW_ROWS, Reason.BELOW_FLOOR}
    found = moved_to(0.1, share=0.01, edge=0.05)
    assert found.reason is Reason.TOO_FEW_ROWS
    assert "there were 800" in found.why


def test_without_a_mark_and_without_a_watch_on_values_nothing_is_watched():
    before = np.linspace(0.0, 0.5, ROWS)
    faulty = inject(FAULTS["stuck"], scene(before), 3, 0)
    clean = Injected(pa.table({"x": before}), (), "", 0.0, np.zeros(ROWS, bool))
    args = (FAULTS["stuck"], scene(before), faulty)
    found = misses.explain(*args, [stream()], asked(clean), asked(faulty))
    assert (found.reason, found.remedy) == (Reason.NOT_WATCHED, FAULTS["stuck"].visible)
    found = misses.explain(*args, [stream(), stream(code="values")], asked(clean), asked(faulty))
    assert found.reason is Reason.UNEXPLAINED  # watched, large, and silent: worth a report


def test_outcomes_that_nobody_watches_need_labels():
    rng = np.random.default_rng(0)
    table = pa.table(
        {"x": rng.random(ROWS), "y": np.where(rng.random(ROWS) < 0.3, "a", "b").tolist()}
    )
    place = Scene(table, onset=ONSET, numbers=["x"], target="y", positive="a")
    faulty = inject(FAULTS["concept_noise"], place, 1, 0)
    args = (FAULTS["concept_noise"], place, faulty)
    clean = Injected(table, (), "", 0.0, np.zeros(ROWS, bool))
    both = asked(clean), asked(faulty)
    assert misses.explain(*args, [stream()], *both).reason is Reason.NEEDS_LABELS
    watched = [stream(), stream(code="label", field="")]
    assert misses.explain(*args, watched, *both).reason is Reason.BELOW_FLOOR  # 8 % of coin tosses


def test_the_effect_on_a_column_is_the_move_of_its_best_share():
    rng = np.random.default_rng(1)
    x = rng.normal(size=20_000)
    place = Scene(pa.table({"x": x}), onset=10_000, numbers=["x"])
    later = x.copy()
    later[10_000:] += 0.5
    moved = Injected(pa.table({"x": later}), ("x",), "", 1.0, later != x)
    size, where = effect.on_columns(place, moved)
    # the closed form at the quantile that moves most among those asked
    from statistics import NormalDist

    normal = NormalDist()
    best = max(
        abs(normal.cdf(normal.inv_cdf(q)) - normal.cdf(normal.inv_cdf(q) - 0.5))
        / np.sqrt(q * (1 - q))
        for q in effect.LEVELS.tolist()
    )
    assert where == "x"
    assert abs(size - best) < 0.05
    still = Injected(pa.table({"x": x}), ("x",), "", 1.0, later != x)
    assert effect.on_columns(place, still)[0] < 0.12


def test_the_effect_on_outcomes_is_that_of_their_chances():
    rng = np.random.default_rng(2)
    labels = np.where(rng.random(ROWS) < 0.2, "a", "b")
    rate = np.mean(labels == "a")
    place = Scene(
        pa.table({"x": rng.random(ROWS), "y": labels.tolist()}), onset=ONSET, numbers=["x"],
        target="y", positive="a",
    )  # fmt: skip
    noise = inject(FAULTS["concept_noise"], place, 3, 0)
    # every outcome turns with chance 0.4: p goes to p + 0.4 (1 - 2 p)
    truth = 0.4 * (1 - 2 * rate) / np.sqrt(rate * (1 - rate))
    assert effect.on_labels(place, noise) == pytest.approx(truth)
    shifted = inject(FAULTS["prior_shift"], place, 3, 0)
    after = np.mean([v == "a" for v in shifted.table["y"].to_pylist()[ONSET:]])
    truth = abs(after - rate) / np.sqrt(rate * (1 - rate))
    assert effect.on_labels(place, shifted) == pytest.approx(truth)


def test_what_leaves_every_column_alone_is_told_so():
    before = np.linspace(0.0, 0.5, ROWS)
    faulty = inject(FAULTS["stale_join"], scene(before), 3, 0)
    clean = Injected(pa.table({"x": before}), (), "", 0.0, np.zeros(ROWS, bool))
    watched = [stream(), stream(code="values")]
    found = misses.explain(
        FAULTS["stale_join"], scene(before), faulty, watched, asked(clean), asked(faulty)
    )
    assert found.reason is Reason.BELOW_FLOOR
    assert "no single column moves" in found.why


def test_rows_needed_follow_the_published_rule():
    assert effect.rows_needed(0.21) == pytest.approx(40 / 0.14**2)
    assert effect.rows_needed(0.07) == float("inf")


def test_shares_of_marks_leave_out_rows_to_which_they_do_not_apply():
    class Nulling:
        def answer(self, rows):
            null = (Violation("x", "null", Policy.ALLOW),)
            high = (Violation("x", "range", Policy.ALLOW),)
            return [
                SimpleNamespace(verdict="ok", violations=null if i % 2 else high)
                for i in range(len(rows))
            ]

    clean = Injected(pa.table({"x": np.zeros(10)}), (), "", 0.0, np.zeros(10, bool))
    found = Asked(Nulling(), clean, np.arange(10))
    assert found.share(stream(code="null")) == Share(5, 10)
    assert found.share(stream(code="range")) == Share(5, 5)


def test_changed_decisions_are_counted_among_affected_rows_alone():
    before, after = np.full(ROWS, 0.3), np.full(ROWS, 0.3)
    after[ONSET : ONSET + 50] = 0.7
    after[ONSET + 50 : ONSET + 100] = 0.4
    clean = Injected(pa.table({"x": before}), (), "", 0.0, np.zeros(ROWS, bool))
    faulty = Injected(pa.table({"x": after}), ("x",), "", 1.0, before != after)
    found = served(asked(clean), asked(faulty), faulty)
    assert (found.rows, found.flipped, found.unseen) == (100, 0.5, 0.5)
