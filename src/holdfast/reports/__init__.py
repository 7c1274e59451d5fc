r"""Reports: a `Document` of blocks, and one renderer per format.

>>> from holdfast.reports import render
>>> from holdfast.reports.document import Document, Text
>>> render(Document(title="Check", blocks=(Text(text="a < b"),)), "md")
'# Check\n\na \\< b\n'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

from holdfast.errors import UsageError

if TYPE_CHECKING:
    from holdfast.reports.document import Document

#: format -> the module whose ``render(document) -> str`` writes it
FORMATS = {
    "text": "holdfast.reports.to_text",
    "json": "holdfast.reports.to_json",
    "md": "holdfast.reports.to_markdown",
    "html": "holdfast.reports.to_html",
    "junit": "holdfast.reports.to_junit",
    "sarif": "holdfast.reports.to_sarif",
}


class Renderer(Protocol):
    """What a renderer module offers."""

    def render(self, document: Document) -> str:
        """The document in this format, ending in a newline."""


def render(document: Document, format: str) -> str:  # noqa: A002 - the flag's name
    """The document in one of `FORMATS`.

    Raises:
        UsageError: the format is not known.
    """
    module = FORMATS.get(format)
    if module is None:
        raise UsageError(
            "unknown report format",
            code="HF-E-USAGE-FORMAT",
            expected=f"one of {', '.join(FORMATS)}",
            got=f"format={format!r}",
        )
    return cast("Renderer", importlib.import_module(module)).render(document)
