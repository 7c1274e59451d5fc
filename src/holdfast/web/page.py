"""Renders the pages from plain records. Everything shown is escaped; nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from holdfast.reports import cells
from holdfast.reports.document import Format
from holdfast.reports.to_html import prose

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def _style() -> str:
    return resources.files("holdfast.web").joinpath("templates/style.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("holdfast.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.filters["prose"] = prose
    environment.filters["share"] = share
    environment.filters["segment"] = segment
    environment.filters["line"] = cells.one_line
    return environment


def render(template: str, **values: Any) -> bytes:
    """One page; everything but drawings is escaped."""
    return _environment().get_template(template).render(style=_style(), **values).encode()


@lru_cache(maxsize=2)
def headers(*, forms: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """HTTP headers of the page: nothing may be loaded, and only this one style applies.

    Args:
        forms: whether the page has a form, which then goes to this server only. Its browser
            names the page's origin when it sends the form, and to no other site.
    """
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    goes = "self" if forms else "none"
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; "
        f"form-action '{goes}'; frame-ancestors 'none'"
    )
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin" if forms else b"no-referrer"),
        (b"cache-control", b"no-store"),
    )


def moment(micros: int | None) -> str:
    """A time as shown.

    >>> moment(0), moment(None)
    ('1970-01-01 00:00 UTC', '–')
    """
    return cells.write(micros, Format.TIME)


def segment(name: str) -> str:
    """A name as one segment of a path, whatever it holds.

    >>> segment("a/b c"), segment("..")
    ('a%2Fb%20c', '%2E%2E')
    """
    # a browser would take a segment of dots for a step upwards
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


def share(value: float | None) -> str:
    """A share in percent, never rounded up to a hundred.

    >>> share(0.5), share(0.99999), share(None)
    ('50.0%', '99.9%', '–')
    """
    if value is None:
        return "–"
    shown = 99.9 if 0.999 < value < 1 else 100 * value
    return f"{shown:.1f}%"


def dashboard(
    *,
    models: Sequence[Mapping[str, Any]],
    incidents: Sequence[Mapping[str, Any]],
    releases: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Mapping[str, int]],
    now: int,
    version: str,
    storms: Sequence[str] = (),
) -> bytes:
    """The page.

    Args:
        models: name, release, promoted_at of each model.
        incidents: as `GET …/incidents` answers them, newest first.
        releases: model, id, added_at, champion and a mapping of numbers.
        rows: model -> verdict -> rows answered since the server started.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
        storms: a sentence for each storm of incidents.
    """
    cards = []
    for model in models:
        counts = dict(rows.get(model["model"], {}))
        total = sum(counts.values())
        parts = [
            {"name": name, "count": counts.get(name, 0), "share": counts.get(name, 0) / total}
            for name in ("ok", "degraded", "abstained", "rejected")
            if total and counts.get(name)
        ]
        mine = [i for i in incidents if i["model"] == model["model"] and i["status"] == "open"]
        muted = sum(not i["standing"] for i in mine)
        cards.append(
            {**model, "rows": total, "parts": parts, "open": len(mine) - muted, "muted": muted}
        )
    standing = [i for i in incidents if i["status"] == "open"]
    return render(
        "dashboard.html",
        cards=cards,
        open=[i for i in standing if i["standing"]],
        muted=[i for i in standing if not i["standing"]],
        closed=[i for i in incidents if i["status"] != "open"][:20],
        storms=storms,
        releases=releases[:50],
        now=now,
        version=version,
    )
