"""What a rule of diagnosis is.

A rule answers two questions. `match` looks at marks alone and answers with a cause or None; the
first rule of the table in ``rules/__init__.py`` that answers wins. `weigh` looks at the rows since
the change point and answers with suspects: causes, each with the log-likelihood it gains over "all
is as in the reference"; the suspect that explains most wins, whatever the order. A rule declares
the `kind` it can conclude and the codes of the streams it lives on, so that what did *not* move can
be told as ruled out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.attribution import segment
from holdfast.diagnosis.evidence import Cause, Evidence, Movement
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture
from holdfast.records import Action

FloatArray = NDArray[np.float64]


class Suspect(NamedTuple):
    """One explanation of the rows, and how well it does.

    Attributes:
        cause: what it would be (its confidence is set later, against the other suspects).
        nats: log-likelihood gained over "all rows are as in the reference".
        prior: log of how likely such a cause is before looking, its free choices paid for.
        weight: shape (n,), probability that each row is affected; None when the question makes no
            sense (drift touches all rows).
        details: plain numbers behind it, without values of features that may not be shown.
        again: the log ratio that was fitted, on other rows: what explains the rows from before the
            change as well cannot be the change. None where that makes no sense.
        checked: whether what it explains of the rows before has been taken off.
    """

    cause: Cause
    nats: float
    prior: float
    weight: FloatArray | None = None
    details: Mapping[str, Any] = MappingProxyType({})
    again: Callable[[Scene], FloatArray] | None = None
    checked: bool = False

    @property
    def value(self) -> float:
        """What suspects are compared by."""
        return self.nats + self.prior


#: by kind and first column, the best suspect and the scene it was found in
Found = dict[tuple[str, str], tuple[Suspect, Scene]]


class Match(Protocol):
    """Marks alone."""

    def __call__(self, evidence: Evidence) -> Cause | None:
        """The cause, or None when the evidence does not speak for this rule."""
        ...


class Weigh(Protocol):
    """The rows themselves."""

    def __call__(self, scene: Scene) -> list[Suspect]:
        """Every explanation of this kind worth comparing."""
        ...


def no_match(evidence: Evidence) -> Cause | None:
    """For kinds that marks cannot show."""
    return None


def no_suspects(scene: Scene) -> list[Suspect]:
    """For kinds that rows cannot show better than marks."""
    return []


class Rule(NamedTuple):
    """One rule: its kind, the codes it lives on, and its functions.

    `close` rules look at each row closely, which the first `HEAD` rows are enough for; the others
    count, and see all rows.
    """

    kind: str
    codes: tuple[str, ...]
    match: Match = no_match
    weigh: Weigh = no_suspects
    close: bool = False


def pipeline(
    kind: str, moved: Sequence[Movement], words: str, confidence: float, because: str
) -> Cause:
    """A broken pipeline, to be fixed at its source, as marks show it."""
    return broken(kind, features_of(moved), words, because, confidence)


def broken(
    kind: str, features: Sequence[str], words: str, because: str, confidence: float = 0.0
) -> Cause:
    """A broken pipeline, to be fixed at its source."""
    return Cause(
        class_="pipeline",
        kind=kind,
        action=Action.FIX_PIPELINE,
        features=tuple(features),
        words=words,
        confidence=confidence,
        because=because,
    )


def gathered(scene: Scene, found: Mixture, name: str) -> bool:
    """Whether the rows hit in one column share an origin or a category of another."""
    spot = segment(scene.now, found.weight, found.start, (name,))
    return spot is not None and bool(spot.value)


def hit(
    cause: Cause,
    found: Mixture,
    prior: float,
    again: Callable[[Look], FloatArray] | None = None,
    **details: Any,
) -> Suspect:
    """The suspect of a fitted mixture; `again` gives its log ratio for the first guilty column."""
    on_scene = None
    if again is not None:
        name = cause.features[0]
        on_scene = lambda scene: again(scene.looks[name])  # noqa: E731
    return Suspect(cause, found.nats, prior, found.weight, details, on_scene)


def features_of(moved: Sequence[Movement]) -> tuple[str, ...]:
    """The features of some movements, each once, in order."""
    return tuple(dict.fromkeys(m.field for m in moved if m.field))


def amount(value: float) -> str:
    """A number for people.

    >>> amount(1.609344), amount(1000.0), amount(-999.0), amount(0.0254)
    ('1.609', '1,000', '-999', '0.0254')
    """
    if value == round(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.4g}"
