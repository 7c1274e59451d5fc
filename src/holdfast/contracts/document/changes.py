"""What changed from one contract to another, in sentences a reviewer can judge.

Evidence is not compared: it says where limits come from, and the limits themselves are compared.
Values of fields marked as personal data (``pii: yes``) are counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from holdfast.contracts import model as m
from holdfast.contracts.rules import fields_of

#: most values named in one sentence
_NAMED = 6
_CROSS_WORDS = {
    m.OrderRule: "order",
    m.NullTogetherRule: "null together",
    m.ConstantSumRule: "constant sum",
    m.DependencyRule: "dependency",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two contracts.

    Attributes:
        field: name of the field concerned; empty for the contract as a whole.
        what: what changed: ``field``, ``kind``, ``role``, ``policy``, ``nulls``, ``range`` ...
        sentence: the change in words.
        before: what it was, as plain data.
        after: what it is now, as plain data.
    """

    field: str
    what: str
    sentence: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        return self.sentence


def diff(old: m.ContractData, new: m.ContractData) -> list[Change]:
    """The changes from `old` to `new`, contract first, then field by field, then cross rules.

    Example:
        >>> def income(share):
        ...     nulls = m.NullRule(rows=False, max_share=share)
        ...     field = m.Field(name="Income", kind=m.Kind.NUMERIC, rules=(nulls,))
        ...     return m.ContractData(fields=(field,))
        >>> print(diff(income(0.086), income(0.091))[0])
        `Income` may now be null in up to 9.1% of rows (was 8.6%)
    """
    before = {field.name: field for field in old.fields}
    after = {field.name: field for field in new.fields}
    changes = list(_whole(old, new))
    for name, field in after.items():
        if name not in before:
            changes.append(_change(name, "field", f"{_quoted(name)} is new ({_about(field)})"))
        elif before[name] != field:
            changes += _field(before[name], field)
    changes += [
        _change(name, "field", f"{_quoted(name)} is no longer in the contract ({_about(field)})")
        for name, field in before.items()
        if name not in after
    ]
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        changes.append(_change("", "order", "the fields stand in another order"))
    return changes + list(_crosses(old, new))


def _change(field: str, what: str, sentence: str, before: Any = None, after: Any = None) -> Change:
    return Change(field=field, what=what, sentence=sentence, before=before, after=after)


def _quoted(name: str) -> str:
    return f"`{name}`"


def _about(field: m.Field) -> str:
    return f"{field.kind.value}, {field.role.value}"


def percent(share: float) -> str:
    """A share as people say it, precise enough to tell small shares apart.

    >>> percent(0.091), percent(0.00271), percent(0.0)
    ('9.1%', '0.271%', '0%')
    """
    return f"{100 * share:.3g}%" if share < 0.1 else f"{100 * share:.4g}%"


def _whole(old: m.ContractData, new: m.ContractData) -> Iterator[Change]:
    words = {
        "version": "the format version",
        "name": "the contract's name",
        "rows": "the number of rows it was learned from",
        "cross_policy": "the policy of cross-field rules",
        "unknown_fields": "the policy of unknown fields",
    }
    for key, word in words.items():
        a, b = getattr(old, key), getattr(new, key)
        if a != b:
            yield _change("", key, f"{word} is now {_said(b)} (was {_said(a)})", a, b)


def _said(value: Any) -> str:
    if isinstance(value, (m.Policy, m.Kind, m.Role)):
        return value.value
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**30 else "a huge number"
    return str(value)[:80]


def _field(old: m.Field, new: m.Field) -> Iterator[Change]:
    name = _quoted(new.name)
    words = {
        "kind": "is now {b} (was {a})",
        "role": "now has the role {b} (was {a})",
        "policy": "is now answered by {b} when it breaks a rule (was {a})",
        "impute": "is now imputed by {b} (was {a})",
        "pii": "now says personal data: {b} (was {a})",
        "note": "has another note: {b}",
    }
    secret = "yes" in {old.pii, new.pii}
    for key, words_of in words.items():
        a, b = getattr(old, key), getattr(new, key)
        if a == b and a.__class__ is b.__class__:
            continue
        if key == "impute" and secret:
            yield _change(new.name, key, f"{name} is now imputed by another value")
            continue
        yield _change(new.name, key, f"{name} {words_of.format(a=_said(a), b=_said(b))}", a, b)
    if old.required != new.required:
        verb = "must now be" if new.required else "need no longer be"
        yield _change(
            new.name, "required", f"{name} {verb} in every table", old.required, new.required
        )
    for kind in dict.fromkeys(type(rule) for rule in (*old.rules, *new.rules)):
        a_rules = [rule for rule in old.rules if type(rule) is kind]
        b_rules = [rule for rule in new.rules if type(rule) is kind]
        yield from _rules(new.name, a_rules, b_rules, secret=secret)


def _rules(name: str, old: list[Any], new: list[Any], *, secret: bool) -> Iterator[Change]:
    for place in range(max(len(old), len(new))):
        a = old[place] if place < len(old) else None
        b = new[place] if place < len(new) else None
        if a is None or b is None:
            yield _gained_or_lost(name, a, b, secret=secret)
        elif _limits(a) != _limits(b):
            yield from _rule(name, a, b, secret=secret)


def _limits(rule: Any) -> Any:
    return msgspec.structs.replace(rule, evidence=m.Evidence())


def _gained_or_lost(name: str, old: Any, new: Any, *, secret: bool) -> Change:
    rule = new if old is None else old
    what, words = _described(rule, secret=secret)
    if isinstance(rule, m.NullRule):
        sentence = "must now not be null" if old is None else "may now be null, no rule looks at it"
        if old is None and rule.max_share:
            sentence = (
                f"may now be null in at most {percent(rule.max_share)} of rows (had no limit)"
            )
        return _change(name, what, f"{_quoted(name)} {sentence}")
    verb = "has a new rule" if old is None else "has lost a rule"
    return _change(name, what, f"{_quoted(name)} {verb}: {words}")


def _described(rule: Any, *, secret: bool) -> tuple[str, str]:
    """The rule's key and its limits in words."""
    if isinstance(rule, m.NullRule):
        return "nulls", "not null"
    if isinstance(rule, m.TypeRule):
        return "type", "values of its kind only"
    if isinstance(rule, m.RangeRule):
        ends = "a hidden range" if secret else f"from {_end(rule.low)} to {_end(rule.high)}"
        return "range", ends
    if isinstance(rule, m.LengthRule):
        return "length", f"from {rule.low} to {_end(rule.high)} long"
    if isinstance(rule, m.FormatRule):
        return "format", f"format {_said(rule.pattern or rule.time_format)}"
    key = "categories" if isinstance(rule, m.CategoriesRule) else "sentinels"
    word = "one of" if key == "categories" else "not standing for nothing:"
    return key, f"{word} {_listed(rule.values, secret=secret)}"


def _end(value: Any) -> str:
    return "anything" if value is None else _said(value)


def _listed(values: Any, *, secret: bool) -> str:
    values = list(values)
    if secret:
        return f"{len(values):,} value{'s' * (len(values) != 1)}"
    named = ", ".join(_said(value) for value in values[:_NAMED])
    more = len(values) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _rule(name: str, old: Any, new: Any, *, secret: bool) -> Iterator[Change]:
    what, _ = _described(new, secret=secret)
    quoted = _quoted(name)
    if old.max_share != new.max_share:
        before, after = percent(old.max_share), percent(new.max_share)
        if before == after:
            before, after = f"{100 * old.max_share!r}%", f"{100 * new.max_share!r}%"
        may = {
            "nulls": "be null",
            "type": "be of another kind",
            "range": "be out of range",
            "categories": "be unseen",
            "sentinels": "stand for nothing",
            "format": "have another format",
            "length": "have another length",
        }[what]
        sentence = f"{quoted} may now {may} in up to {after} of rows (was {before})"
        yield _change(name, what, sentence, old.max_share, new.max_share)
    if old.rows != new.rows:
        effect = "now counts for" if new.rows else "is now only noted on"
        yield _change(
            name, what, f"{quoted}: a mark by {what} {effect} a single row", old.rows, new.rows
        )
    if old.policy != new.policy:
        before, after = (_said(p) if p else "the field's policy" for p in (old.policy, new.policy))
        sentence = f"{quoted}: a mark by {what} is now answered by {after} (was {before})"
        yield _change(name, what, sentence, old.policy, new.policy)
    yield from _own_limits(name, what, old, new, secret=secret)


def _own_limits(name: str, what: str, old: Any, new: Any, *, secret: bool) -> Iterator[Change]:
    quoted = _quoted(name)
    if isinstance(new, (m.CategoriesRule, m.SentinelRule)):
        yield from _values(name, what, old.values, new.values, secret=secret)
        return
    if isinstance(new, m.FormatRule):
        for key in ("pattern", "time_format"):
            a, b = getattr(old, key), getattr(new, key)
            if a != b:
                said = f"{quoted} must now match {_said(b)} (was {_said(a)})"
                yield _change(name, what, said, a, b)
        return
    if not isinstance(new, (m.RangeRule, m.LengthRule)):
        return
    noun = "have a length of" if what == "length" else "be"
    sides = {
        "low": ("as short as" if what == "length" else "as low as", "at least"),
        "high": ("as long as" if what == "length" else "as high as", "at most"),
    }
    for key, (wider, narrower) in sides.items():
        a, b = getattr(old, key), getattr(new, key)
        if a == b and a.__class__ is b.__class__:
            continue
        if secret and what == "range":
            yield _change(name, what, f"{quoted} has another {key} end of its range")
        elif b is None:
            sentence = f"{quoted} has no longer a {key} end of its {what} (was {_said(a)})"
            yield _change(name, what, sentence, a, b)
        else:
            looser = a is not None and (b < a if key == "low" else b > a)
            words = f"may now be {wider}" if looser else f"must now {noun} {narrower}"
            sentence = f"{quoted} {words} {_said(b)} (was {_end(a)})"
            yield _change(name, what, sentence, a, b)


def _values(name: str, what: str, old: Any, new: Any, *, secret: bool) -> Iterator[Change]:
    quoted = _quoted(name)
    a_keys = {(value.__class__, value) for value in old}
    b_keys = {(value.__class__, value) for value in new}
    gained = [value for value in new if (value.__class__, value) not in a_keys]
    lost = [value for value in old if (value.__class__, value) not in b_keys]
    verbs = ("may now also be", "may no longer be")
    if what == "sentinels":
        verbs = ("now stands for nothing at", "no longer stands for nothing at")
    for values, verb in ((gained, verbs[0]), (lost, verbs[1])):
        if values:
            sentence = f"{quoted} {verb} {_listed(values, secret=secret)}"
            shown = None if secret else values
            yield _change(name, what, sentence, None, shown)
    if not gained and not lost and old != new:
        yield _change(name, what, f"{quoted} lists its {what} in another order")


def _crosses(old: m.ContractData, new: m.ContractData) -> Iterator[Change]:
    before = {_identity(rule): rule for rule in old.cross}
    after = {_identity(rule): rule for rule in new.cross}
    for key, rule in after.items():
        names = ", ".join(map(_quoted, fields_of(rule)))
        words = f"{_CROSS_WORDS[type(rule)]} of {names}"
        if key not in before:
            yield _change(fields_of(rule)[0], "cross", f"new cross-field rule: {words}")
        elif _limits(before[key]) != _limits(rule):
            yield _change(
                fields_of(rule)[0], "cross", f"the cross-field rule {words} has other limits"
            )
    for key, rule in before.items():
        if key not in after:
            names = ", ".join(map(_quoted, fields_of(rule)))
            words = f"{_CROSS_WORDS[type(rule)]} of {names}"
            yield _change(fields_of(rule)[0], "cross", f"cross-field rule no longer asked: {words}")


def _identity(rule: m.CrossRule) -> tuple[type, tuple[str, ...]]:
    return type(rule), fields_of(rule)
