"""What retraining would be worth, told before it is paid for."""

from __future__ import annotations

import enum

import msgspec
import numpy as np

from holdfast.evaluation.losses import Floats
from holdfast.retraining.windows import interval


class Answer(enum.StrEnum):
    """Whether retraining is worth it."""

    WORTH_IT = "worth_it"
    WOULD_NOT_HELP = "would_not_help"
    COULD_NOT_TELL = "could_not_tell"


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What the model would be after retraining, on rows that neither has seen.

    Attributes:
        answer: whether it is worth it.
        rows: rows behind it.
        now, then: mean loss of the champion, and of the model as it would be.
        gain: their difference; None without rows.
        low, high: its interval.
        sentences: all that in words.
    """

    answer: Answer
    rows: int
    now: float | None = None
    then: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    sentences: tuple[str, ...]


def worth(
    champion: Floats,
    retrained: Floats,
    *,
    metric: str,
    rows_per_day: float | None = None,
    days: float = 30.0,
) -> Worth:
    """Compares the champion with the model as it would be, on the rows held back.

    Args:
        champion: losses of each row, shape (n,), in order of time; NaN where it did not answer.
        retrained: the same of the model trained on the window chosen, without these rows.
        metric: what the losses are.
        rows_per_day: traffic; with it the gain is also told for so many days.
        days: for how long.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> now = rng.random(1000) + 0.2
        >>> found = worth(now, now - 0.1, metric="cost", rows_per_day=100)
        >>> found.answer.value, round(found.gain, 2)
        ('worth_it', 0.1)
        >>> worth(now, now + 0.1, metric="cost").answer.value
        'would_not_help'
        >>> worth(now[:5], now[:5], metric="cost").answer.value
        'could_not_tell'
    """
    both = np.isfinite(champion) & np.isfinite(retrained)
    rows = int(both.sum())
    gain = (champion - retrained)[both]
    low, high = interval(gain)
    if rows == 0 or not np.isfinite(low):
        told = f"what retraining would be worth could not be told: {rows} rows to judge on"
        return Worth(answer=Answer.COULD_NOT_TELL, rows=rows, sentences=(told,))
    mean = float(gain.mean())
    now, then = float(champion[both].mean()), float(retrained[both].mean())
    answer = Answer.WORTH_IT if low > 0 else Answer.COULD_NOT_TELL
    if high <= 0:
        answer = Answer.WOULD_NOT_HELP
    said = [
        f"{metric} {now:.4g} now, {then:.4g} after retraining, on {rows:,} rows that neither saw "
        f"(gain {mean:.4g}, between {low:.4g} and {high:.4g})"
    ]
    if rows_per_day is not None:
        scale = rows_per_day * days
        said.append(
            f"over {days:g} days of {rows_per_day:,.0f} rows a day: a gain of {mean * scale:,.4g}, "
            f"between {low * scale:,.4g} and {high * scale:,.4g}"
        )
    if answer is Answer.WOULD_NOT_HELP:
        said.append("retraining would not help: the rows do not hold a better model")
    return Worth(
        answer=answer, rows=rows, now=now, then=then, gain=mean, low=low, high=high,
        sentences=tuple(said),
    )  # fmt: skip
