"""An incident from the command line: decided, muted, rows listed and scored again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.cli.test_project import ask, here, loans, project

from holdfast.cli import main

__all__ = ["ask", "here", "project"]

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture
def incident(here: Path, ask: Any) -> str:
    """A field that went missing in 200 scored rows; gives the incident's id."""
    pq.write_table(loans(200, employment_type=[None] * 200), "broken.parquet")
    ask("predict", "champion", "broken.parquet")
    _, found = ask("monitor", "run", "--once")
    name: str = found["incidents"][0]["id"]
    return name


def test_a_muted_incident_is_silent_and_still_there(incident: str, ask: Any):
    assert ask("incidents", "list")[0] == 1
    code, shown = ask("incidents", "mute", incident, "--reason", "known outage", "--hours", "2")
    assert (code, shown["state"]) == (0, "muted")
    assert ask("incidents", "list")[0] == 0
    code, listed = ask("incidents", "list", "--all")
    assert (code, [i["state"] for i in listed["incidents"]]) == (0, ["muted"])
    assert ask("incidents", "unmute", incident)[1]["state"] == "open"


def test_the_whole_life_is_in_the_history(incident: str, ask: Any):
    ask("incidents", "ack", incident)
    ask("incidents", "accept", incident, "--reason", "new form")
    code, shown = ask("incidents", "reopen", incident, "--reason", "it was not")
    assert (code, shown["state"]) == (0, "reopened")
    kinds = [m["kind"] for m in shown["history"] if m["by"]]
    assert kinds == ["incident.acknowledged", "incident.accepted", "incident.reopened"]
    assert ask("incidents", "show", incident)[0] == 1


def test_a_decision_without_a_reason_is_refused(incident: str, ask: Any):
    assert ask("incidents", "resolve", incident, "--reason", " ")[0] == 2


def test_the_spoiled_rows_are_named(incident: str, ask: Any):
    code, found = ask("incidents", "rows", incident, "--limit", "3")
    assert (code, found["rows"], len(found["predictions"])) == (0, 200, 3)
    assert found["predictions"][0]["id"].startswith("A006-")


def test_rows_are_scored_again_from_mended_inputs_and_no_file_is_overwritten(
    incident: str, ask: Any
):
    mended = loans(200).select(["application_id", "employment_type"]).slice(0, 150)
    pq.write_table(mended, "mended.parquet")
    words = ["incidents", "rescore", incident, "-o", "again.parquet"]
    words += ["--with", "mended.parquet", "--id", "application_id"]
    code, done = ask(*words)
    assert (code, done["rows"], done["mended"]) == (0, 200, 150)
    assert done["verdicts"] == {"ok": 150, "degraded": 50}
    table = pq.read_table("again.parquet")
    assert set(table["old_verdict"].to_pylist()) == {"degraded"}
    old, new = (table[f"{which}_decision"].to_pylist() for which in ("old", "new"))
    changed = [a != b for a, b in zip(old, new, strict=True)]
    assert sum(changed) == done["decisions_changed"]
    code, error = ask(*words)
    assert (code, "nothing is overwritten" in error["error"]["message"]) == (2, True)


def test_scored_again_from_logged_inputs_the_answers_are_the_same(incident: str, ask: Any):
    code, done = ask("incidents", "rescore", incident, "-o", "again.csv")
    assert (code, done["mended"], done["decisions_changed"]) == (0, None, 0)


def test_mended_rows_without_ids_are_refused(incident: str, ask: Any):
    pq.write_table(loans(3).drop_columns(["application_id"]), "bare.parquet")
    code, error = ask("incidents", "rescore", incident, "-o", "x.csv", "--with", "bare.parquet")
    assert (code, error["error"]["code"]) == (2, "HF-E-DATA")
    assert not Path("x.csv").exists()


def test_a_field_is_switched_off_and_rows_set_aside_by_hand(incident: str, ask: Any):
    code, shown = ask("incidents", "fallback", incident, "--reason", "until mended")
    assert (code, shown["switched_off"]) == (0, ["employment_type"])
    assert ask("incidents", "quarantine", incident, "--reason", "rubbish")[1]["quarantined"]
    code, shown = ask("incidents", "resolve", incident, "--reason", "mended")
    assert (shown["switched_off"], shown["quarantined"]) == ([], True)


def test_the_policy_of_the_settings_file_is_followed(here: Path, ask: Any):
    text = (here / "holdfast.toml").read_text()
    (here / "holdfast.toml").write_text(f'{text}\n[actions]\nmissing = ["quarantine"]\n')
    pq.write_table(loans(200, employment_type=[None] * 200), "broken.parquet")
    ask("predict", "champion", "broken.parquet")
    _, found = ask("monitor", "run", "--once")
    _, shown = ask("incidents", "show", found["incidents"][0]["id"])
    assert shown["quarantined"]
    assert "alert.raised" not in {m["kind"] for m in shown["history"]}


@pytest.mark.parametrize("line", ['pipelin = ["alert"]', 'pipeline = ["retrain"]', "pipeline = 3"])
def test_a_policy_that_means_nothing_is_refused(here: Path, ask: Any, line: str):
    text = (here / "holdfast.toml").read_text()
    (here / "holdfast.toml").write_text(f"{text}\n[actions]\n{line}\n")
    code, error = ask("incidents", "list")
    assert (code, error["error"]["code"]) == (2, "HF-E-CONFIG")


def test_the_text_of_an_incident_tells_impact_history_and_what_is_in_force(
    incident: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["incidents", "fallback", incident, "--reason", "until mended"]) == 0
    text = capsys.readouterr().out
    for words in ("Impact", "rows affected", "History", "until mended", "In force", "fallback"):
        assert words in text
