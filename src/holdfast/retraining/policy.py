"""The retraining policy: when a model is trained again, unless what, and what it must show then.

Times are microseconds. Every clause has a default, so an empty policy is a whole one.
"""

from __future__ import annotations

import msgspec

from holdfast.retraining.units import Rate, duration

METRICS = ("log_loss", "brier", "cost", "error")


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """A loss that has risen.

    Attributes:
        min: by which share of the loss that the release was promoted with, above 0.
        confidence: of telling so; false alarms of a stable loss come at most once in
            1 / (1 - confidence) blocks of rows.
        lasting: for how long it must have been so.
    """

    min: float = 0.05
    confidence: float = 0.95
    lasting: int = 0


class When(msgspec.Struct, frozen=True, kw_only=True):
    """What asks for a retraining; each clause by itself.

    Attributes:
        incident: an open incident asks for it, such as a concept drift; not a muted one.
        loss_increase: the realized loss has risen; None: not asked.
        growth: with the rows whose outcome has come since, there are so many times those that the
            champion learned from, above 1; None: not asked.
        schedule: so much time has passed since the last training; None: not asked.
        maturity: outcomes count when the prediction is so old; None: measured, the time within
            which 95 of 100 outcomes came so far.
        recalibrate_first: where only the share of outcomes moved, calibrator and threshold are
            fitted anew before the model is.
    """

    incident: bool = True
    loss_increase: Rise | None = Rise()
    growth: float | None = 1.3
    schedule: int | None = None
    maturity: int | None = None
    recalibrate_first: bool = True


class Unless(msgspec.Struct, frozen=True, kw_only=True):
    """What forbids a retraining, whatever asks for it.

    Attributes:
        open_incident: classes of incidents that forbid it while one is open.
        matured_labels: fewer outcomes than these since the champion was trained.
        cooldown: the last training is not so long ago.
        storm: so many models alarm at once from one source; it also holds a model that gets rows
            from there and does not alarm.
    """

    open_incident: tuple[str, ...] = ("pipeline", "label", "model", "unknown")
    matured_labels: int = 2_000
    cooldown: int = duration("7d")
    storm: int = 3


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be trained.

    Attributes:
        per_model: retrainings of one model within a stretch of time.
        at_once: retrainings of all models that run at the same time.
        attempts: failed retrainings in a row, after which a person is asked.
    """

    per_model: Rate = Rate(1, duration("24h"))
    at_once: int = 3
    attempts: int = 3


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """What a challenger must show against the champion, on the same matured rows.

    Attributes:
        by: how much lower its loss must be, in units of the metric, 0 or more.
        confidence: of telling so however often one looks.
        decide_at: after so many rows the estimate decides, if nothing was told before.
        held_back: so many of the newest rows are left out of a retraining, so that the challenger
            is judged on them at once; 0: it is judged on rows that come later.
        slice_drop: share by which its loss in a slice may be higher.
        slice_support: rows that a slice must have to be judged.
    """

    by: float = 0.0
    confidence: float = 0.95
    decide_at: int = 2_000
    held_back: int = 0
    slice_drop: float = 0.03
    slice_support: int = 200


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage asks for.

    Attributes:
        min: how long at least.
        requests: answers at least.
        max_error_rate: share of them that may fail.
        max_p99: 99th percentile of the time an answer takes; None: not asked.
    """

    min: int
    requests: int
    max_error_rate: float = 0.001
    max_p99: int | None = None


class ShadowStage(Bounds, frozen=True, kw_only=True):
    """What is asked of a shadow."""

    min: int = duration("24h")
    requests: int = 10_000


class CanaryStage(Bounds, frozen=True, kw_only=True):
    """What is asked of a canary at each of its shares.

    Attributes:
        steps: the shares of the requests, rising; empty: from shadow straight to champion.
    """

    min: int = duration("2h")
    requests: int = 500
    steps: tuple[float, ...] = (0.01, 0.05, 0.25)


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """When the standby takes over again.

    Attributes:
        automatic: whether it does where it is told better than the new champion.
        keep_standby: for how long after a promotion this is looked at.
    """

    automatic: bool = True
    keep_standby: int = duration("14d")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The whole policy of one model.

    Attributes:
        automatic: whether what is decided is also done; otherwise it is only told.
        screening: rows that look broken beside those just before them are not learned from.
        metric: the loss that counts: ``log_loss``, ``brier``, ``cost`` or ``error``.
        when, unless, limits, gates, shadow, canary, rollback: the clauses.
    """

    automatic: bool = False
    screening: bool = True
    metric: str = "log_loss"
    when: When = When()
    unless: Unless = Unless()
    limits: Limits = Limits()
    gates: Gates = Gates()
    shadow: ShadowStage = ShadowStage()
    canary: CanaryStage = CanaryStage()
    rollback: Back = Back()
