"""Why a prediction came out as it did: release, lineage, guard, label, and incidents known then."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.diagnosis.incidents import KINDS as INCIDENT_KINDS
from holdfast.diagnosis.incidents import fold
from holdfast.diagnosis.quarantine import range_of
from holdfast.errors import ReleaseError, UsageError
from holdfast.records import IncidentStatus
from holdfast.releases.bundle import verify
from holdfast.releases.lifecycle.fold import KINDS as MOVE_KINDS
from holdfast.releases.lineage import environment_hash
from holdfast.storage import labels

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from holdfast.app.home import Home
    from holdfast.storage import ControlEvent


class Known(enum.StrEnum):
    """When an incident was known, seen from a prediction."""

    OPEN = "open then"
    LATER = "found later"
    CLOSED = "closed before"


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that concerns a prediction.

    Attributes:
        id, kind, sentence: which incident; as it was told then for one open then, else as now.
        known: whether it was open when the prediction was answered, found later, or over.
        opened_at, closed_at: as known now, microseconds since 1970 (UTC); None while open.
        spoiled: whether the incident, as known now, spoiled this row.
    """

    id: str
    kind: str
    sentence: str
    known: Known
    opened_at: int
    closed_at: int | None
    spoiled: bool


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The release that answered, and what it came from.

    Attributes:
        id: of the release; None where nothing answered.
        stage: its stage when it answered; None where no move of it was told by then.
        champion_since: when it had become champion, microseconds since 1970 (UTC); None where it
            was not champion then, or where no move tells since when.
        data: table → sha256 of its content.
        code: sha256 of the code that trained it; None where none was given.
        environment: sha256 of the packages at build time (`environment_hash`).
        unknown: why the last three could not be told; empty where they could.
    """

    id: str | None
    stage: str | None = None
    champion_since: int | None = None
    data: dict[str, str] = {}
    code: str | None = None
    environment: str | None = None
    unknown: str = ""


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard did with the row.

    Attributes:
        verdict: ``ok``, ``degraded``, ``abstained``, ``rejected``, or None where it is not logged.
        repaired: fields imputed or clipped; those of a row that was answered.
        refused: fields that broke a rule in a row that was not answered; the contract says which
            of these rules refuse.
        fallback: fields that a fallback did without.
        noted: fields marked but allowed.
    """

    verdict: str | None
    repaired: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


#: what is told as the log has it
_AS_LOGGED = (
    "id", "model", "at", "received", "source", "score", "decision", "explored", "propensity",
)  # fmt: skip


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One logged prediction and everything that it came from.

    Attributes:
        id, model: of the prediction.
        at, received: event time, and when it was answered, microseconds since 1970 (UTC).
        source: where the row came from.
        score, decision: the answer; None where it was refused.
        explored: whether the decision is not the model's but was drawn; None where nothing is.
        propensity: probability with which this decision was given; None where it was not logged.
        label: what came to be known, a JSON scalar as text; the one known last. None for not yet.
        label_known_at: since when, microseconds since 1970 (UTC).
        contract: id of the contract that the row was checked by.
        release: the release that answered.
        guard: what the guard did.
        incidents: those open then, and those whose time covers the row.
    """

    id: str
    model: str
    at: int
    received: int
    source: str | None
    score: float | None
    decision: str | None
    explored: bool | None
    propensity: float | None
    label: str | None
    label_known_at: int | None
    contract: str | None
    release: Origin
    guard: Guard
    incidents: tuple[Concern, ...]


def why(home: Home, id: str, model: str | None = None) -> list[Why]:  # noqa: A002 - as the column
    """Every logged prediction of an id, the first answered first.

    Args:
        home: the open store.
        id: id of the prediction.
        model: only of this model; None: of every model.

    Raises:
        UsageError: no prediction has this id, or there is no such model
            (``HF-E-USAGE-PREDICTION`` for the id).
    """
    name = None if model is None else home.model(model)
    # bytes of the command line that are no UTF-8 cannot be an id
    known = id.isascii() or id.encode(errors="ignore").decode() == id
    rows = home.store.predictions.find(id, name) if known else None
    if rows is None or not rows.num_rows:
        raise UsageError(
            "no prediction has this id",
            code="HF-E-USAGE-PREDICTION",
            expected="the whole id of a prediction that is still in the log",
            got=f"id={ascii(id)[:80]}, store={str(home.path)!r}",
            remedy="take the `id` from the answer or the log; see --store, --model and retain_days",
        )
    rows = labels.join(rows.sort_by("received"), home.store.labels.find(id, name), "last")
    return [_told(home, rows.slice(place, 1)) for place in range(rows.num_rows)]


def _told(home: Home, row: pa.Table) -> Why:
    import pyarrow as pa

    for place, field in enumerate(row.schema):
        if pa.types.is_timestamp(field.type):
            row = row.set_column(place, field.name, row.column(place).cast(pa.int64()))
    said: dict[str, Any] = row.to_pylist()[0]
    return Why(
        **{name: said[name] for name in _AS_LOGGED},
        label=said["label"],
        label_known_at=said["label_known_at"],
        contract=said["contract"],
        release=_origin(home, said["model"], said["release"], said["received"]),
        guard=guard_of(said["verdict"], said["fallback"], said["marks"] or ()),
        incidents=_concerns(home, row, said["model"], said["received"]),
    )


def guard_of(verdict: str | None, fallback: str | None, marks: Sequence[str]) -> Guard:
    """What the guard did, from what the log keeps of it.

    Args:
        verdict: as logged.
        fallback: comma-joined fields that a fallback did without.
        marks: ``field:code``, notes with ``~`` in front.

    Example:
        >>> guard = guard_of("degraded", "Job", ["Job:null", "Age:range", "~Income:null"])
        >>> guard.repaired, guard.fallback, guard.noted
        (('Age',), ('Job',), ('Income',))
    """
    without = tuple(filter(None, (fallback or "").split(",")))
    broken = _fields(mark for mark in marks if not mark.startswith("~"))
    answered = verdict not in ("abstained", "rejected")
    return Guard(
        verdict=verdict,
        repaired=tuple(f for f in broken if f not in without) if answered else (),
        refused=() if answered else broken,
        fallback=without,
        noted=_fields(mark[1:] for mark in marks if mark.startswith("~")),
    )


def _fields(marks: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mark.rpartition(":")[0] for mark in marks))


def _origin(home: Home, model: str, release: str | None, then: int) -> Origin:
    if release is None:
        return Origin(id=None, unknown="no release is logged for this prediction")
    before = any(m.event == 0 and m.release == release for m in home.store.lifecycle.moves(model))
    events = home.store.control.events(model, list(MOVE_KINDS))
    stage, since = stage_then(events, release, then, "champion" if before else None)
    folder: Path = home.registry.directory / release
    try:
        manifest = verify(folder, release)[1]
    except ReleaseError as error:
        return Origin(id=release, stage=stage, champion_since=since, unknown=error.message)
    return Origin(
        id=release,
        stage=stage,
        champion_since=since,
        data=dict(manifest.data),
        code=manifest.code,
        environment=environment_hash(manifest.environment),
    )


def stage_then(
    events: Sequence[ControlEvent], release: str, then: int, stage: str | None = None
) -> tuple[str | None, int | None]:
    """The stage of a release at a time, and since when it was champion.

    Args:
        events: the moves of its model, ``lifecycle.*``, in their order.
        release: id of the release.
        then: microseconds since 1970 (UTC); a move at this very time counts.
        stage: where it stood before there was a lifecycle.

    Returns:
        The stage, or None before its first move; when it became champion, or None where it was
        not champion or no move tells.
    """
    since = None
    for event in events:
        if event.at > then:
            continue
        for moved, to in event.payload["stages"]:
            if moved == release:
                stage, since = to, event.at if to == "champion" else None
    return stage, since


def _concerns(home: Home, row: pa.Table, model: str, then: int) -> tuple[Concern, ...]:
    events = home.store.control.events(model, list(INCIDENT_KINDS))
    past = {incident.id: incident for incident in fold(e for e in events if e.at <= then)}
    (at,) = row.column("at").to_pylist()
    found = []
    for now in fold(events):
        before = past.get(now.id)
        span = range_of(now)
        covers = span.since <= at and (span.until is None or at < span.until)
        if before is not None and before.status is IncidentStatus.OPEN:
            known, told = Known.OPEN, before
        elif not covers:
            continue
        elif before is None or any(back > then for back in now.reopened):
            known, told = Known.LATER, now
        else:
            known, told = Known.CLOSED, now
        found.append(
            Concern(
                id=now.id,
                kind=told.kind,
                sentence=told.sentence,
                known=known,
                opened_at=now.opened_at,
                closed_at=now.closed_at,
                spoiled=bool(span.holds(row)[0]),
            )
        )
    return tuple(found)
