"""Random contracts: every kind, rule, policy and cross-field rule, in every combination."""

from __future__ import annotations

import random
from typing import Any

from holdfast.contracts import model as m
from holdfast.contracts.validate import validate

_NAMES = ("Age", "income ", "Straße", "日本", '"; drop', "a\nb", "class", "", "x'y", "{0}", "row")
_WORDS = ("fixed", "partime", "freelance", "others", "", "unknown", "é", "A-1", "a b", "2020-01-01")
_PATTERNS = (r"[A-Z]{2}-?\d{1,4}", r"\w+", r"[^ ]*", r"(?:a|b)+", r"\d{4}-\d{2}-\d{2}", r".*x")
_NUMBERS = frozenset({m.Kind.NUMERIC, m.Kind.INTEGER})


def random_contract(seed: int, fields: int = 10) -> m.ContractData:
    """A contract that does not contradict itself and is otherwise as odd as the seed wants.

    Args:
        seed: the same seed gives the same contract.
        fields: how many fields, at least 4.
    """
    rng = random.Random(seed)  # noqa: S311 - no secrets are made
    made = tuple(_field(rng, _name(rng, place)) for place in range(max(fields, 4)))
    data = m.ContractData(
        name=f"random {seed}",
        rows=rng.randrange(10**6),
        fields=made,
        cross=tuple(_crosses(rng, made)),
        cross_policy=rng.choice(list(m.Policy)),
        unknown_fields=rng.choice([m.Policy.ALLOW, m.Policy.ABSTAIN, m.Policy.REJECT]),
    )
    validate(data)
    return data


def _name(rng: random.Random, place: int) -> str:
    return f"{rng.choice(_NAMES)}{place}" if rng.random() < 0.5 else f"f{place}"


def _common(rng: random.Random) -> dict[str, Any]:
    return {
        "rows": rng.random() < 0.8,
        "max_share": rng.choice([0.0, 0.01, 0.25]),
        "policy": rng.choice([None, None, None, *m.Policy]),
    }


def _field(rng: random.Random, name: str) -> m.Field:
    kind = rng.choice(list(m.Kind))
    rules: list[m.FieldRule] = []
    if rng.random() < 0.85:
        rules.append(m.NullRule(**_common(rng)))
    if rng.random() < 0.85:
        rules.append(m.TypeRule(**_common(rng)))
    rules += _more_rules(rng, kind)
    return m.Field(
        name=name,
        kind=kind,
        role=m.Role.FEATURE if rng.random() < 0.9 else rng.choice(list(m.Role)),
        rules=tuple(rules),
        policy=rng.choice(list(m.Policy)),
        impute=_impute(rng, kind),
        pii=rng.choice(["unknown", "no", "yes"]),
    )


def _impute(rng: random.Random, kind: m.Kind) -> Any:
    if kind in _NUMBERS:
        return rng.choice([0, 1.5, None])
    return rng.choice(["others", None]) if kind is m.Kind.CATEGORICAL else None


def _more_rules(rng: random.Random, kind: m.Kind) -> list[m.FieldRule]:
    rules: list[m.FieldRule] = []
    if kind in _NUMBERS | {m.Kind.TIME} and rng.random() < 0.8:
        rules.append(m.RangeRule(**_ends(rng, kind), **_common(rng)))
    if kind is m.Kind.CATEGORICAL or (kind is m.Kind.TEXT and rng.random() < 0.3):
        rules.append(m.CategoriesRule(values=_categories(rng, kind), **_common(rng)))
    if kind in {m.Kind.TEXT, m.Kind.ID} and rng.random() < 0.6:
        rules.append(m.FormatRule(pattern=rng.choice(_PATTERNS), **_common(rng)))
    if kind is m.Kind.TEXT and rng.random() < 0.2:
        rules.append(m.FormatRule(time_format="%Y-%m-%d", **_common(rng)))
    if kind in {m.Kind.TEXT, m.Kind.ID, m.Kind.LIST} and rng.random() < 0.6:
        low = rng.randrange(4)
        high = rng.choice([None, low + rng.randrange(4)])
        rules.append(m.LengthRule(low=low, high=high, **_common(rng)))
    if kind not in {m.Kind.BOOLEAN, m.Kind.LIST}:
        rules += [
            m.SentinelRule(values=_sentinels(rng, kind), **_common(rng))
            for _ in range(2)
            if rng.random() < 0.4
        ]
    rng.shuffle(rules)
    return rules


def _ends(rng: random.Random, kind: m.Kind) -> dict[str, Any]:
    low: Any
    high: Any
    if kind is m.Kind.TIME:
        low, high = "2019-12-31T23:30:00+01:00", rng.choice(["2020-06-01", "2020-06-01T12:00:00"])
    else:
        low = rng.choice([-5, 0, 0.5, -(2**53) - 1, -1e300])
        high = low + rng.choice([0, 10, 100.25, 2**54])
    return {
        "low": None if rng.random() < 0.2 else low,
        "high": None if rng.random() < 0.2 else high,
    }


def _categories(rng: random.Random, kind: m.Kind) -> tuple[str | int | bool, ...]:
    pools: list[tuple[Any, ...]] = [_WORDS]
    if kind is m.Kind.CATEGORICAL:
        pools += [_WORDS, (0, 1, 2, 3, 99), (True, False), ("a", 1, 2, "b"), ("a", True), (0, True)]
    pool = rng.choice(pools)
    return tuple(rng.sample(pool, rng.randint(1, len(pool))))


def _sentinels(rng: random.Random, kind: m.Kind) -> tuple[Any, ...]:
    if kind in _NUMBERS:
        return tuple(rng.sample([-999, 0, 3, 9999, 2.5, 1e300, "unknown"], rng.randint(1, 3)))
    if kind is m.Kind.TIME:
        return tuple(rng.sample(["1900-01-01", "2020-01-01", "1970-01-01T00:00:00Z"], 2))
    return tuple(rng.sample([*_WORDS, 99, 0], rng.randint(1, 3)))


def _crosses(rng: random.Random, fields: tuple[m.Field, ...]) -> list[m.CrossRule]:
    numbers = [field.name for field in fields if field.kind in _NUMBERS]
    times = [field.name for field in fields if field.kind is m.Kind.TIME]
    names = [field.name for field in fields]
    rules: list[m.CrossRule] = []
    for pool in (numbers, times):
        if len(pool) >= 2:
            left, right = rng.sample(pool, 2)
            rules.append(
                m.OrderRule(left=left, right=right, strict=rng.random() < 0.5, **_common(rng))
            )
    rules.append(
        m.NullTogetherRule(fields=tuple(rng.sample(names, rng.randint(2, 3))), **_common(rng))
    )
    if len(numbers) >= 2:
        parts = tuple(rng.sample(numbers, rng.randint(2, min(3, len(numbers)))))
        rules.append(m.ConstantSumRule(fields=parts, total=10.0, tolerance=5.0, **_common(rng)))
    determinant, dependent = rng.sample(names, 2)
    mapping: list[Any] = [
        (0, 1),
        ("fixed", "others"),
        (True, False),
        (3, None),
        ("", ""),
    ]
    rules.append(
        m.DependencyRule(
            determinant=determinant,
            dependent=dependent,
            mapping=tuple(rng.sample(mapping, rng.randint(1, 5))),
            **_common(rng),
        )
    )
    return rules
