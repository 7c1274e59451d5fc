"""The page of a model's history: a timeline by day, one topic or all, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from holdfast.releases.history import TOPICS, Entry
from holdfast.reports.cells import moment
from holdfast.web.page import render, segment

#: the topic of all entries
ALL = "all"
#: entries on one page
PER_PAGE = 40
#: topics whose entries stand out
_STRONG = ("promotions", "rollbacks")


def history_page(
    *,
    model: str,
    entries: Sequence[Entry],
    releases: Collection[str],
    incidents: Collection[str],
    topic: str = ALL,
    page: int = 1,
    now: int,
    version: str,
) -> bytes:
    """The page.

    Args:
        model: name of the model.
        entries: its whole history, the newest first.
        releases: ids that have a page.
        incidents: ids that have a page.
        topic: what is shown, one of `TOPICS` or ``all``.
        page: which page, from 1 on; one behind the last shows the last.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
    """
    chosen = [entry for entry in entries if topic in (ALL, entry.topic)]
    pages = max(-(-len(chosen) // PER_PAGE), 1)
    page = min(page, pages)
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    counts = {name: sum(entry.topic == name for entry in entries) for name in TOPICS}
    return render(
        "history.html",
        model=model,
        here=f"/models/{segment(model)}/history",
        topics=[
            (name, count, _link(name, 1))
            for name, count in ((ALL, len(entries)), *counts.items())
            if count or name in (ALL, topic)
        ],
        topic=topic,
        days=days(shown, releases, incidents),
        page=page,
        pages=pages,
        newer=_link(topic, page - 1) or "?page=1" if page > 1 else "",
        older=_link(topic, page + 1) if page < pages else "",
        now=now,
        version=version,
    )


def days(
    entries: Iterable[Entry], releases: Collection[str], incidents: Collection[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Entries by day, as the timeline shows them.

    >>> entry = Entry(at=60_000_000, kind="loop.decided", sentence="The loop decided: wait.")
    >>> [(day, [row["clock"] for row in rows]) for day, rows in days([entry], (), ())]
    [('1970-01-01', ['00:01 UTC'])]
    """
    rows = [(*moment(entry.at).partition(" ")[::2], entry) for entry in entries]
    return [
        (
            day,
            [
                {
                    "clock": clock,
                    "tone": entry.tone,
                    "strong": entry.topic in _STRONG,
                    "sentence": entry.sentence,
                    "by": entry.by,
                    "why": entry.why,
                    "release": entry.release if entry.release in releases else None,
                    "incident": entry.incident if entry.incident in incidents else None,
                }
                for _, clock, entry in group
            ],
        )
        for day, group in groupby(rows, key=lambda row: row[0])
    ]


def _link(topic: str, page: int) -> str:
    """The part of a link behind the path.

    >>> _link("all", 1), _link("rollbacks", 2)
    ('', '?kind=rollbacks&page=2')
    """
    asked = {} if topic == ALL else {"kind": topic}
    if page > 1:
        asked["page"] = str(page)
    return f"?{urlencode(asked)}" if asked else ""
