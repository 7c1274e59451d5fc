"""`holdfast drill` in a user's own project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.cli.projects import build

from holdfast.cli import main
from holdfast.demo.loans import generate

COLUMNS = ["application_id", "applied_at", "income_source", "monthly_income", "outcome"]

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drill")
    pq.write_table(generate(seed=5, rows=1_500).table.select(COLUMNS), folder / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    where = str(folder / "loan")
    assert main(["init", where, "--data", str(folder / "loans.parquet"), *words]) == 0
    build(folder / "loan")
    return folder / "loan"


@pytest.fixture
def ask(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(project)

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main(["drill", *words, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out or err)

    return run


def test_the_projects_own_table_is_drilled_when_none_is_given(ask):
    code, found = ask("--faults", "missing,dtype_change", "--rows", "600", "--severities", "3")
    assert code == 0
    assert [o["caught"] for o in found["outcomes"]] == [True, True]
    assert (found["rows"], found["target"], found["passed"]) == (600, "outcome", True)


def test_a_table_release_and_budget_are_taken_from_the_command_line(ask, project: Path):
    pq.write_table(generate(seed=6, rows=500).table.select(COLUMNS), project / "later.parquet")
    words = ["--release", "latest", "--budget", "1 false alarm in 50,000 rows"]
    code, found = ask("later.parquet", "--faults", "missing", *words, "--rows-per-day", "2000")
    assert code == 0
    assert (found["rows"], found["rows_per_day"]) == (500, 2000.0)
    assert "50,000" in found["promise"]


def test_any_miss_fails_when_that_is_asked_for(ask):
    words = ["--faults", "category_garbled", "--severities", "1", "--rows", "300"]
    code, found = ask(*words)
    missed = [o for o in found["outcomes"] if not o["caught"]]
    assert code == 0
    assert ask(*words, "--fail-on-missed")[0] == (1 if missed else 0)
    assert missed  # 2 % of 240 rows are too few to tell


def test_nothing_that_could_be_injected_exits_one(ask):
    assert ask("--faults", "tiny_drift", "--rows", "300")[0] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--faults", "nonsense"], "nonsense"),
        (["--severities", "5"], "severities"),
        (["--rows", "10"], "rows=10"),
    ],
)
def test_a_wrong_word_is_refused_and_named(ask, words, told):
    code, error = ask(*words)
    assert code == 2
    assert told in error["error"]["got"]


def test_markdown_and_html_lead_with_the_verdict(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    words = ["drill", "--faults", "missing", "--severities", "3", "--rows", "300", "--format"]
    for name in ("md", "html"):
        assert main([*words, name]) == 0
        out = capsys.readouterr().out
        assert "1 of 1 fault would be caught" in out
