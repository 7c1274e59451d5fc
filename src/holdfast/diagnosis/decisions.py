"""What a person may decide about an incident, and the control event that keeps it."""

from __future__ import annotations

import enum
from typing import Any

from holdfast.diagnosis.incidents import (
    ACCEPTED,
    ACKNOWLEDGED,
    MUTED,
    REOPENED,
    RESOLVED,
    UNMUTED,
)
from holdfast.errors import UsageError
from holdfast.records import Incident, IncidentStatus
from holdfast.reports.naming import clean

#: a reason is a sentence or two
MOST_REASON = 500


class Verb(enum.StrEnum):
    """What a person can do to an incident."""

    ACK = "ack"
    MUTE = "mute"
    UNMUTE = "unmute"
    RESOLVE = "resolve"
    ACCEPT = "accept"
    REOPEN = "reopen"


EVENTS = {
    Verb.ACK: ACKNOWLEDGED,
    Verb.MUTE: MUTED,
    Verb.UNMUTE: UNMUTED,
    Verb.RESOLVE: RESOLVED,
    Verb.ACCEPT: ACCEPTED,
    Verb.REOPEN: REOPENED,
}


def decide(
    incident: Incident, verb: Verb, *, reason: str, by: str, at: int, until: int | None = None
) -> tuple[str, dict[str, Any]]:
    """Kind and payload of the control event that keeps a decision.

    Args:
        incident: as it is now.
        verb: what to do to it.
        reason: why, in words; never empty.
        by: who decides.
        at: when, microseconds since 1970 (UTC).
        until: end of a mute, same unit; None mutes until the cause changes.

    Raises:
        UsageError: no reason, a time that is over, or the incident is not in a state for this.

    Example:
        >>> from holdfast.records import Action
        >>> i = Incident(id="i1", model="loan", release="r", status=IncidentStatus.OPEN,
        ...     class_="pipeline", kind="missing", action=Action.FIX_PIPELINE, features=("Job",),
        ...     sentence="", since=0, opened_at=0, opened_row=1, onset_row=1)
        >>> decide(i, Verb.RESOLVE, reason="fixed upstream", by="ana", at=9)[1]
        {'id': 'i1', 'by': 'ana', 'reason': 'fixed upstream', 'closed_at': 9, 'episode': ''}
    """
    why = reason_of(reason)
    _refuse(incident, verb, at)
    payload: dict[str, Any] = {"id": incident.id, "by": by, "reason": why}
    if verb in (Verb.RESOLVE, Verb.ACCEPT):
        payload |= {"closed_at": at, "episode": incident.episode}
    if verb is Verb.REOPEN and incident.episode:
        payload["last"] = incident.episode  # the monitor's name of what was closed too early
    if verb is Verb.MUTE:
        if until is not None and until <= at:
            raise UsageError(
                "the mute would be over before it begins",
                expected="a time to come, or none: until the cause changes",
                got=f"until={until}",
            )
        payload["until"] = until
    return EVENTS[verb], payload


def reason_of(text: str) -> str:
    r"""A reason as it is kept: one line, printable, not too long.

    Raises:
        UsageError: there is none.

    >>> reason_of(" fixed\n upstream ")
    'fixed upstream'
    """
    why = clean(" ".join(text.split()), MOST_REASON)
    if not why:
        raise UsageError(
            "a decision needs its reason",
            expected="a sentence for whoever reads the history later",
            got="reason=''",
            remedy="say why",
        )
    return why


def _refuse(incident: Incident, verb: Verb, at: int) -> None:
    """Say why the incident is in no state for this, if it is not."""
    standing = incident.status is IncidentStatus.OPEN
    wanted = {Verb.REOPEN: not standing, Verb.UNMUTE: standing and incident.muted is not None}
    if not wanted.get(verb, standing):
        expected = {Verb.REOPEN: "a closed incident", Verb.UNMUTE: "a muted incident"}
        raise UsageError(
            f"the incident is {incident.state(at).value} already"
            if verb is not Verb.UNMUTE
            else "the incident is not muted",
            expected=expected.get(verb, "an open incident"),
            got=f"incident={incident.id!r}, state={incident.state(at).value!r}",
            remedy="`holdfast incidents list --all` shows where each one stands",
        )
