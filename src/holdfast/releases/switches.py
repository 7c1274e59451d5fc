"""Fields that are switched off while they are broken: their fallback answers, whatever arrives.

``field.fallback`` (control event): ``{"field", "on", "incident", "by", "reason", "text"}``. A
field stays off as long as one incident holds it off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from holdfast.contracts.model import Outcome, Policy, Verdict, Violation
from holdfast.releases.answer import Answer

SWITCHED = "field.fallback"
#: code of the mark on every row answered without a field that was switched off
CODE = "switched_off"

_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Event(Protocol):
    """A control event, as far as the fold needs it."""

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def model(self) -> str:
        """Of which model."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """Plain data."""
        ...


class Switches(msgspec.Struct, frozen=True):
    """Who holds which field off: model → field → ids of incidents."""

    held: dict[str, dict[str, tuple[str, ...]]] = {}

    def after(self, events: Iterable[Event]) -> Switches:
        """The same after some more control events; those of other kinds change nothing.

        Example:
            >>> from types import SimpleNamespace as E
            >>> off = E(kind="field.fallback", model="loan",
            ...     payload={"field": "Job", "on": True, "incident": "i1"})
            >>> Switches().after([off]).off()
            {'loan': ('Job',)}
        """
        held = {model: dict(fields) for model, fields in self.held.items()}
        for event in events:
            if event.kind != SWITCHED:
                continue
            field = str(event.payload.get("field", ""))
            incident = str(event.payload.get("incident", ""))
            fields = held.setdefault(event.model, {})
            rest = tuple(i for i in fields.get(field, ()) if i != incident)
            fields[field] = (*rest, incident) if event.payload.get("on") else rest
        return Switches({m: {f: i for f, i in fields.items() if i} for m, fields in held.items()})

    def off(self) -> dict[str, tuple[str, ...]]:
        """Model → its fields that are off, in order of name."""
        return {model: tuple(sorted(fields)) for model, fields in self.held.items() if fields}

    def by(self, incident: str) -> list[tuple[str, str]]:
        """Model and field of everything an incident holds off."""
        return [
            (model, field)
            for model, fields in self.held.items()
            for field, holders in fields.items()
            if incident in holders
        ]


class _Scorer(Protocol):
    guard: Any

    def answer_verdicts(self, verdicts: Sequence[Verdict]) -> Sequence[Answer]: ...


class SwitchedScorer:
    """A release's scorer while some fields are off.

    The guard's marks stay those of the row as it came, so that monitoring sees the recovery. The
    answer is that of a row in which the fields are missing and allowed to be: a fallback, with
    verdict ``degraded``, or ``abstained`` where no fallback covers them.

    Args:
        scorer: the scorer of the release.
        guard: the release's guard without rules for these fields.
        fields: the fields.
    """

    def __init__(self, scorer: Any, guard: Any, fields: Sequence[str]) -> None:
        self._scorer: _Scorer = scorer
        self._guard = guard
        self.fields = tuple(fields)
        self._hidden = frozenset(fields)
        self._notes = tuple(Violation(f, CODE, Policy.FALLBACK) for f in fields)

    def check(self, rows: Sequence[dict[str, Any]]) -> list[Verdict]:
        """The guard's verdicts, for predictions made elsewhere: no switch reaches those."""
        verdicts: list[Verdict] = self._scorer.guard.batch(rows)
        return verdicts

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        """One answer for each row."""
        marked = self._scorer.guard.batch(rows)
        hidden = self._hidden
        judged = self._guard.batch(
            [{name: v for name, v in row.items() if name not in hidden} for row in rows]
        )
        verdicts = [
            Verdict(
                max(verdict.outcome, Outcome.DEGRADED, key=_RANK.__getitem__),
                verdict.values,
                (*seen.violations, *self._notes),
                tuple(dict.fromkeys((*verdict.missing, *self.fields))),
            )
            for seen, verdict in zip(marked, judged, strict=True)
        ]
        return list(self._scorer.answer_verdicts(verdicts))
