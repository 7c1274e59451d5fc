"""Every finding of slices, backtests and comparisons has its page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_code_has_a_heading():
    page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    used = {
        code
        for path in (ROOT / "src/holdfast/evaluation").rglob("*.py")
        for code in re.findall(r"HF-E3\d\d", path.read_text("utf-8"))
    }
    assert len(used) == 9
    assert not [code for code in used if f"### {code}\n" not in page]
