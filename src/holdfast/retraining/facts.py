"""What a decision about retraining rests on, as plain records."""

from __future__ import annotations

import msgspec


class LossSignal(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a champion's loss.

    Attributes:
        estimate: mean loss since the estimated change, in units of the metric.
        low, high: its interval, valid however often one looks.
        baseline: the loss it is held against.
        risen: whether it has risen by more than the policy allows; None: could not be told.
        since: when it began, event time in microseconds since 1970 (UTC); None without a rise.
        rows: judged rows behind it.
        source: ``realized`` for matured outcomes.
        why: why it could not be told; empty where it could.
    """

    estimate: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    risen: bool | None = None
    since: int | None = None
    rows: int = 0
    source: str = "realized"
    why: str = ""


class OpenIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that is open now.

    Attributes:
        id: of it, with its episode where it came back.
        class_, kind: what it is.
        sentence: the incident in words.
        asks: ``retrain`` or ``recalibrate`` where that is its action and nobody muted it; else
            empty.
    """

    id: str
    class_: str
    kind: str
    sentence: str
    asks: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides.

    Attributes:
        model: name of the model.
        now: microseconds since 1970 (UTC).
        champion: id of the release that answers; None: there is none.
        trained_at: when it was added, microseconds since 1970 (UTC).
        trained_rows: rows it learned from.
        matured: rows whose outcome has come since then.
        retrains: times of the model's finished retrainings.
        running: retrainings of all models that run now.
        failed: retrainings of this champion that failed since the last one that did not.
        incidents: those of this model that are open.
        storms: sources from which several models alarm, with how many; this model is among them
            or gets rows from there.
        frozen: scopes of freezes that hold the model.
        loss: what is known of the champion's loss; None: nothing.
        challenger: id of a release that is being tried; None: none is.
    """

    model: str
    now: int
    champion: str | None
    trained_at: int = 0
    trained_rows: int = 0
    matured: int = 0
    retrains: tuple[int, ...] = ()
    running: int = 0
    failed: int = 0
    incidents: tuple[OpenIncident, ...] = ()
    storms: dict[str, int] = {}
    frozen: tuple[str, ...] = ()
    loss: LossSignal | None = None
    challenger: str | None = None
