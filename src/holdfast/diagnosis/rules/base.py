"""What a rule of diagnosis is.

A rule looks at the evidence and answers with a cause or None; the first rule of the table in
``rules/__init__.py`` that answers wins. A rule declares the `kind` it can conclude and the codes of
the streams it lives on, so that what did *not* move can be told as ruled out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from holdfast.diagnosis.evidence import Cause, Evidence, Movement
from holdfast.records import Action


class Match(Protocol):
    """The function of a rule."""

    def __call__(self, evidence: Evidence) -> Cause | None:
        """The cause, or None when the evidence does not speak for this rule."""
        ...


class Rule(NamedTuple):
    """One rule: its kind, the codes it lives on, and its function."""

    kind: str
    codes: tuple[str, ...]
    match: Match


def pipeline(
    kind: str, moved: Sequence[Movement], words: str, confidence: float, because: str
) -> Cause:
    """A broken pipeline, to be fixed at its source."""
    return Cause(
        class_="pipeline",
        kind=kind,
        action=Action.FIX_PIPELINE,
        features=features_of(moved),
        words=words,
        confidence=confidence,
        because=because,
    )


def features_of(moved: Sequence[Movement]) -> tuple[str, ...]:
    """The features of some movements, each once, in order."""
    return tuple(dict.fromkeys(m.field for m in moved if m.field))
