"""Each promise of `docs/promises.md` names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_a_promise_names_exists():
    page = (ROOT / "docs" / "promises.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/[\w/.]+)`", page))
    assert len(named) > 20
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_row_of_a_table_of_promises_names_a_test():
    page = (ROOT / "docs" / "promises.md").read_text("utf-8")
    rows = [
        line
        for line in page.splitlines()
        if line.startswith("|") and not re.match(r"\|[-| ]+\|$", line) and "tested by" not in line
    ]
    assert len(rows) > 15
    assert [row for row in rows if "`tests/" not in row] == []
