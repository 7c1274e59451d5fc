"""A policy clause by clause, as its file would write it."""

from __future__ import annotations

import tomllib
from typing import Any, NamedTuple

import msgspec

from holdfast.retraining.policy import Policy
from holdfast.retraining.reading import CLAUSES
from holdfast.retraining.units import DURATION_FORM, Rate, spelled


class Shown(NamedTuple):
    """One clause.

    Attributes:
        key: dotted, below ``policy``.
        value: as the file would write it.
        given: whether the file says it; otherwise it is the default.
    """

    key: str
    value: str
    given: bool


def shown(policy: Policy, text: str) -> tuple[Shown, ...]:
    r"""Every clause of a policy in force.

    Args:
        policy: as read.
        text: the settings file it was read from.

    Example:
        >>> found = {s.key: s for s in shown(Policy(), "[policy.unless]\ncooldown = '7d'")}
        >>> found["unless.cooldown"]
        Shown(key='unless.cooldown', value='"1w"', given=True)
        >>> found["when.growth"]
        Shown(key='when.growth', value='1.3', given=False)
    """
    table = tomllib.loads(text).get("policy", {})
    found = []
    for key, clause in CLAUSES.items():
        parent, _, last = key.rpartition(".")
        holder = _at(policy, parent)
        value = False if holder is None else getattr(holder, clause.name)
        given = _given(table, (*parent.split("."), last))
        found.append(Shown(key, _spelled(value, clause.form), given))
    return tuple(found)


def _at(policy: Policy, path: str) -> Any:
    holder: Any = policy
    for part in filter(None, path.split(".")):
        holder = None if holder is None else getattr(holder, part)
    return holder


def _given(table: Any, path: tuple[str, ...]) -> bool:
    for part in filter(None, path):
        if table is False:
            return True  # the whole table is switched off
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True


def _spelled(value: Any, form: str) -> str:
    if value is None:
        return "false" if "or false" in form else "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Rate):
        return f'"{value.count}/{spelled(value.per)}"'
    if isinstance(value, int) and form.startswith(DURATION_FORM):
        return f'"{spelled(value)}"'
    return msgspec.json.encode(value).decode()
