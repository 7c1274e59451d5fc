"""Each promise of the pages of promises names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["promises.md", "promotion-promises.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_promise_names_exists(page: str):
    text = (ROOT / "docs" / page).read_text("utf-8")
    named = set(re.findall(r"`(tests/[\w/.]+)`", text))
    assert len(named) > 12
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_row_of_a_table_of_promises_names_a_test(page: str):
    rows = [
        line
        for line in (ROOT / "docs" / page).read_text("utf-8").splitlines()
        if line.startswith("|") and not re.match(r"\|[-| ]+\|$", line) and "tested by" not in line
    ]
    assert len(rows) > 12
    assert [row for row in rows if "`tests/" not in row] == []
