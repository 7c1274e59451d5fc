"""Differences between contracts, in the words a reviewer reads."""

from __future__ import annotations

import pytest

from holdfast.contracts import model as m
from holdfast.contracts.document import diff


def one(*rules, name="Income", kind=m.Kind.NUMERIC, **more):
    return m.ContractData(fields=(m.Field(name=name, kind=kind, rules=rules, **more),))


def sentences(old, new):
    return [change.sentence for change in diff(old, new)]


N, R, C = m.NullRule, m.RangeRule, m.CategoriesRule
POLICY = m.Policy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            one(N(max_share=0.086)), one(N(max_share=0.091)),
            "`Income` may now be null in up to 9.1% of rows (was 8.6%)",
        ),
        (one(), one(N()), "`Income` must now not be null"),
        (one(N()), one(), "`Income` may now be null, no rule looks at it"),
        (one(N()), one(N(rows=False)),
         "`Income`: a mark by nulls is now only noted on a single row"),
        (one(R(low=1, high=5)), one(R(low=1, high=7)), "`Income` may now be as high as 7 (was 5)"),
        (one(R(low=1)), one(R(low=2)), "`Income` must now be at least 2 (was 1)"),
        (one(R(low=1)), one(R()), "`Income` has no longer a low end of its range (was 1)"),
        (one(R()), one(R(high=3)), "`Income` must now be at most 3 (was anything)"),
        (one(), one(R(low=1, high=2)), "`Income` has a new rule: from 1 to 2"),
        (one(m.LengthRule(high=3)), one(m.LengthRule(high=9)),
         "`Income` may now be as long as 9 (was 3)"),
        (one(C(values=("a", "b"))), one(C(values=("a", "b", "c"))), "`Income` may now also be 'c'"),
        (one(C(values=("a", "b"))), one(C(values=("a",))), "`Income` may no longer be 'b'"),
        (one(C(values=(1,))), one(C(values=(True, 1))), "`Income` may now also be true"),
        (
            one(m.FormatRule(pattern="a")), one(m.FormatRule(pattern="b")),
            "`Income` must now match 'b' (was 'a')",
        ),
        (
            one(policy=POLICY.ALLOW), one(policy=POLICY.FALLBACK),
            "`Income` is now answered by fallback when it breaks a rule (was allow)",
        ),
        (one(impute=1), one(impute=2.5), "`Income` is now imputed by 2.5 (was 1)"),
        (one(), one(kind=m.Kind.TEXT), "`Income` is now text (was numeric)"),
        (one(), one(required=False), "`Income` need no longer be in every table"),
        (one(), m.ContractData(), "`Income` is no longer in the contract (numeric, feature)"),
        (m.ContractData(), one(), "`Income` is new (numeric, feature)"),
        (m.ContractData(rows=1000), m.ContractData(rows=2000),
         "the number of rows it was learned from is now 2,000 (was 1,000)"),
    ],
)  # fmt: skip
def test_each_change_is_said_in_words(old, new, said):
    assert sentences(old, new) == [said]


def test_equal_contracts_and_mere_evidence_are_no_change():
    seen = one(N(evidence=m.Evidence(rows=5, marked=1)))
    assert diff(seen, seen) == diff(one(N()), seen) == []


def test_values_of_personal_data_are_counted_not_shown():
    before = one(C(values=("anna",)), R(low=1), pii="yes", impute="anna")
    after = one(C(values=("berta", "carl")), R(low=2), pii="yes", impute="carl")
    said = " ".join(map(str, diff(before, after)))
    assert "2 values" in said
    assert not any(name in repr(diff(before, after)) for name in ("anna", "berta", "carl"))


def test_cross_field_rules_come_and_go_and_change():
    pair = tuple(m.Field(name=n, kind=m.Kind.NUMERIC) for n in "ab")
    order, strict = m.OrderRule(left="a", right="b"), m.OrderRule(left="a", right="b", strict=True)
    without = m.ContractData(fields=pair)
    with_order, with_strict = (
        m.ContractData(fields=pair, cross=(rule,)) for rule in (order, strict)
    )
    assert sentences(without, with_order) == ["new cross-field rule: order of `a`, `b`"]
    assert sentences(with_order, without) == ["cross-field rule no longer asked: order of `a`, `b`"]
    assert sentences(with_order, with_strict) == [
        "the cross-field rule order of `a`, `b` has other limits"
    ]


def test_moving_fields_is_said_once():
    pair = tuple(m.Field(name=n, kind=m.Kind.NUMERIC) for n in "ab")
    old, new = m.ContractData(fields=pair), m.ContractData(fields=pair[::-1])
    assert sentences(old, new) == ["the fields stand in another order"]
