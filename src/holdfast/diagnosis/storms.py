"""Many incidents at once are told as one storm: one shared cause, or many, but one message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.diagnosis.words import moment
from holdfast.records import Incident, IncidentStatus
from holdfast.reports.naming import clean

#: incidents that follow one another within this belong together (microseconds)
WITHIN = 600_000_000
#: so many of them are a storm ...
AT_LEAST = 5
#: ... or so many, when they all come from one source
FROM_ONE_SOURCE = 3


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents told as one.

    Attributes:
        id: made from the first incident, so it stays while the storm grows.
        since, latest: opening of the first and of the last one, microseconds since 1970 (UTC).
        incidents: their ids, in order of opening.
        models: the models concerned.
        source: ``dimension=value`` that they come from, as far as they tell; or empty.
        sentence: the storm in words.
    """

    id: str
    since: int
    latest: int
    incidents: tuple[str, ...]
    models: tuple[str, ...]
    source: str
    sentence: str


def opened(incident: Incident) -> int:
    """When it was opened, or last came back."""
    return max((incident.opened_at, *incident.reopened))


def origin_of(incident: Incident) -> str:
    """The one place all its rows come from, as ``dimension=value``; empty when there is none.

    Marks tell it as ``origin``, values as the ``segment`` of the affected rows, which may also be
    a category of a column: that is no place.
    """
    evidence = incident.evidence
    origin = evidence.get("origin")
    if origin is None and isinstance(segment := evidence.get("segment"), dict):
        origin = segment if segment.get("dimension") == "source" else None
    if not isinstance(origin, dict) or not origin.get("value"):
        return ""
    if float(origin.get("of_affected", 1.0)) < 0.95:
        return ""
    return f"{origin.get('dimension', 'source')}={clean(str(origin['value']), 64)}"


def storms(
    incidents: Iterable[Incident],
    *,
    within: int = WITHIN,
    at_least: int = AT_LEAST,
    from_one_source: int = FROM_ONE_SOURCE,
) -> list[Storm]:
    """The storms among some incidents, oldest first.

    Open incidents are taken in order of opening; one that opens within `within` of the one before
    joins it. A chain is a storm when it is `at_least` long, or when `from_one_source` of it come
    from one source. The source is named where at least half of the incidents tell it and none tells
    another: on few rows not every model can tell where its own come from.

    Args:
        incidents: of one model or of many, in any order; closed ones are left out.
        within: microseconds.
        at_least: incidents that make a storm whatever they are, 2 or more.
        from_one_source: incidents that make one when they share their source, 2 or more.
    """
    found: list[Storm] = []
    standing = [i for i in incidents if i.status is IncidentStatus.OPEN]
    chain: list[Incident] = []
    for incident in sorted(standing, key=lambda i: (opened(i), i.id)):
        if chain and opened(incident) - opened(chain[-1]) > within:
            found += _storm(chain, at_least, from_one_source)
            chain = []
        chain.append(incident)
    return [*found, *_storm(chain, at_least, from_one_source)]


def _storm(chain: Sequence[Incident], at_least: int, from_one_source: int) -> list[Storm]:
    if not chain:
        return []
    told = [origin for i in chain if (origin := origin_of(i))]
    one = len(set(told)) == 1 and len(told) >= max(from_one_source, len(chain) / 2)
    source = told[0] if one else ""
    if len(chain) < (from_one_source if source else at_least):
        return []
    models = tuple(dict.fromkeys(i.model for i in chain))
    where = f"in {len(models)} models" if len(models) > 1 else f"of model {clean(models[0])}"
    share = "all" if len(told) == len(chain) else f"{len(told)} of them"
    tail = f", {share} from {source}" if source else ""
    return [
        Storm(
            id=f"storm-{chain[0].id}",
            since=opened(chain[0]),
            latest=opened(chain[-1]),
            incidents=tuple(i.id for i in chain),
            models=models,
            source=source,
            sentence=f"{len(chain)} incidents {where} since {moment(opened(chain[0]))}{tail}: "
            "look for one cause upstream",
        )
    ]
