from __future__ import annotations

import msgspec
import pytest
from tests.diagnosis.test_incidents import OPENED, event, incident

from holdfast.diagnosis.decisions import EVENTS, Verb, decide
from holdfast.diagnosis.incidents import fold
from holdfast.errors import UsageError
from holdfast.records import IncidentStatus, Mute

CLOSED = incident(status=IncidentStatus.CLOSED, closed_at=9, ending="recovery")
MUTED = incident(muted=Mute(by="ana", at=1))
#: what each decision may be taken about
ALLOWED = {
    Verb.ACK: (incident(), MUTED), Verb.MUTE: (incident(), MUTED), Verb.UNMUTE: (MUTED,),
    Verb.RESOLVE: (incident(), MUTED), Verb.ACCEPT: (incident(), MUTED), Verb.REOPEN: (CLOSED,),
}  # fmt: skip


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("about", [incident(), MUTED, CLOSED], ids=["open", "muted", "closed"])
def test_a_decision_is_taken_or_refused_exactly_where_the_fold_heeds_or_ignores_it(verb, about):
    opened = event("incident.opened", incident=msgspec.to_builtins(about))
    if about in ALLOWED[verb]:
        kind, payload = decide(about, verb, reason="why", by="ana", at=20)
        assert fold([opened, event(kind, 20, **payload)]) != [about]
    else:
        with pytest.raises(UsageError):
            decide(about, verb, reason="why", by="ana", at=20)
        assert fold([opened, event(EVENTS[verb], 20, id="i1", closed_at=20)]) == [about]


@pytest.mark.parametrize("reason", ["", " \n\t"])
def test_a_decision_without_a_reason_is_refused(reason):
    with pytest.raises(UsageError, match="needs its reason"):
        decide(incident(), Verb.RESOLVE, reason=reason, by="ana", at=0)


def test_a_mute_that_is_over_before_it_begins_is_refused():
    with pytest.raises(UsageError, match="over before it begins"):
        decide(incident(), Verb.MUTE, reason="why", by="ana", at=20, until=20)


def test_control_characters_stay_out_of_the_history():
    _, payload = decide(incident(), Verb.ACK, reason="a\x1b[31mb", by="ana", at=0)
    assert payload["reason"] == "a?[31mb"
    assert fold([OPENED, event("incident.acknowledged", **payload)])[0].acknowledged is not None
