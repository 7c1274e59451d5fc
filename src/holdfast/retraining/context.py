"""What the user's training function is called with, in either of its two forms.

``train(table, features, target, positive)`` gets the rows and their columns; ``train(frame,
context)`` gets the rows and a `TrainingContext`, which also says why, from when, and where a run
that was cut short may keep its work.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: tells how far a training is: the step in words, and its share in [0, 1] or None
Progress = Callable[[str, float | None], None]
#: the form all callers use: rows and context in, a trained model out
Train = Callable[[Any, "TrainingContext"], Any]


class TrainingContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a training may know besides its rows.

    Attributes:
        model: name of the model.
        features: columns to learn from; fewer for the model of a fallback.
        target: column to predict.
        positive: label of the class that is scored, or None.
        seed: of everything random.
        start, end: event time of the rows, [start, end) in microseconds since 1970 (UTC); None
            where the rows carry no event time.
        rows: number of rows.
        reason: why it is trained; empty for the first time.
        parent: id of the release that answers now, or None.
        progress: told each step and its share in [0, 1], or None where that is not known.
        checkpoints: a folder for these rows and features alone. What is written there is found
            again when a run that was cut short is repeated.
        weights: weight of each row, 0 or more, where labels are selective and that can be
            corrected (`holdfast.retraining.selecting`); None: all rows count alike.
    """

    model: str
    features: tuple[str, ...]
    target: str
    positive: str | int | bool | None
    seed: int
    start: int | None
    end: int | None
    rows: int
    reason: str
    parent: str | None
    progress: Progress
    checkpoints: Path
    weights: NDArray[np.float64] | None = None


def adapted(function: Callable[..., Any]) -> Train:
    """The user's function as ``train(frame, context)``, whichever form it has.

    A function that can be called with four arguments has the older form, unless it calls its
    second one ``context``; one that can be called with two has the newer form.

    Args:
        function: the user's ``train``.

    Raises:
        ConfigError: it fits neither form.

    Example:
        >>> def train(table, features, target, positive):
        ...     return f"{target} from {features[0]}"
        >>> context = TrainingContext(
        ...     model="loan", features=("age",), target="bad", positive=1, seed=0, start=None,
        ...     end=None, rows=0, reason="", parent=None, progress=print, checkpoints=Path("."))
        >>> adapted(train)([], context)
        'bad from age'
    """
    if takes_context(function):
        return function

    def train(frame: Any, context: TrainingContext) -> Any:
        return function(frame, context.features, context.target, context.positive)

    return train


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether the function has the form ``train(frame, context)``.

    Raises:
        ConfigError: it fits neither form.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    named = list(signature.parameters)[1:2] == ["context"]
    if _fits(signature, 4) and not named:
        return False
    if _fits(signature, 2):
        return True
    raise ConfigError(
        "the function `train` cannot be called",
        expected="train(table, features, target, positive) or train(frame, context)",
        got=f"train{signature}",
    )


def _fits(signature: inspect.Signature, arguments: int) -> bool:
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True
