"""The contract as data: fields, rules, policies, evidence. Standard library and msgspec only.

A *rule* marks rows. One marked row is a violation when the rule is strict for single rows
(``rows=True``), and a note otherwise (a null in a column where nulls are normal). Over a batch a
rule complains only when the share of marked rows is larger than ``max_share``, beyond chance.

Every rule has its functions in ``holdfast/contracts/rules/<rule>.py``: ``check`` (columns) and
``check_one`` (one row), which agree row by row.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

FORMAT_VERSION = 1


class Kind(enum.StrEnum):
    """What the values of a field are."""

    NUMERIC = "numeric"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    TEXT = "text"
    TIME = "time"
    ID = "id"
    LIST = "list"


class Role(enum.StrEnum):
    """What a field is for."""

    FEATURE = "feature"
    TARGET = "target"
    EVENT_TIME = "event_time"
    ID = "id"
    ENTITY = "entity"
    GROUP = "group"
    POST_OUTCOME = "post_outcome"
    IGNORED = "ignored"


#: Roles that are present when a prediction is asked for.
SERVING_ROLES = frozenset({Role.FEATURE, Role.EVENT_TIME, Role.ID, Role.ENTITY, Role.GROUP})


class Policy(enum.StrEnum):
    """What to do with a row whose field violates a rule, mildest first."""

    ALLOW = "allow"
    IMPUTE = "impute"
    CLIP = "clip"
    FALLBACK = "fallback"
    ABSTAIN = "abstain"
    REJECT = "reject"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What learning saw: of ``rows`` applicable rows, ``marked`` were marked by the rule."""

    rows: int = 0
    marked: int = 0


class _Rule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="rule",
):
    """What every rule declares.

    Attributes:
        rows: whether one marked row is a violation (True) or only a note (False).
        max_share: share of marked rows that a batch may show, in [0, 1].
        policy: overrides the field's policy for this rule.
        evidence: what learning saw.
    """

    rows: bool = True
    max_share: float = 0.0
    policy: Policy | None = None
    evidence: Evidence = Evidence()


class NullRule(_Rule, frozen=True, kw_only=True, tag="null"):
    """Marks null, NaN and absent values. Code ``null``."""


class TypeRule(_Rule, frozen=True, kw_only=True, tag="type"):
    """Marks values that are not of the field's kind (after nulls). Code ``type``.

    numeric: int or float, not bool; integer: int, or a float without fraction; boolean: bool;
    categorical, text: str (categorical also int or bool when the categories are);
    time: datetime, date or ISO-8601 text; id: str or int; list: a list of numbers.
    Infinite floats are marked.
    """


class RangeRule(_Rule, frozen=True, kw_only=True, tag="range"):
    """Marks numbers or times outside [low, high]; None is unbounded. Code ``range``.

    For times, bounds are ISO-8601 texts. A value equal to a known sentinel is not marked.
    """

    low: float | int | str | None = None
    high: float | int | str | None = None


class CategoriesRule(_Rule, frozen=True, kw_only=True, tag="categories"):
    """Marks values not in ``values``. Code ``unseen``."""

    values: tuple[str | int | bool, ...] = ()


class SentinelRule(_Rule, frozen=True, kw_only=True, tag="sentinel"):
    """Marks values that stand for "nothing": -999, 9999, "unknown", 1900-01-01. Code ``sentinel``.

    Values that training itself contained are normal up to ``max_share`` (``rows=False``).
    """

    values: tuple[str | int | float, ...] = ()


class FormatRule(_Rule, frozen=True, kw_only=True, tag="format"):
    """Marks texts that do not match. Code ``format``.

    ``pattern`` is a regular expression of the bounded subset (no back-references, no nested
    unbounded repeats), matched in full; or ``time_format`` is a strptime format.
    """

    pattern: str | None = None
    time_format: str | None = None


class LengthRule(_Rule, frozen=True, kw_only=True, tag="length"):
    """Marks texts or lists whose length is outside [low, high]. Code ``length``."""

    low: int = 0
    high: int | None = None


FieldRule = (
    NullRule | TypeRule | RangeRule | CategoriesRule | SentinelRule | FormatRule | LengthRule
)


class OrderRule(_Rule, frozen=True, kw_only=True, tag="order"):
    """Marks rows where ``left <= right`` does not hold (both present). Code ``order``."""

    left: str
    right: str
    strict: bool = False


class NullTogetherRule(_Rule, frozen=True, kw_only=True, tag="null_together"):
    """Marks rows where some but not all of ``fields`` are null. Code ``null_together``."""

    fields: tuple[str, ...]


class ConstantSumRule(_Rule, frozen=True, kw_only=True, tag="constant_sum"):
    """Marks rows where the fields do not sum to ``total`` +- ``tolerance``. Code ``sum``."""

    fields: tuple[str, ...]
    total: float
    tolerance: float


class DependencyRule(_Rule, frozen=True, kw_only=True, tag="dependency"):
    """Marks rows whose ``determinant`` is known but ``dependent`` differs. Code ``dependency``."""

    determinant: str
    dependent: str
    mapping: tuple[tuple[str | int | bool, str | int | float | bool | None], ...]


CrossRule = OrderRule | NullTogetherRule | ConstantSumRule | DependencyRule


class Field(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One column of the contract.

    Attributes:
        name: the column's name, any text.
        kind: what its values are.
        role: what it is for.
        rules: the rules on single values, in the order they are tried: null, type, then the rest.
            A null value is only tried by ``null``; a value of the wrong type only by ``type``.
        policy: what to do with a row that violates a rule of this field.
        impute: the value training used for nulls (policy ``impute``).
        required: whether the key must be present in a serving row at all; an absent key is a null.
        pii: ``unknown``, ``no`` or ``yes``; values of fields that are not ``no`` never appear in
            logs, reports or error texts.
        note: free text of a reviewer.
    """

    name: str
    kind: Kind
    role: Role = Role.FEATURE
    rules: tuple[FieldRule, ...] = ()
    policy: Policy = Policy.ALLOW
    impute: str | int | float | bool | None = None
    required: bool = True
    pii: str = "unknown"
    note: str = ""


class ContractData(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A whole contract as data; `holdfast.contracts.Contract` wraps it.

    Attributes:
        version: format version of this document.
        name: name of the contract.
        rows: rows it was learned from.
        fields: every column, in table order.
        cross: rules over several fields.
        cross_policy: what to do with a row that violates a cross-field rule.
        unknown_fields: ``allow`` (kept, not looked at) or ``reject`` keys the contract lacks.
    """

    version: int = FORMAT_VERSION
    name: str = ""
    rows: int = 0
    fields: tuple[Field, ...] = ()
    cross: tuple[CrossRule, ...] = ()
    cross_policy: Policy = Policy.ALLOW
    unknown_fields: Policy = Policy.ALLOW


class Violation(msgspec.Struct, frozen=True, array_like=True):
    """One mark that the guard set on one row.

    Attributes:
        field: name of the field (for cross-field rules the first field concerned).
        code: the rule's code: null, type, range, unseen, sentinel, format, length, order,
            null_together, sum, dependency, unknown_field.
        policy: what was done about it.
        note: True when the mark is only a note (the row itself is fine).
        got: the offending value as short text; empty when the field may hold personal data.
    """

    field: str
    code: str
    policy: Policy
    note: bool = False
    got: str = ""


class Outcome(enum.StrEnum):
    """The answer's verdict, best first."""

    OK = "ok"
    DEGRADED = "degraded"
    ABSTAINED = "abstained"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True):
    """What the guard says of one row.

    Attributes:
        outcome: ok, degraded (imputed, clipped or to be answered by a fallback), abstained,
            rejected.
        values: the row to predict from: the caller's own dict where nothing was repaired, else a
            repaired copy. The caller's dict is never modified.
        violations: every mark, in field order; empty for a clean row.
        missing: fields that a fallback model must do without.
    """

    outcome: Outcome
    values: dict[str, Any]
    violations: tuple[Violation, ...] = ()
    missing: tuple[str, ...] = ()
