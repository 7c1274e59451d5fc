"""From a user's own table to a served release, by commands alone."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from tests.cli.projects import COLUMNS, asked, build

from holdfast.cli import main
from holdfast.demo.loans import generate

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one release, built once; tests work on copies."""
    folder = tmp_path_factory.mktemp("project")
    table = generate(seed=5, rows=1_500).table.select(COLUMNS)
    pq.write_table(table, folder / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    data = str(folder / "loans.parquet")
    assert main(["init", str(folder / "loan"), "--data", data, *words]) == 0
    build(folder / "loan")
    return folder / "loan"


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the project as the working directory."""
    copy = tmp_path / "loan"
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command with ``--json``; gives exit code and object."""
    return partial(asked, capsys)


def loans(rows: int, **columns: list[Any]) -> pa.Table:
    """Later applications, some columns replaced."""
    table = generate(seed=6, rows=rows).table.select(COLUMNS)
    for name, values in columns.items():
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array(values, table.schema.field(name).type))
    return table


def test_the_project_is_under_ten_lines_of_settings_and_one_function(project: Path):
    settings = (project / "holdfast.toml").read_text()
    assert 'positive = "defaulted"' in settings
    code = (project / "train.py").read_text().splitlines()
    assert sum(1 for line in code if line.strip()) < 10
    assert sum(line.startswith("def ") for line in code) == 1


def test_a_second_init_in_the_same_folder_is_refused_unless_forced(here: Path, capsys):
    data = str(here.parent / "t.parquet")
    pq.write_table(loans(60), data)
    words = ["init", str(here), "--data", data, "--target", "outcome"]
    assert main(words) == 2
    assert "already" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0


def test_a_target_whose_positive_label_is_not_plain_must_be_named(tmp_path: Path, capsys):
    pacsv.write_csv(pa.table({"a": [1, 2], "kind": ["red", "blue"]}), tmp_path / "t.csv")
    words = ["init", str(tmp_path / "p"), "--data", str(tmp_path / "t.csv"), "--target", "kind"]
    assert main(words) == 2
    assert "--positive, one of blue, red" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "p").exists()
    assert main([*words, "--positive", "red"]) == 0


def test_the_first_release_is_the_champion_and_shows_its_blast_radius(here: Path, ask):
    code, listed = ask("release", "list")
    assert (code, [r["champion"] for r in listed["releases"]]) == (0, [True])
    code, shown = ask("release", "show")
    assert code == 0
    assert shown["id"] == listed["releases"][0]["id"]
    assert {b["fault"] for b in shown["blast_radius"]} >= {"null", "default", "shuffled"}
    assert shown["fallbacks"][0]["without"] == ["employment_type"]


def test_a_second_release_waits_for_promotion_and_can_be_rolled_back(here: Path, ask):
    code = (here / "train.py").read_text()
    fewer = code.replace("positive=positive", "positive=positive, rounds=40")
    (here / "train.py").write_text(fewer)
    code, built = ask("release", "build")
    assert (code, built["gate"]["state"]) == (1, "waiting")
    code, refused = ask("release", "promote", "latest")
    assert (code, refused["error"]["code"]) == (2, "HF-E-GATE")
    [question] = built["gate"]["questions"]
    assert question["columns"] == ["employment_type"]
    words = ["--reason", "stated at application", "--by", "Ada"]
    code, answered = ask("release", "answer", question["code"], *words)
    assert (code, answered["gate"]) == (0, "passed")
    code, listed = ask("release", "list")
    assert [r["champion"] for r in listed["releases"]] == [False, True]
    first = listed["releases"][1]["id"]
    assert built["manifest"]["parent"] == first
    assert ask("release", "promote", "latest", "--reason", "better")[1]["release"] == built["id"]
    assert ask("release", "rollback", "--reason", "worse")[1]["release"] == first


def test_an_unknown_or_ambiguous_release_is_refused_by_name(here: Path, ask):
    code, error = ask("release", "show", "ffff")
    assert (code, error["error"]["code"]) == (2, "HF-E-RELEASE")
    assert "holdfast release list" in error["error"]["remedy"]


def test_a_file_is_scored_through_guard_fallback_and_log(here: Path, ask):
    pq.write_table(loans(200, employment_type=[None] * 200), "nulls.parquet")
    code, scored = ask("predict", "champion", "nulls.parquet", "-o", "answers.parquet")
    assert code == 0
    assert scored["verdicts"] == {"degraded": 200}
    assert scored["marks"][0] == ["employment_type", "null", 200]
    answers = pq.read_table("answers.parquet")
    assert answers["fallback"].unique().to_pylist() == ["employment_type"]
    assert answers["id"][0].as_py() == "A006-000000"


def test_the_monitor_reads_what_was_scored_and_exits_one_while_an_incident_is_open(here, ask):
    pq.write_table(loans(300), "fine.parquet")
    pq.write_table(loans(200, employment_type=[None] * 200), "nulls.parquet")
    assert ask("predict", "champion", "fine.parquet")[0] == 0
    assert ask("monitor", "run", "--once")[1] == {"incidents": []}
    assert ask("predict", "champion", "nulls.parquet")[0] == 0
    code, found = ask("monitor", "run", "--once")
    assert code == 1
    assert [i["features"] for i in found["incidents"]] == [["employment_type"]]
    code, listed = ask("incidents", "list")
    assert (code, len(listed["incidents"])) == (1, 1)
    code, shown = ask("incidents", "show", listed["incidents"][0]["id"][:10])
    assert (code, shown["kind"], shown["action"]) == (1, "missing", "fix_pipeline")
    assert ask("incidents", "show", "nothing")[0] == 2


def test_an_incident_is_resolved_by_hand_once_with_its_reason(here: Path, ask):
    pq.write_table(loans(200, employment_type=[None] * 200), "broken.parquet")
    ask("predict", "champion", "broken.parquet")
    assert ask("monitor", "run", "--once")[0] == 1
    _, listed = ask("incidents", "list")
    name = listed["incidents"][0]["id"]
    words = ["incidents", "resolve", name, "--reason", "planned outage"]
    code, shown = ask(*words)
    assert (code, shown["status"]) == (0, "closed")
    assert ask("incidents", "list")[0] == 0
    code, refused = ask(*words)
    assert code == 2
    assert "closed already" in refused["error"]["message"]


def test_rows_without_an_answer_exit_one(here: Path, ask):
    pq.write_table(loans(50).drop_columns(["income_source", "monthly_income"]), "bare.parquet")
    code, scored = ask("predict", "champion", "bare.parquet", "--no-log", "--fail-on", "warning")
    assert code == 1
    assert scored["logged"] is False
    assert sum(scored["verdicts"].values()) == 50


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_answers_are_written_in_other_formats_and_formulas_are_harmless(here, ask, suffix: str):
    table = loans(3, application_id=["=1+1", "@x", "A006-000002"])
    pq.write_table(table, "rows.parquet")
    code, scored = ask("predict", "champion", "rows.parquet", "--no-log", "-o", f"a.{suffix}")
    assert code in (0, 1)
    assert scored["rows"] == 3
    text = Path(f"a.{suffix}").read_text()
    if suffix == "csv":
        assert '"\'=1+1"' in text
    else:
        assert [json.loads(line)["id"] for line in text.splitlines()][:2] == ["=1+1", "@x"]


def test_an_output_that_cannot_be_written_is_refused_and_leaves_nothing(here: Path, ask):
    pq.write_table(loans(3), "rows.parquet")
    code, error = ask("predict", "champion", "rows.parquet", "--no-log", "-o", "a.xlsx")
    assert (code, error["error"]["code"]) == (2, "HF-E-USAGE")
    assert not list(here.glob("a.xlsx*"))


def test_the_doctor_finds_a_release_that_was_tampered_with(here: Path, ask):
    code, well = ask("doctor")
    assert (code, well["passed"]) == (0, True)
    victim = next((here / "holdfast.files" / "releases").glob("*/model/booster.txt"))
    victim.chmod(0o644)
    victim.write_text(victim.read_text().replace("tree", "free", 1))
    code, ill = ask("doctor")
    assert code == 1
    assert [f["code"] for f in ill["findings"]] == ["HF-D-RELEASE"]


def test_a_failing_train_function_is_told_with_its_own_words(here: Path, ask):
    (here / "train.py").write_text("def train(table, features, target, positive):\n    1 / 0\n")
    code, error = ask("release", "build")
    assert (code, error["error"]["code"]) == (2, "HF-E-MODEL")
    assert "ZeroDivisionError" in error["error"]["got"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model = 1\n", "Expected `str`"),
        ('model = "a"\n', "data"),
        ('model = "a"\nnonsense = 2\n[data]\ntrain="t"\ntarget="y"\n', "nonsense"),
        ("not toml", "holdfast.toml"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, monkeypatch, ask, text: str, told: str):
    monkeypatch.chdir(tmp_path)
    Path("holdfast.toml").write_text(text)
    code, error = ask("release", "build")
    assert (code, error["error"]["code"]) == (2, "HF-E-CONFIG")
    assert told in error["error"]["got"]


def test_commands_that_read_refuse_to_make_a_store(tmp_path: Path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    for words in (["release", "list"], ["incidents", "list"], ["release", "show"]):
        code, error = ask(*words)
        assert code == 2
        assert "no store here" in error["error"]["message"]
    assert not list(tmp_path.iterdir())


def test_predictions_of_any_system_are_evaluated(tmp_path: Path, ask):
    scores = [i / 400 for i in range(400)]
    bad = ["bad" if (i * 7) % 400 < i else "good" for i in range(400)]
    pq.write_table(pa.table({"score": scores, "status": bad}), tmp_path / "p.parquet")
    words = ["--target", "status", "--positive", "bad", "--cost-fn", "3"]
    code, found = ask("evaluate", str(tmp_path / "p.parquet"), *words)
    assert code == 0
    assert found["threshold"]["value"] == 0.25
    assert found["metrics"]["roc_auc"]["value"] > 0.6
    assert ask("evaluate", str(tmp_path / "p.parquet"), "--target", "nothing")[0] == 2
