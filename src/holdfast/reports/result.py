"""What every result of the public face can do: show itself in a notebook, as a file, as a table."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.reports import render

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document


class Result:
    """Mixin of result records; a member writes `document` and `to_frame`."""

    __slots__ = ()

    def document(self, name: str = "") -> Document:
        """The result as a report; `name` says what it is about."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """The verdict in one line, then a line for each finding."""
        from holdfast.reports.document import Callout

        report = self.document()
        said = next((b.title for b in report.blocks if isinstance(b, Callout)), report.summary)
        word = {True: "passed", False: "did not pass", None: "could not tell"}[report.passed]
        lines = [f"{type(self).__name__}: {word}. {said}"]
        lines += [f"  {f.severity.value}: {f.sentence} [{f.code}]" for f in report.findings]
        return "\n".join(lines)

    def to_frame(self) -> pa.Table:
        """The result as an Arrow table, which pandas, polars and duckdb take as it is."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, its findings with their pages."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        if "findings" in plain:
            plain["findings"] = [finding.to_dict() for finding in getattr(self, "findings", ())]
        return plain

    def to_json(self) -> str:
        """The result as one JSON object."""
        return msgspec.json.encode(self.to_dict()).decode()

    def save_html(self, path: str | os.PathLike[str], name: str = "") -> Path:
        """Write the report as one HTML file that loads nothing else; gives its path."""
        target = Path(path)
        target.write_text(render(self.document(name), "html"), "utf-8")
        return target

    def _repr_html_(self) -> str:
        """The report for a notebook, in a frame of its own so that its style stays there."""
        page = html.escape(render(self.document(), "html"), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox title="Holdfast report" '
            'style="width:100%;height:32em;border:0"></iframe>'
        )
