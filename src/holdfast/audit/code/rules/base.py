"""What a rule of the code scan is, and what the rules share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from holdfast.audit.code.trace import Fit, Part, Reach, Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class Hit(NamedTuple):
    """One place in the code.

    Attributes:
        line: line of the parsed text, counted from 1.
        what: the call, method or class at fault, in the script's own words.
        sentence: what is wrong, to be preceded by the place.
        related: line that completes the story (the split, the score), or 0.
    """

    line: int
    what: str
    sentence: str
    related: int = 0


class Rule(Protocol):
    """One kind of mistake.

    Attributes:
        code: stable identifier.
        severity: how much it usually costs.
        remedy: what to write instead.
    """

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> Severity: ...  # noqa: D102
    @property
    def remedy(self) -> str: ...  # noqa: D102

    def look(self, trace: Trace) -> Iterable[Hit]:
        """Every place where the mistake is made."""
        ...


def before_split(trace: Trace, step: Step) -> list[tuple[Fit, Reach]]:
    """Fits of one step that reached both sides of a split: one for each fit, at its first reach."""
    found: dict[int, tuple[Fit, Reach]] = {}
    for reach in trace.reaches:
        fit = trace.fits[reach.fit]
        if fit.step is step and reach.way != "test":
            found.setdefault(reach.fit, (fit, reach))
    seen: set[tuple[int, str]] = set()
    first = []
    for fit, reach in found.values():
        if (fit.line, fit.name) not in seen:
            seen.add((fit.line, fit.name))
            first.append((fit, reach))
    return first


def how(reach: Reach) -> str:
    """How what was learned reached the other side, for a sentence."""
    return {
        "split": "the rows are split into training and test only afterwards",
        "folds": "the rows are cut into folds only afterwards",
        "cv": "cross-validation follows on the rows it has changed",
        "apply": "the rows of a split are then transformed with it",
    }[reach.way]


def held_out(parts: Iterable[Part], sides: Iterable[str] = ("test",)) -> list[Part]:
    """The parts that a split keeps for testing."""
    wanted = set(sides)
    return [part for part in parts if part.side in wanted]
