"""The facts that a decision about retraining rests on, from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.app.cases import incidents
from holdfast.app.retrain_key import FINISHED, LEASE, REJECTED
from holdfast.diagnosis.storms import storms
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.releases.lifecycle import Lifecycle, Stage
from holdfast.reports.naming import clean
from holdfast.retraining.facts import Facts, LossSignal, OpenIncident

if TYPE_CHECKING:
    from holdfast.diagnosis.storms import Storm
    from holdfast.releases.lifecycle import State
    from holdfast.storage import Store

_ASKS = {Action.RETRAIN: "retrain", Action.RECALIBRATE: "recalibrate"}


def facts(store: Store, model: str, now: int, *, matured: int, loss: LossSignal | None) -> Facts:
    """What is known of a model now.

    Args:
        store: an open store.
        model: name of the model.
        now: microseconds since 1970 (UTC).
        matured: rows whose outcome has come since the champion was trained.
        loss: what is known of its loss.
    """
    champion = store.catalog.champion(model)
    state = Lifecycle(store, model).state()
    everything = incidents(store)
    done = store.control.events(model, [FINISHED, REJECTED])
    row = next(
        (r for r in store.catalog.releases(model) if champion and r.id == champion.release), None
    )
    return Facts(
        model=model,
        now=now,
        champion=champion.release if champion else None,
        trained_at=row.added_at if row else 0,
        trained_rows=(store.training.rows(model, row.id) or 0) if row else 0,
        matured=matured,
        retrains=tuple(event.at for event in done if event.kind == FINISHED),
        running=len(store.catalog.held_leases(LEASE, now)),
        failed=_failed([event.kind for event in done]),
        incidents=tuple(
            _told(i, now)
            for i in everything
            if i.model == model and i.status is IncidentStatus.OPEN
        ),
        storms={
            storm.source or "no one source": len(storm.models)
            for storm in storms(everything)
            if model in storm.models or fed_by(store, model, storm)
        },
        frozen=state.frozen,
        loss=loss,
        challenger=challenger(store, model, state),
    )


def fed_by(store: Store, model: str, storm: Storm) -> bool:
    """Whether a model gets rows from the source of a storm, since it began: it may alarm next.

    Args:
        store: an open store.
        model: name of the model.
        storm: one that names its source, or another.
    """
    dimension, _, value = storm.source.partition("=")
    if dimension != "source":
        return False
    rows = store.predictions.read(model=model, since=storm.since, columns=["source"])
    return any(
        clean(name, 64) == value for name in rows.column("source").unique().to_pylist() if name
    )


def challenger(store: Store, model: str, state: State) -> str | None:
    """The release that is being tried: in canary, in shadow, or made by a retraining and waiting.

    Args:
        store: an open store.
        model: name of the model.
        state: of its lifecycle.
    """
    for stage in (Stage.CANARY, Stage.SHADOW):
        found = [release for release, at in state.stages.items() if at is stage]
        if found:
            return found[-1]
    champion = state.holder(Stage.CHAMPION)
    for event in reversed(store.control.events(model, [FINISHED])):
        release, parent = event.payload["release"], event.payload["parent"]
        waits = state.stage(release) in (Stage.CANDIDATE, Stage.AUDITED)
        if waits and parent == champion and store.catalog.gate(model, release) != "failed":
            return str(release)
    return None


def _told(incident: Incident, now: int) -> OpenIncident:
    name = f"{incident.id}/{incident.episode}" if incident.episode else incident.id
    asks = _ASKS.get(incident.action, "") if incident.standing(now) else ""
    return OpenIncident(
        id=name,
        class_=incident.class_,
        kind=incident.kind,
        sentence=incident.sentence,
        asks=asks,
    )


def _failed(kinds: list[str]) -> int:
    """Rejections since the last retraining that was finished.

    >>> _failed([REJECTED, FINISHED, REJECTED, REJECTED])
    2
    """
    last = max((i for i, kind in enumerate(kinds) if kind == FINISHED), default=-1)
    return len(kinds) - 1 - last
