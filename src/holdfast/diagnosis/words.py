"""Sentences about incidents: what, since when, how much, from where."""

from __future__ import annotations

from datetime import UTC, datetime

from holdfast.diagnosis.evidence import Cause, Evidence, Spot
from holdfast.records import Impact
from holdfast.reports.naming import clean, names

#: cause classes and how a sentence calls them
CLASSES = {
    "pipeline": "broken pipeline",
    "covariate": "drift",
    "prior": "changed base rate",
    "concept": "changed relation",
    "harmless": "harmless drift",
    "model": "changed model",
    "label": "label problem",
    "unknown": "unexplained",
}


def moment(micros: int) -> str:
    """A time for people, to the minute, in UTC.

    >>> moment(1795442700_000_000)
    '2026-11-23 14:05 UTC'
    """
    try:
        when = datetime.fromtimestamp(micros / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return "an impossible time"
    return when.strftime("%Y-%m-%d %H:%M UTC")


def percent(share: float) -> str:
    """A share for people: never 0% or 100% unless it is exactly that.

    >>> percent(1.0), percent(0.9996), percent(0.304), percent(0.0123), percent(0.0)
    ('100%', '99.9%', '30%', '1.2%', '0%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share > 0.99:
        return f"{min(share, 0.999):.1%}"
    return f"{share:.0%}" if share >= 0.1 else f"{max(share, 0.001):.1%}"


def origin(spot: Spot | None) -> str:
    """Where the affected rows come from, as the end of a sentence; empty when unknown."""
    if spot is None:
        return ""
    label = f"{spot.dimension}={clean(spot.value, 64)}"
    if not spot.value:
        return f", from every {spot.dimension} alike" if spot.values > 1 else ""
    if spot.values == 1:
        return f", all from {label}, the only one"
    if spot.of_affected >= 0.95:
        much = "all" if spot.of_affected == 1.0 else percent(spot.of_affected)
    else:
        much = percent(spot.of_affected)
    return (
        f", {much} from {label} ({percent(spot.within)} of its {spot.rows:,} requests, "
        f"{percent(spot.of_traffic)} of the traffic)"
    )


def sentence(cause: Cause, evidence: Evidence, since: int) -> str:
    """The incident in one sentence.

    Args:
        cause: what the rules concluded.
        evidence: what they saw; the strongest movement gives the numbers.
        since: onset in microseconds since 1970 (UTC).
    """
    main = next(
        (m for f in cause.features for m in evidence.moved if m.field == f), evidence.moved[0]
    )
    subject = f"{names(cause.features)} {cause.words}" if cause.features else cause.words
    noun = "request" if main.rows == 1 else "requests"
    return (
        f"{CLASSES.get(cause.class_, cause.class_)}: {subject} since {moment(since)}, "
        f"{percent(main.share)} of {main.rows:,} {noun}{origin(evidence.spot)}"
    )


def row_sentence(cause: Cause, since: int, share: float, rows: int, spot: Spot | None) -> str:
    """The incident in one sentence, from the rows themselves.

    Args:
        cause: what explains them.
        since: start in microseconds since 1970 (UTC).
        share: of the rows since the start, so many are affected.
        rows: rows since the start.
        spot: where the affected rows come from, or None.
    """
    subject = f"{names(cause.features)} {cause.words}" if cause.features else cause.words
    text = f"{CLASSES.get(cause.class_, cause.class_)}: {subject} since {moment(since)}"
    if cause.class_ in {"pipeline", "unknown"} and share < 0.995:
        text += f" on {percent(share)} of {rows:,} rows"
    if spot is not None and spot.value:
        much = "all" if spot.of_affected >= 0.995 else percent(spot.of_affected)
        text += f", {much} from {spot.dimension}={clean(spot.value, 64)}"
    return text


def impact_in_words(found: Impact, currency: str = "") -> list[tuple[str, str]]:
    """Label and text of every number, "could not tell" included.

    Example:
        >>> from holdfast.records import Estimate, Impact
        >>> none = Estimate(value=None, why_not="nothing was decided")
        >>> some = Impact(rows=3, decisions_changed=none, cost_per_row=none, cost_so_far=none)
        >>> impact_in_words(some)[1]
        ('decisions changed', 'could not tell: nothing was decided')
    """
    unit = f" {clean(currency)}" if currency else ""
    answered = ", ".join(f"{n:,} {clean(v)}" for v, n in sorted(found.answers.items()))
    out = [("rows affected", f"{found.rows:,}" + (f" ({answered})" if answered else ""))]
    for label, e, digits, tail in (
        ("decisions changed", found.decisions_changed, 0, ""),
        ("extra cost per row", found.cost_per_row, 3, unit),
        ("extra cost so far", found.cost_so_far, 1, unit),
    ):
        if e.value is None:
            out.append((label, f"could not tell: {e.why_not}"))
        elif e.low is None or e.high is None:
            out.append((label, f"{e.value:,.{digits}f}{tail}, interval unknown"))
        else:
            out.append(
                (
                    label,
                    f"{e.value:,.{digits}f}{tail} ({e.low:,.{digits}f} to {e.high:,.{digits}f})",
                )
            )
    return out
