"""Which notices are due: one an incident, one a storm, never more than a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.diagnosis.storms import Storm, storms
from holdfast.records import Incident

#: notices in an hour, over all models
PER_HOUR = 12
HOUR = 3_600_000_000


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message for people.

    Attributes:
        key: the same message always has the same key.
        text: what it says.
        incidents: ids of the incidents it stands for.
        model: the model concerned; empty for several.
    """

    key: str
    text: str
    incidents: tuple[str, ...]
    model: str = ""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that went out.

    Attributes:
        at: when, microseconds since 1970 (UTC).
        key: of the notice.
        names: what it announced: ``id`` of an incident, or ``id/episode`` after a return.
    """

    at: int
    key: str
    names: tuple[str, ...]


def announced_as(incident: Incident) -> str:
    """What a notice about an incident announces: a return is news again."""
    return f"{incident.id}/{incident.episode}" if incident.episode else incident.id


def due(
    incidents: Iterable[Incident],
    sent: Sequence[Sent],
    now: int,
    *,
    per_hour: int = PER_HOUR,
) -> list[tuple[Notice, tuple[str, ...]]]:
    """Notices to send now, each with the names it announces.

    An incident is announced once, and once more when it comes back; muted and closed ones are
    not. Incidents of a storm are announced by one notice for all, renewed only when their number
    reaches ten, a hundred and so on. When `per_hour` notices went out within the last hour, the
    rest waits; the last one allowed stands for all that are left.

    Args:
        incidents: as they are now.
        sent: notices that went out before.
        now: microseconds since 1970 (UTC).
        per_hour: notices within any hour, 1 or more.
    """
    standing = [i for i in incidents if i.standing(now)]
    told = {name for s in sent for name in s.names}
    keys = {s.key for s in sent}
    room = per_hour - sum(s.at > now - HOUR for s in sent)
    found: list[tuple[Notice, tuple[str, ...]]] = []
    stormy: set[str] = set()
    by_id = {i.id: i for i in standing}
    for storm in storms(standing):
        stormy |= set(storm.incidents)
        key = _key(storm)
        members = tuple(announced_as(by_id[name]) for name in storm.incidents)
        if key not in keys and not told.issuperset(members):
            model = storm.models[0] if len(storm.models) == 1 else ""
            notice = Notice(key=key, text=storm.sentence, incidents=storm.incidents, model=model)
            found.append((notice, members))
    for incident in standing:
        name = announced_as(incident)
        if incident.id not in stormy and name not in told:
            notice = Notice(
                key=f"notice/{name}",
                text=incident.sentence,
                incidents=(incident.id,),
                model=incident.model,
            )
            found.append((notice, (name,)))
    if len(found) <= room:
        return found
    return [*found[: room - 1], _rest(found[room - 1 :])] if room > 0 else []


def _key(storm: Storm) -> str:
    """Renewed whenever the storm's incidents need another digit to count."""
    return f"{storm.id}/{10 ** (len(str(len(storm.incidents))) - 1)}"


def _rest(
    found: Sequence[tuple[Notice, tuple[str, ...]]],
) -> tuple[Notice, tuple[str, ...]]:
    """One notice that stands for many."""
    if len(found) == 1:
        return found[0]
    first = found[0][0]
    ids = tuple(dict.fromkeys(name for notice, _ in found for name in notice.incidents))
    models = {notice.model for notice, _ in found}
    notice = Notice(
        key=f"{first.key}/rest",
        text=f"{first.text}; and {len(ids) - len(first.incidents)} more: "
        "`holdfast incidents list` shows them",
        incidents=ids,
        model=models.pop() if len(models) == 1 else "",
    )
    return notice, tuple(dict.fromkeys(name for _, names in found for name in names))
