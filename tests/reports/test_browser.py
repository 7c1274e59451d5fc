"""The HTML report in a real browser, opened as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser import dom

from holdfast.reports import render
from holdfast.reports.document import Document, Heading, Text

pytestmark = pytest.mark.xdist_group("browser")


def test_a_report_opens_from_a_file_and_its_texts_do_not_run(tmp_path: Path):
    attack = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    document = Document(
        title="A report", summary=attack, blocks=(Heading(text="What happened"), Text(text=attack))
    )
    path = tmp_path / "report.html"
    path.write_text(render(document, "html"), "utf-8")
    found = dom(path.as_uri())
    assert "<title>A report" in found
    assert "What happened" in found
    assert "<img" not in found
