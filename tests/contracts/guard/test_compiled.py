"""The guard, from the outside: rows in, verdicts out."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict, defaultdict
from datetime import date, datetime

import numpy as np
import pytest

from holdfast.contracts import model as m
from holdfast.contracts.guard import compile_guard
from holdfast.errors import ContractError, UsageError

NULL, TYPE = m.NullRule(), m.TypeRule()


def field(name="x", kind=m.Kind.NUMERIC, *rules, policy=m.Policy.ABSTAIN, **more):
    return m.Field(name=name, kind=kind, rules=(NULL, TYPE, *rules), policy=policy, **more)


def contract(*fields, **more):
    return m.ContractData(fields=fields, **more)


def guard_of(*fields, **more):
    return compile_guard(contract(*fields), **more)


def codes(verdict):
    return [(v.field, v.code) for v in verdict.violations]


def test_a_clean_row_is_ok_and_handed_back_itself():
    row = {"x": 1.5}
    verdict = guard_of(field())(row)
    assert verdict == m.Verdict(m.Outcome.OK, row)
    assert verdict.values is row


def test_a_null_in_a_required_field_is_named():
    assert codes(guard_of(field())({"x": None})) == [("x", "null")]


@pytest.mark.parametrize("row", [{}, {"x": None}, {"x": math.nan}, {"x": np.float64("nan")}])
def test_absent_none_and_nan_are_all_null(row):
    assert codes(guard_of(field())(row)) == [("x", "null")]


def test_every_violation_of_a_row_is_named_in_field_order():
    guard = guard_of(
        field("a"),
        field("b", m.Kind.CATEGORICAL, m.CategoriesRule(values=("u", "v"))),
        field("c", m.Kind.INTEGER, m.RangeRule(low=0, high=9)),
    )
    verdict = guard({"c": 12, "b": "w", "a": "1"})
    assert codes(verdict) == [("a", "type"), ("b", "unseen"), ("c", "range")]


@pytest.mark.parametrize(
    ("policy", "outcome", "value", "missing"),
    [
        (m.Policy.ALLOW, "ok", 12, ()),
        (m.Policy.IMPUTE, "degraded", 4, ()),
        (m.Policy.CLIP, "degraded", 9, ()),
        (m.Policy.FALLBACK, "degraded", None, ("x",)),
        (m.Policy.ABSTAIN, "abstained", 12, ()),
        (m.Policy.REJECT, "rejected", 12, ()),
    ],
)
def test_the_policy_decides_outcome_value_and_fallback(policy, outcome, value, missing):
    rules = (m.RangeRule(low=0, high=9),)
    row = {"x": 12}
    verdict = guard_of(field("x", m.Kind.INTEGER, *rules, policy=policy, impute=4))(row)
    assert (verdict.outcome.value, verdict.values["x"], verdict.missing) == (
        outcome,
        value,
        missing,
    )
    assert verdict.violations[0].policy is policy
    assert row == {"x": 12}


def test_a_rules_own_policy_goes_before_the_fields():
    loose = m.RangeRule(low=0, high=9, policy=m.Policy.ALLOW)
    guard = guard_of(field("x", m.Kind.INTEGER, loose, policy=m.Policy.REJECT))
    assert guard({"x": 12}).outcome is m.Outcome.OK
    assert guard({"x": "12"}).outcome is m.Outcome.REJECTED


def test_the_worst_policy_of_all_violations_decides():
    guard = guard_of(
        field("a", policy=m.Policy.IMPUTE, impute=1.0), field("b", policy=m.Policy.REJECT)
    )
    verdict = guard({})
    assert verdict.outcome is m.Outcome.REJECTED
    assert verdict.values == {"a": 1.0}


def test_clip_of_something_that_cannot_be_clipped_abstains():
    verdict = guard_of(field("x", m.Kind.NUMERIC, policy=m.Policy.CLIP))({"x": None})
    assert verdict.outcome is m.Outcome.ABSTAINED
    assert verdict.violations[0].policy is m.Policy.ABSTAIN


def test_clipping_an_integer_stays_inside_and_integer():
    rule = m.RangeRule(low=0.5, high=9.5)
    guard = guard_of(field("x", m.Kind.INTEGER, rule, policy=m.Policy.CLIP))
    assert [guard({"x": v}).values["x"] for v in (0, 10)] == [1, 9]


def test_a_note_leaves_the_row_alone():
    nulls = m.NullRule(rows=False, max_share=0.1)
    loose = m.Field(name="x", kind=m.Kind.NUMERIC, rules=(nulls, TYPE), policy=m.Policy.REJECT)
    verdict = guard_of(loose)({"x": None})
    assert verdict.outcome is m.Outcome.OK
    assert verdict.violations == (m.Violation("x", "null", m.Policy.ALLOW, note=True),)


def test_an_integral_float_becomes_an_integer_without_complaint():
    row = {"x": 3.0}
    verdict = guard_of(field("x", m.Kind.INTEGER))(row)
    assert verdict.violations == ()
    assert verdict.values == {"x": 3}
    assert verdict.values["x"].__class__ is int
    assert row["x"].__class__ is float


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (m.Kind.NUMERIC, [0, 1.5, -2, 10**300], [True, "1", math.inf, [1], {}, 10**400, b"1"]),
        (m.Kind.INTEGER, [0, 7.0, 2**60], [False, 1.5, "1", -math.inf, 10**400]),
        (m.Kind.BOOLEAN, [True, False], [0, 1, "true", 1.0]),
        (m.Kind.TEXT, ["", "é"], [1, True, ["a"]]),
        (m.Kind.ID, ["a1", 17, 17.0], [1.5, True, []]),
        (
            m.Kind.TIME,
            ["2026-11-23", "2026-11-23T10:00:00Z", date(2026, 1, 1), datetime(2026, 1, 1)],  # noqa: DTZ001
            ["soon", "", 20261123, True],
        ),
        (m.Kind.LIST, [[], [1, 2.5]], [[None], ["a"], [[1.0]], "ab", [math.inf], [True]]),
    ],
)
def test_each_kind_knows_its_values(kind, good, bad):
    guard = guard_of(field("x", kind))
    assert [guard({"x": v}).violations for v in good] == [()] * len(good)
    assert [codes(guard({"x": v})) for v in bad] == [[("x", "type")]] * len(bad)


def test_a_categorical_field_takes_integers_only_where_its_categories_are_integers():
    numbers = guard_of(field("x", m.Kind.CATEGORICAL, m.CategoriesRule(values=(0, 1))))
    texts = guard_of(field("x", m.Kind.CATEGORICAL, m.CategoriesRule(values=("0", "1"))))
    assert numbers({"x": 1}).violations == ()
    assert numbers({"x": 1.0}).values == {"x": 1}
    assert codes(numbers({"x": True})) == codes(numbers({"x": "1"})) == [("x", "type")]
    assert codes(texts({"x": 1})) == [("x", "type")]


def test_a_sentinel_is_named_and_not_called_out_of_range():
    rules = (m.RangeRule(low=0, high=99), m.SentinelRule(values=(-999, 50)))
    guard = guard_of(field("x", m.Kind.INTEGER, *rules))
    assert codes(guard({"x": -999})) == codes(guard({"x": 50})) == [("x", "sentinel")]
    assert codes(guard({"x": -998})) == [("x", "range")]


def test_a_time_sentinel_is_the_same_instant_in_any_writing():
    guard = guard_of(field("x", m.Kind.TIME, m.SentinelRule(values=("1900-01-01",))))
    for value in ("1900-01-01", "1900-01-01T00:00:00Z", date(1900, 1, 1)):
        assert codes(guard({"x": value})) == [("x", "sentinel")]


def test_a_time_range_compares_instants():
    guard = guard_of(field("x", m.Kind.TIME, m.RangeRule(low="2020-01-01", high="2020-12-31")))
    assert guard({"x": "2020-12-31T01:00:00+01:00"}).violations == ()
    assert codes(guard({"x": "2021-01-01"})) == [("x", "range")]


def test_a_format_is_matched_in_full():
    guard = guard_of(field("x", m.Kind.TEXT, m.FormatRule(pattern=r"[A-Z]{2}\d+")))
    assert guard({"x": "ES12"}).violations == ()
    assert codes(guard({"x": "ES12\n"})) == [("x", "format")]


def test_two_sorts_of_marks_on_one_value_are_both_named():
    rules = (m.CategoriesRule(values=("a",)), m.SentinelRule(values=("unknown",)))
    guard = guard_of(field("x", m.Kind.CATEGORICAL, *rules))
    assert codes(guard({"x": "unknown"})) == [("x", "unseen"), ("x", "sentinel")]


CROSS = {
    "order": m.OrderRule(left="a", right="b"),
    "null_together": m.NullTogetherRule(fields=("a", "b")),
    "sum": m.ConstantSumRule(fields=("a", "b"), total=10, tolerance=0.5),
    "dependency": m.DependencyRule(determinant="a", dependent="b", mapping=((1, 9), (2, 8))),
}


def loose(name, kind=m.Kind.NUMERIC, **more):
    return m.Field(name=name, kind=kind, **more)


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("order", [(1, 2), (1, 1), (None, 1), ("x", 0)], [(2, 1), (2.5, 2)]),
        ("null_together", [(None, None), (1, 2), (math.nan, None)], [(None, 2), (1, math.nan)]),
        ("sum", [(4, 6), (4.4, 6), (None, 1)], [(1, 2), (4, 7)]),
        ("dependency", [(1, 9), (2, 8.0), (3, 0), (1, None)], [(1, 8), (2.0, 9)]),
    ],
)
def test_cross_field_rules_mark_rows_that_break_them(code, good, bad):
    data = contract(loose("a"), loose("b"), cross=(CROSS[code],), cross_policy=m.Policy.ABSTAIN)
    guard = compile_guard(data)
    for a, b in good:
        assert guard({"a": a, "b": b}).violations == (), (a, b)
    for a, b in bad:
        verdict = guard({"a": a, "b": b})
        assert [v.code for v in verdict.violations] == [code], (a, b)
        assert verdict.outcome is m.Outcome.ABSTAINED


def test_a_cross_field_fallback_leaves_out_the_null_field():
    data = contract(
        loose("a"), loose("b"), cross=(CROSS["null_together"],), cross_policy=m.Policy.FALLBACK
    )
    assert compile_guard(data)({"a": 1}).missing == ("b",)


def test_unknown_fields_pass_or_are_named_by_policy():
    data = contract(field("x"), unknown_fields=m.Policy.REJECT)
    guard = compile_guard(data)
    row = {"x": 1.0, "y": 1}
    assert guard_of(field("x"))(row).violations == ()
    assert codes(guard(row)) == [("y", "unknown_field")]
    assert guard(row).outcome is m.Outcome.REJECTED
    assert codes(guard({"y": 1})) == [("x", "null"), ("y", "unknown_field")]
    assert len(guard({"x": 1.0, **{f"k{i}": 0 for i in range(1000)}}).violations) == 32


def test_fields_absent_at_serving_are_known_but_not_looked_at():
    target = field("y", role=m.Role.TARGET)
    guard = compile_guard(contract(field("x"), target, unknown_fields=m.Policy.REJECT))
    assert guard({"x": 1.0}).violations == ()
    assert guard({"x": 1.0, "y": "what"}).violations == ()


def test_shadow_mode_marks_the_same_and_touches_nothing():
    data = contract(field("x", policy=m.Policy.FALLBACK), field("y", policy=m.Policy.REJECT))
    row = {"x": "no", "y": None}
    enforced, shadowed = compile_guard(data)(row), compile_guard(data, mode="shadow")(row)
    assert shadowed.violations == enforced.violations
    assert (shadowed.outcome, shadowed.missing) == (m.Outcome.OK, ())
    assert shadowed.values is row


def test_the_offending_value_is_shown_only_where_it_is_no_personal_data():
    for pii, got in (("no", "'much'"), ("unknown", ""), ("yes", "")):
        verdict = guard_of(field("x", pii=pii))({"x": "much"})
        assert verdict.violations[0].got == got


class Hostile:
    """A value that fails when it is looked at."""

    def tolist(self):
        raise RuntimeError("no")


Hostile.__module__ = "numpy"


def test_a_failing_guard_fails_closed_or_open_as_chosen():
    row = {"x": Hostile()}
    closed, opened = guard_of(field())(row), guard_of(field(), on_error="open")(row)
    assert (closed.outcome, codes(closed)) == (m.Outcome.REJECTED, [("", "guard_error")])
    assert (opened.outcome, codes(opened)) == (m.Outcome.OK, [("", "guard_error")])
    assert opened.values is row


@pytest.mark.parametrize("row", [None, 5, "row", [1, 2], [("x", 1)], object(), b""])
def test_what_is_no_row_is_rejected_and_never_raises(row):
    for on_error in ("closed", "open"):
        verdict = guard_of(field(), on_error=on_error)(row)
        assert (verdict.outcome, codes(verdict)) == (m.Outcome.REJECTED, [("", "type")])


def test_other_mappings_are_rows_too_and_gain_no_keys():
    ordered, growing = OrderedDict(x=1.0), defaultdict(float)
    guard = guard_of(field())
    assert guard(ordered).violations == ()
    assert codes(guard(growing)) == [("x", "null")]
    assert not growing


DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]
EDGES = [
    math.nan, math.inf, -math.inf, 10**400, -(10**5000), 2**63, True, DEEP, "x" * 10**7,
    datetime(1, 1, 1), "9999-12-31T23:59:59-23:59",  # noqa: DTZ001
    "\ud800", "\x00", b"\xff", {}, {"a": DEEP}, (), (1.0,), set(), object(), int, 1j, 0.1 + 2j,
    np.float32(1), np.int64(3), np.array([1.0, 2.0]), np.array(5), np.datetime64("NaT"),
    np.bool_(True), np.str_("a"), date.max, date.min, sys, ..., NotImplemented,
]  # fmt: skip


@pytest.mark.parametrize("kind", list(m.Kind))
def test_no_value_whatever_makes_the_guard_fail(kind):
    guards = [
        compile_guard(
            contract(
                field("x", kind, pii="no"), field("y", kind), cross=cross,
                unknown_fields=m.Policy.ABSTAIN,
            )
        )
        for cross in [(), (m.NullTogetherRule(fields=("x", "y")),)]
    ]  # fmt: skip
    for guard in guards:
        for value in EDGES:
            for row in ({"x": value}, {"x": value, "y": value, 3: value, None: 1, "\ud800": 2}):
                verdict = guard(row)
                assert ("", "guard_error") not in codes(verdict), repr(type(value))
                assert all(len(v.got) < 100 and len(v.field) < 100 for v in verdict.violations)
    assert [v.outcome for v in guards[0].batch([{"x": v} for v in EDGES])]


def test_numpy_scalars_become_plain_values():
    verdict = guard_of(field("x", m.Kind.INTEGER), field("y"))(
        {"x": np.int64(3), "y": np.float32(2)}
    )
    assert verdict.violations == ()
    assert (verdict.values["x"].__class__, verdict.values["y"].__class__) == (int, float)


def test_a_batch_answers_like_single_rows():
    guard = guard_of(field("x", m.Kind.NUMERIC, m.RangeRule(low=0)))
    rows = [{"x": 1.0}, {"x": -1.0}, None, {}, {"x": Hostile()}]
    assert guard.batch(iter(rows)) == [guard(row) for row in rows]


HOSTILE_NAMES = [
    "'", '"', "'''", '"""', "a\nb", "\\", "\\'", '"); import os', "x = 1\nimport os #", "{x}",
    "__import__('os').system('true')", "é", "日本", "\u2028", "\r", "", " ", "class", "a0", "H0",
    "\x00", "%s", "{0.__class__}", "row", "🙂", "\N{RIGHT-TO-LEFT OVERRIDE}x",
]  # fmt: skip


def test_hostile_names_and_values_are_only_ever_data():
    fields = [
        field(name, m.Kind.CATEGORICAL, m.CategoriesRule(values=tuple(HOSTILE_NAMES)))
        for name in HOSTILE_NAMES
    ]
    guard = guard_of(*fields)
    good = dict.fromkeys(HOSTILE_NAMES, "'")
    assert guard(good).violations == ()
    assert codes(guard(dict.fromkeys(HOSTILE_NAMES, "zz"))) == [
        (n, "unseen") for n in HOSTILE_NAMES
    ]
    assert "import" not in guard.source
    assert guard.source.isascii()


def test_a_contract_is_compiled_once():
    assert guard_of(field("x", m.Kind.ID)) is guard_of(field("x", m.Kind.ID))
    assert guard_of(field("x", m.Kind.ID)) is not guard_of(field("x", m.Kind.ID), mode="shadow")


def test_a_contract_that_contradicts_itself_is_refused():
    for bad in (
        contract(field("x"), field("x")),
        contract(field("x", m.Kind.NUMERIC, m.RangeRule(low=2, high=1))),
        contract(field("x", m.Kind.NUMERIC, m.RangeRule(low="a"))),
        contract(field("x", m.Kind.NUMERIC, m.FormatRule(pattern="a"))),
        contract(field("x", m.Kind.TEXT, m.FormatRule(pattern="(a+)+"))),
        contract(field("x", m.Kind.TEXT, m.LengthRule(low=3, high=2))),
        contract(field("x"), cross=(m.OrderRule(left="x", right="y"),)),
        contract(field("x"), cross=(m.OrderRule(left="x", right="x"),)),
        contract(field("x", pii="maybe")),
        contract(field("x"), unknown_fields=m.Policy.IMPUTE),
        contract(field("\ud800")),
        contract(m.Field(name="x", kind=m.Kind.TEXT, rules=(m.NullRule(max_share=2),))),
    ):
        with pytest.raises(ContractError):
            compile_guard(bad)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError):
        guard_of(field(), mode="loud")


def test_an_empty_contract_lets_every_row_pass():
    assert compile_guard(contract())({"anything": object()}).outcome is m.Outcome.OK
