"""Every kind has its rule, its page, and its place in the index."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.diagnosis.rules import RULES

CAUSES = Path(__file__).parents[2] / "docs" / "causes"


def test_every_rule_has_its_page_and_every_page_its_rule():
    pages = {page.stem for page in CAUSES.glob("*.md")} - {"README"}
    of_traffic = {"no_data", "traffic_low", "traffic_high", "late_data"}
    assert pages == {rule.kind for rule in RULES} | of_traffic


def test_every_page_names_its_kind_and_says_the_same_things():
    for rule in RULES:
        text = (CAUSES / f"{rule.kind}.md").read_text("utf-8")
        assert f"Kind `{rule.kind}`." in text
        for heading in ("## Evidence", "## What to do", "## Known confusions"):
            assert heading in text


def test_links_between_pages_lead_somewhere():
    for page in CAUSES.glob("*.md"):
        for link in re.findall(r"\]\(([\w./]+\.md)\)", page.read_text("utf-8")):
            assert (CAUSES / link).exists(), f"{page.name}: {link}"


def test_the_index_lists_every_kind():
    index = (CAUSES / "README.md").read_text("utf-8")
    assert all(f"]({rule.kind}.md)" in index for rule in RULES)


def test_kinds_are_told_apart_and_a_file_bears_each_name():
    kinds = [rule.kind for rule in RULES]
    assert len(set(kinds)) == len(kinds)
    folder = Path(__file__).parents[2] / "src" / "holdfast" / "diagnosis" / "rules"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert files == {"unexplained" if kind == "unknown" else kind for kind in kinds}
