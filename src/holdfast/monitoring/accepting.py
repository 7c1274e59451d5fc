"""An incident taken as normal: each detector of its streams is given the rows since the onset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from holdfast.detection.base import Block, Detector, Event
from holdfast.monitoring.ring import Ring
from holdfast.monitoring.state import AcceptedChange, OpenIncident


def accepted(
    case: OpenIncident,
    detectors: Mapping[str, Mapping[str, Detector]],
    newest: int,
    ring_of: Callable[[Sequence[Event]], Ring],
) -> list[AcceptedChange]:
    """Has the streams of an incident tolerate what they show, and says what was changed.

    Args:
        case: the incident; its legs as they are now.
        detectors: by release and name.
        newest: the model's newest row number.
        ring_of: where the rows of some events are still kept.
    """
    legs = [leg for leg in case.legs if not leg.healthy and leg.release in detectors]
    found = []
    for release, name in dict.fromkeys((x.release, x.detector) for x in legs):
        events = [x.event for x in legs if (x.release, x.detector) == (release, name)]
        kept = ring_of(events).sample(min(e.onset_row for e in events), newest)
        none = np.empty(0, np.int64)
        block = Block(none, none, {}, {})
        if kept is not None:
            at = none if kept.at is None else kept.at
            block = Block(none, at, {}, kept.columns, kept.score)
        rows = detectors[release][name].accept(
            case.incident.id, events, block, None if kept is None else kept.label
        )
        features = dict.fromkeys(e.stream.field for e in events if e.stream.field)
        found.append(
            AcceptedChange(
                incident=case.incident.id, release=release, row=newest, features=tuple(features),
                rows=rows,
            )
        )  # fmt: skip
    return found
