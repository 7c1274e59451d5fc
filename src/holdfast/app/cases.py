"""Incidents of a store as people deal with them: decide, set rows aside, switch a field off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.diagnosis.decisions import Verb, decide, reason_of
from holdfast.diagnosis.incidents import KINDS as INCIDENT_KINDS
from holdfast.diagnosis.incidents import Ledger, Moment
from holdfast.diagnosis.spoiling import spoiled_until
from holdfast.errors import UsageError
from holdfast.monitoring.actions import KINDS, Deeds, Step, by_hand, ending, quarantine, switch
from holdfast.monitoring.record import Written
from holdfast.records import Incident
from holdfast.storage.training import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.storage import Store


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One incident with all that happened to it.

    Attributes:
        incident: as it is now.
        history: what happened, oldest first.
        off: fields that it holds switched off.
        aside: whether its rows are set aside.
    """

    incident: Incident
    history: tuple[Moment, ...]
    off: tuple[str, ...] = ()
    aside: bool = False


def as_plain(case: Case, now: int) -> dict[str, Any]:
    """A case as plain data: the incident's fields, its state now, and what is in force."""
    return listed(case.incident, now) | {
        "history": [msgspec.to_builtins(m) | {"what": m.what} for m in case.history],
        "switched_off": list(case.off),
        "quarantined": case.aside,
    }


def listed(incident: Incident, now: int) -> dict[str, Any]:
    """An incident as plain data, with its state now and whether it wants attention."""
    plain: dict[str, Any] = msgspec.to_builtins(incident)
    return plain | {"state": incident.state(now).value, "standing": incident.standing(now)}


class StoreCases:
    """The incidents of a store for the server: plain data in and out.

    Args:
        store: open for writing.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def listed(self, model: str | None) -> list[dict[str, Any]]:
        """Incidents of a model or of all, newest first."""
        now = self._clock()
        return [listed(i, now) for i in incidents(self._store, model)]

    def records(self) -> list[Incident]:
        """Every incident, newest first."""
        return incidents(self._store)

    def shown(self, name: str) -> dict[str, Any] | None:
        """One incident by its full id, with its history; None when there is none."""
        found = Deeds(self._store.control.events(kinds=list(KINDS)))
        if not any(i.id == name for i in found.ledger.incidents):
            return None
        return as_plain(_case(found, name), self._clock())

    def decide(
        self, name: str, verb: str, *, reason: str, by: str, until: int | None
    ) -> dict[str, Any]:
        """Keep a person's decision; gives the incident afterwards."""
        now = self._clock()
        done = act(self._store, name, Verb(verb), reason=reason, by=by, at=now, until=until)
        return as_plain(done, now)


def incidents(store: Store, model: str | None = None) -> list[Incident]:
    """Incidents of a model or of all, the newest first."""
    found = Ledger(store.control.events(model, list(INCIDENT_KINDS))).incidents
    return sorted(found, key=lambda i: (i.opened_at, i.id), reverse=True)


def case(store: Store, name: str) -> Case:
    """One incident with its history.

    Raises:
        UsageError: no incident or several begin with `name`.
    """
    return _case(Deeds(store.control.events(kinds=list(KINDS))), name)


def _case(deeds: Deeds, name: str) -> Case:
    found = deeds.ledger.get(name)
    if found is None:
        fits = [i for i in deeds.ledger.incidents if name and i.id.startswith(name)]
        if len(fits) != 1:
            raise UsageError(
                "this beginning fits several incidents" if fits else "there is no such incident",
                code="HF-E-USAGE-INCIDENT",
                expected="the id of one incident",
                got=f"incident={name[:80]!r}",
                remedy="`holdfast incidents list --all` shows their ids",
            )
        found = fits[0]
    return Case(
        incident=found,
        history=tuple(deeds.ledger.histories.get(found.id, ())),
        off=tuple(field for _, field in deeds.switches.by(found.id)),
        aside=any(incident == found.id for incident, _ in deeds.aside),
    )


def act(
    store: Store,
    name: str,
    verb: Verb,
    *,
    reason: str,
    by: str,
    at: int,
    until: int | None = None,
) -> Case:
    """Keeps a person's decision, and undoes what was done about an incident that it closes.

    Args:
        store: open for writing.
        name: id of the incident, or the beginning of it.
        verb: what to do.
        reason: why.
        by: who.
        at: when, microseconds since 1970 (UTC).
        until: end of a mute, same unit; None mutes until the cause changes.

    Raises:
        UsageError: no such incident, no reason, or it is in no state for this.
    """
    with store.transaction():
        deeds = Deeds(store.control.events(kinds=list(KINDS)))
        incident = _case(deeds, name).incident
        kind, payload = decide(incident, verb, reason=reason, by=by, at=at, until=until)
        _append(store, deeds, Step(kind, incident.model, payload, None), at)
        after = _case(deeds, incident.id).incident
        for step in ending(after, deeds):
            _append(store, deeds, by_hand(step, by=by, reason=reason_of(reason)), at)
        _settle(store, after, verb, reason=reason, by=by, at=at)
    return _case(deeds, incident.id)


def _settle(store: Store, after: Incident, verb: Verb, *, reason: str, by: str, at: int) -> None:
    """What a person's decision says of the rows that nothing may learn from.

    Accepted rows are normal. A resolved incident ends there, and its rows stay spoiled; reopened,
    it goes on.
    """
    if verb is Verb.ACCEPT:
        store.training.clear(after.model, after.id, at=at, by=by, reason=reason)
        return
    for row in store.training.spoiled(after.model):
        if (row.incident, row.episode) == (after.id, after.episode) and row.standing:
            interval = Interval(row.interval.since, spoiled_until(after))
            store.training.spoil(
                after.model, after.id, interval, at=at, episode=after.episode, text=after.sentence
            )


def set_rows_aside(store: Store, name: str, *, reason: str, by: str, at: int) -> Case:
    """Quarantines the rows of an incident by hand."""
    with store.transaction():
        deeds = Deeds(store.control.events(kinds=list(KINDS)))
        found = _case(deeds, name)
        if found.aside:
            raise UsageError(
                "the rows of this incident are set aside already", got=found.incident.id
            )
        step = by_hand(quarantine(found.incident), by=by, reason=reason_of(reason))
        _append(store, deeds, step, at)
    return _case(deeds, found.incident.id)


def switch_fields(
    store: Store,
    name: str,
    fields: Sequence[str],
    *,
    off: bool,
    reason: str,
    by: str,
    at: int,
) -> Case:
    """Lets the fallback answer instead of some fields (`off`), or lets them count again.

    Args:
        store: open for writing.
        name: the incident that is the reason.
        fields: the fields; empty: those the incident names, or the ones it holds off.
        off: whether they are to be switched off.
        reason: why.
        by: who.
        at: when, microseconds since 1970 (UTC).
    """
    with store.transaction():
        deeds = Deeds(store.control.events(kinds=list(KINDS)))
        found = _case(deeds, name)
        chosen = tuple(fields) or (found.incident.features if off else found.off)
        wrong = [f for f in chosen if (f in found.off) is off]
        if not chosen or wrong:
            raise UsageError(
                "there is nothing to switch" if not chosen else "this is so already",
                expected="fields that are on" if off else "fields that this incident holds off",
                got=f"fields={list(wrong or chosen)}",
                remedy="name them with --field",
            )
        for field in chosen:
            step = switch(found.incident, field, on=off, by=by, reason=reason_of(reason))
            _append(store, deeds, step, at)
    return _case(deeds, found.incident.id)


def _append(store: Store, deeds: Deeds, step: Step, at: int) -> None:
    seq = store.control.append(step.kind, step.model, step.payload, at=at, key=step.key)
    deeds.apply(Written(seq, at, step.kind, step.model, step.payload))
