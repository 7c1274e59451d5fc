"""What came of one injected fault, as plain records."""

from __future__ import annotations

import enum

import msgspec


class Reason(enum.StrEnum):
    """Why a fault was missed."""

    NEEDS_LABELS = "needs labels"
    NOT_WATCHED = "not watched"
    MUTED = "muted"
    BELOW_FLOOR = "below the floor"
    TOO_FEW_ROWS = "too few rows"
    UNEXPLAINED = "unexplained"


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Why a fault was missed, and what would make it visible.

    Attributes:
        reason: the reason by name.
        why: the reason in a sentence, with its numbers.
        remedy: what would make it visible.
    """

    reason: Reason
    why: str
    remedy: str


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What serving answers to the affected rows.

    Attributes:
        rows: affected rows asked.
        verdicts: rows by verdict (``ok``, ``degraded``, ``abstained``, ``rejected``).
        flipped: share of the rows that are decided both with and without the fault whose decision
            changes; None where no row can be compared.
        unseen: share of the rows answered ``ok`` (nobody was told) with another decision; None
            like `flipped`.
    """

    rows: int
    verdicts: dict[str, int]
    flipped: float | None = None
    unseen: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """What came of one fault at one severity.

    Attributes:
        fault, severity: which.
        kind, class_: what it is.
        columns: the guilty columns; empty where the fault is in no column.
        note: what was done to them.
        expect: whether an alarm is right.
        rows: rows fed from the onset on.
        affected: share of them that the fault touches.
        caught: whether an incident opened after the onset that does not open without the fault.
        rows_to_alarm: rows from the onset until it opened, the alarming one included.
        by: what raised it, for example ``Job:null``.
        incidents: incidents opened after the onset, on top of those without the fault.
        found_kind, found_class, found_action, found_columns, sentence: its last diagnosis.
        kind_right, culprit_right, action_right: whether that is right; `culprit_right` is None for
            faults in no column, all are None where nothing was caught.
        served: what serving answers meanwhile.
        missed: why it was missed, where an alarm would have been right.
    """

    fault: str
    severity: int
    kind: str
    class_: str
    columns: tuple[str, ...]
    note: str
    expect: bool
    rows: int
    affected: float
    caught: bool
    rows_to_alarm: int | None = None
    by: str = ""
    incidents: int = 0
    found_kind: str = ""
    found_class: str = ""
    found_action: str = ""
    found_columns: tuple[str, ...] = ()
    sentence: str = ""
    kind_right: bool | None = None
    culprit_right: bool | None = None
    action_right: bool | None = None
    served: Served | None = None
    missed: Missed | None = None

    @property
    def named(self) -> bool:
        """Whether it was caught with the right kind and, where there is one, the right column."""
        return bool(self.caught and self.kind_right and self.culprit_right is not False)

    @property
    def gross(self) -> bool:
        """Whether it is a broken pipeline at the highest severity."""
        return self.expect and self.class_ == "pipeline" and self.severity == 3

    @property
    def alarmed(self) -> bool:
        """Whether it raised an alarm that it should not have: anything but "ignore" counts."""
        return not self.expect and self.caught and not self.action_right


class NotApplied(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that does not apply to the rows at hand."""

    fault: str
    severity: int
    why: str


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The same rows without any fault.

    Attributes:
        rows: rows fed.
        incidents: the sentences of the incidents that opened all the same.
    """

    rows: int
    incidents: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether nothing was raised."""
        return not self.incidents
