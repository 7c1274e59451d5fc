"""The page of one feature: how it looks now and in the reference, and what is promised of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.contracts.model import Field
from holdfast.reports.cells import one_line
from holdfast.stats.intervals import wilson
from holdfast.web import charts, words
from holdfast.web.figures import Bars, Bucket, Shape
from holdfast.web.page import render, share

#: characters of a value that are shown
_MOST_TEXT = 80


def feature_page(
    *,
    model: Mapping[str, Any],
    field: Field,
    summary: Mapping[str, Any],
    bars: Bars | None,
    shape: Shape | None,
    missing: Sequence[Bucket],
    unseen: Sequence[Bucket] | None,
    usual_unseen: float | None,
    broken: Sequence[Bucket],
    last: Sequence[Any] | None,
    incidents: Sequence[Mapping[str, Any]],
    looked_at: int,
    now: int,
    version: str,
) -> bytes:
    """The page.

    Args:
        model: model, release and promoted_at of its champion.
        field: the feature in the contract.
        summary: as the model page shows it.
        bars: its distribution, or None where there is no value or the kind has none.
        shape: what the release remembers of it, or None.
        missing: shares of rows without it over time.
        unseen: shares of categories not seen before over time; None for other kinds.
        usual_unseen: the reference's share of them.
        broken: shares of rows in which a value is there and wrong.
        last: newest values first, or None where they may not be shown.
        incidents: those that name it, newest first.
        looked_at: rows whose values were looked at.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
    """
    shown = field.pii == "no"
    spans = [
        (i["since"], i["closed_at"] if i["closed_at"] is not None else now, "") for i in incidents
    ]
    wrong = any(b.share for b in broken)
    drawn = None
    if bars is not None:
        drawn = charts.distribution(
            f"Distribution of {field.name}", bars, shown=shown, limits=words.limits_of(field)
        )
    standing = [i for i in incidents if i["status"] == "open"]
    return render(
        "feature.html",
        model=model,
        field=field,
        shown=shown,
        sentence=_sentence(field, summary, standing),
        trouble=any(i["standing"] for i in standing),
        distribution=drawn,
        numeric=bool(bars and bars.edges),
        ranged=any(bound is not None for bound in words.limits_of(field)),
        bars=bars,
        shape=shape,
        looked_at=looked_at,
        times=[
            (
                "Missing",
                "",
                charts.over_time(
                    f"Share of rows without {field.name}", missing, summary["usual"], spans
                ),
            ),
            *(
                [
                    (
                        "Not seen before",
                        "categories that the contract does not know",
                        charts.over_time(
                            f"Share of rows with a new {field.name}", unseen, usual_unseen, spans
                        ),
                    )
                ]
                if unseen is not None
                else []
            ),
            *(
                [
                    (
                        "There and wrong",
                        ", ".join(c for c in summary["codes"] if c not in ("null", "unseen")),
                        charts.over_time(
                            f"Share of rows in which {field.name} breaks a rule", broken,
                            None, spans, bad=True,
                        ),
                    )
                ]
                if wrong
                else []
            ),
        ],
        rules=words.rules(field, shown=shown),
        policy=words.policy(field),
        last=None if last is None else [_value(v) for v in last],
        open=standing,
        closed=[i for i in incidents if i["status"] != "open"][:10],
        now=now,
        version=version,
    )  # fmt: skip


def _sentence(
    field: Field, summary: Mapping[str, Any], standing: Sequence[Mapping[str, Any]]
) -> str:
    """How the feature is, in one sentence."""
    name = f"`{one_line(field.name).replace('`', chr(39))}`"
    if not summary["rows"] or summary["missing"] is None:
        return f"{name}: no rows yet"
    e = wilson(round(summary["missing"] * summary["rows"]), summary["rows"])
    usual = summary["usual"]
    told = ""
    if usual is not None:
        told = ", never in the reference" if usual == 0 else f", {share(usual)} in the reference"
    part = f"never missing in the last {summary['rows']:,} rows{told}"
    if summary["missing"]:
        part = (
            f"missing in {share(e.value)} of the last {summary['rows']:,} rows "
            f"({share(e.low)} to {share(e.high)}){told}"
        )
    count = {0: "no open incident", 1: "an open incident"}.get(
        len(standing), f"{len(standing)} open incidents"
    )
    return f"{name}: {count}; {part}"


def _value(value: Any) -> str:
    text = "missing" if value is None else one_line(str(value))
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
