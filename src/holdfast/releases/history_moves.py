"""The moves of releases in words: built, judged, shadowed, promoted, rolled back."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.releases.history_words import (
    Called,
    Payload,
    Teller,
    Told,
    joined,
    short,
    text,
    texts,
)
from holdfast.reports.cells import moment


def _stages(payload: Payload, wanted: str) -> str:
    """The release that a move brought to a stage, or the empty text."""
    steps = payload.get("stages")
    for step in steps if isinstance(steps, list | tuple) else ():
        if isinstance(step, list | tuple) and len(step) == 2 and step[1] == wanted:
            return step[0] if isinstance(step[0], str) else ""
    return ""


def _step(sentence: str, tone: str = "") -> Teller:
    """An event of one release; ``{}`` stands for its id."""

    def tell(payload: Payload, _: Called) -> Told | None:
        release = text(payload, "release")
        if not release:
            return None
        said = sentence.replace("{}", short(release))
        return Told(sentence=said, release=release, why=text(payload, "reason"), tone=tone)

    return tell


def _promoted(payload: Payload, _: Called) -> Told | None:
    release = text(payload, "release")
    before = text(payload, "before") or _stages(payload, "standby")
    if not release:
        return None
    waived = payload.get("waived")
    left_out = waived if isinstance(waived, Mapping) else {}
    names = " and ".join(f"`{name}`" for name in sorted(map(str, left_out)))
    reason = text(payload, "reason")
    excuses = sorted({why for name in left_out if (why := text(left_out, name)) != reason})
    return Told(
        sentence=f"{short(release)} became champion"
        + (f" in place of {short(before)}" if before else "")
        + (f", without a check of {names}" if names else "")
        + ".",
        release=release,
        why=joined(reason, *(f"Not checked: {why}" for why in excuses if why)),
        tone="good",
    )


def _rolled_back(payload: Payload, _: Called) -> Told | None:
    release = text(payload, "release")
    before = text(payload, "before") or _stages(payload, "quarantined")
    if not release:
        return None
    return Told(
        sentence=f"Rolled back: {short(release)} answers again"
        + (f", {short(before)} is set aside" if before else "")
        + ".",
        release=release,
        why=text(payload, "reason"),
        tone="bad",
    )


def _gate(payload: Payload, _: Called) -> Told | None:
    release, state = text(payload, "release"), text(payload, "state")
    words = {
        "passed": ("is open", "good"),
        "waiting": ("waits for an answer", ""),
        "failed": ("is shut", "bad"),
    }
    if not release or state not in words:
        return None
    said, tone = words[state]
    return Told(
        sentence=f"The gate of {short(release)} {said}.",
        release=release,
        why=joined(*texts(payload, "reasons")),
        tone=tone,
    )


def _answered(payload: Payload, _: Called) -> Told | None:
    release, finding = text(payload, "release"), text(payload, "finding")
    if not release or not finding:
        return None
    return Told(
        sentence=f"The audit's question `{finding}` about {short(release)} was answered.",
        release=release,
        why=text(payload, "reason"),
    )


def _canary(payload: Payload, _: Called) -> Told | None:
    release, share = text(payload, "release"), payload.get("share")
    if not release:
        return None
    part = f"{share:.3g} of" if isinstance(share, int | float) else "a share of"
    if isinstance(share, int | float) and 0 < share <= 1:
        part = f"{100 * share:.3g}% of"
    return Told(
        sentence=f"{short(release)} answers {part} the requests as canary.",
        release=release,
        why=text(payload, "reason"),
    )


def _tripped(payload: Payload, _: Called) -> Told | None:
    release, guard = text(payload, "release"), text(payload, "guard")
    if not release:
        return None
    by = f" by the guard `{guard}`" if guard else ""
    return Told(
        sentence=f"The canary {short(release)} was stopped{by}.",
        release=release,
        why=joined(*texts(payload, "why")),
        tone="bad",
    )


def _live(payload: Payload, _: Called) -> Told | None:
    release, servers = text(payload, "release"), payload.get("servers")
    if not release:
        return None
    count = len(servers) if isinstance(servers, list | tuple) else servers
    known = isinstance(count, int) and not isinstance(count, bool) and count > 0
    where = f"{count} server{'s' if count != 1 else ''}" if known else "every server"
    return Told(sentence=f"{short(release)} answers on {where}.", release=release)


def _trained(payload: Payload, _: Called) -> Told | None:
    release, pieces = text(payload, "release"), payload.get("pieces")
    times = [
        time
        for piece in (pieces if isinstance(pieces, list | tuple) else ())
        for time in (piece if isinstance(piece, list | tuple) else ())
        if type(time) is int
    ]
    if not release or not times:
        return None
    return Told(
        sentence=f"{short(release)} learned from logged rows, the first of "
        f"{moment(min(times))}, the last before {moment(max(times))}.",
        release=release,
    )


def _checked(payload: Payload, _: Called) -> Told | None:
    release, name, passed = text(payload, "release"), text(payload, "name"), payload.get("passed")
    if not release or not name or not isinstance(passed, bool):
        return None
    expires = payload.get("expires")
    until = f", valid until {moment(expires)}" if passed and type(expires) is int else ""
    return Told(
        sentence=f"{short(release)} {'passed' if passed else 'failed'} the check `{name}`{until}.",
        release=release,
        why=text(payload, "reason"),
        tone="good" if passed else "bad",
    )


def _frozen(sentence: str) -> Teller:
    def tell(payload: Payload, _: Called) -> Told:
        every = " for every model" if payload.get("scope") == "all" else ""
        return Told(sentence=f"{sentence}{every}.", why=text(payload, "reason"))

    return tell


#: kind of event → its words
MOVES: Mapping[str, Teller] = {
    "release.added": _step("{} was built and added."),
    "lifecycle.add": _step("{} was built and added."),
    "release.trained": _trained,
    "gate.decided": _gate,
    "audit.answered": _answered,
    "lifecycle.audit": _step("{} counts as audited."),
    "lifecycle.shadow": _step("{} answers in shadow, beside the champion."),
    "lifecycle.canary": _canary,
    "canary.tripped": _tripped,
    "lifecycle.check": _checked,
    "lifecycle.reject": _step("{} was rejected.", "bad"),
    "lifecycle.quarantine": _step("{} was set aside for good.", "bad"),
    "lifecycle.retire": _step("{} is no longer kept ready."),
    "lifecycle.adopt": _step("{} was made champion elsewhere and is followed from now on."),
    "lifecycle.promote": _promoted,
    "release.promoted": _promoted,
    "release.live": _live,
    "lifecycle.rollback": _rolled_back,
    "release.rolled_back": _rolled_back,
    "lifecycle.freeze": _frozen("Promotions are frozen"),
    "lifecycle.unfreeze": _frozen("Promotions go on"),
}
