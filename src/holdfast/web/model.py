"""The page of one model: what it answers over time, and every input with its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.web import charts
from holdfast.web.figures import Bucket
from holdfast.web.page import render


def model_page(
    *,
    model: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    answers: Mapping[str, Sequence[Bucket]],
    incidents: Sequence[Mapping[str, Any]],
    rows: int,
    now: int,
    version: str,
) -> bytes:
    """The page.

    Args:
        model: model, release and promoted_at of its champion.
        features: name, kind, policy, missing, broken, usual, over_time, incidents of each.
        answers: verdict → its share over time.
        incidents: of this model, newest first.
        rows: how many of the last rows the shares are of.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
    """
    seen = {name: buckets for name, buckets in answers.items() if any(b.share for b in buckets)}
    ranked = sorted(features, key=lambda f: (not f["incidents"], f["name"]))
    return render(
        "model.html",
        model=model,
        features=[
            {
                **feature,
                "spark": charts.spark(
                    f"Share of rows without {feature['name']} over time",
                    feature["over_time"],
                    feature["usual"],
                ),
            }
            for feature in ranked
        ],
        answers=[
            (name, charts.over_time(f"Share of rows {name}", buckets, bad=name != "degraded"))
            for name, buckets in seen.items()
        ],
        span=_span(answers),
        open=[i for i in incidents if i["status"] == "open"],
        closed=[i for i in incidents if i["status"] != "open"][:10],
        rows=rows,
        now=now,
        version=version,
    )


def _span(answers: Mapping[str, Sequence[Bucket]]) -> tuple[int, int] | None:
    for buckets in answers.values():
        if buckets:
            return buckets[0].at, buckets[-1].at
    return None
