"""The page of a model's history: a timeline by day, one topic or all, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from holdfast.releases.history import TOPICS, Entry
from holdfast.releases.history_words import short
from holdfast.reports.cells import moment
from holdfast.reports.to_html import prose
from holdfast.web.page import render, segment

if TYPE_CHECKING:
    from markupsafe import Markup

#: the topic of all entries
ALL = "all"
#: entries on one page
PER_PAGE = 40
#: kinds that stand out: another release answers
_STRONG = (
    "lifecycle.promote", "release.promoted", "lifecycle.rollback", "release.rolled_back",
    "lifecycle.adopt",
)  # fmt: skip


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
        days=days(shown, model, releases, incidents),
        page=page,
        pages=pages,
        newer=_link(topic, page - 1) or "?page=1" if page > 1 else "",
        older=_link(topic, page + 1) if page < pages else "",
        now=now,
        version=version,
    )


def days(
    entries: Iterable[Entry], model: str, releases: Collection[str], incidents: Collection[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Entries by day, as the timeline shows them, with links to `releases` and `incidents`.

    >>> entry = Entry(at=60_000_000, kind="loop.decided", sentence="The loop decided: wait.")
    >>> [(day, [row["clock"] for row in rows]) for day, rows in days([entry], "loan", (), ())]
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
                    "strong": entry.kind in _STRONG,
                    "sentence": linked(entry.sentence, model, releases),
                    "by": entry.by,
                    "why": entry.why,
                    "incident": entry.incident if entry.incident in incidents else None,
                }
                for _, clock, entry in group
            ],
        )
        for day, group in groupby(rows, key=lambda row: row[0])
    ]


def linked(sentence: str, model: str, releases: Collection[str]) -> Markup:
    """A sentence in which the ids of releases lead to their pages.

    >>> linked("`a1` answers, not `b2`.", "loan", ["a1"])
    Markup('<a href="/models/loan/releases/a1"><code>a1</code></a> answers, not <code>b2</code>.')
    """
    from markupsafe import Markup

    text = prose(sentence)
    for release in releases:
        code = prose(short(release))
        if code in text:
            there = f"/models/{segment(model)}/releases/{segment(release)}"
            link = Markup('<a href="{}">{}</a>').format(there, code)
            text = Markup(text.replace(code, link))  # noqa: S704 - both parts are escaped
    return text


def _link(topic: str, page: int) -> str:
    """The part of a link behind the path.

    >>> _link("all", 1), _link("rollbacks", 2)
    ('', '?kind=rollbacks&page=2')
    """
    asked = {} if topic == ALL else {"kind": topic}
    if page > 1:
        asked["page"] = str(page)
    return f"?{urlencode(asked)}" if asked else ""
