"""HTML: one self-contained file. No script, no address fetched, everything escaped.

The page carries a content security policy that forbids all but its own style sheet (by its hash),
so that even a mistake in escaping could not run anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import TYPE_CHECKING

from holdfast import __version__
from holdfast.reports import cells, svg
from holdfast.reports.document import BarChart, Document, LineChart

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


def render(document: Document) -> str:
    """The document as a complete page."""
    style = _source("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _template().render(document=document, style=style, policy=policy, version=__version__)


def chart(block: LineChart | BarChart) -> str:
    """The chart's SVG; it escapes its own texts."""
    return svg.line_chart(block) if isinstance(block, LineChart) else svg.bar_chart(block)


def prose(text: str) -> Markup:
    """A text with its `names in backticks` set as code; every part is escaped by itself.

    >>> prose("`a<b` is null")
    Markup('<code>a&lt;b</code> is null')
    """
    from markupsafe import Markup, escape

    parts = cells.clean(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick belongs to a name: leave the text as it is
        return escape(cells.clean(text))
    pieces = (
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )
    return Markup("").join(pieces)


@functools.cache
def _source(name: str) -> str:
    from importlib.resources import files

    return files("holdfast.reports").joinpath("page", name).read_text("utf-8")


@functools.cache
def _template() -> jinja2.Template:
    import jinja2
    from markupsafe import Markup

    env = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["clean"] = cells.clean
    env.filters["line"] = cells.one_line
    env.filters["write"] = cells.write
    env.tests["number"] = cells.is_number
    env.filters["svg"] = lambda block: Markup(chart(block))  # noqa: S704 - svg.py escapes
    env.filters["prose"] = prose
    env.filters["kind"] = lambda block: block.__struct_config__.tag
    return env.from_string(_source("report.html.j2"))
