"""The monitor by commands: a table replayed, tables dropped in a folder, the promise shown."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from tests.cli.projects import build

from holdfast.app import folder as folders
from holdfast.app import monitor as monitors
from holdfast.app.home import opened
from holdfast.cli import main
from holdfast.demo.loans import generate
from holdfast.errors import StoreFullError

COLUMNS = [
    "application_id", "applied_at", "employment_type", "income_source", "monthly_income",
    "loan_amount", "outcome",
]  # fmt: skip

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one release, built once; tests work on copies."""
    base = tmp_path_factory.mktemp("monitored")
    pq.write_table(loans(1_500, seed=5), base / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    data = str(base / "loans.parquet")
    assert main(["init", str(base / "loan"), "--data", data, *words]) == 0
    build(base / "loan")
    return base / "loan"


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the project as the working directory."""
    copy = tmp_path / "loan"
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setattr(monitors, "APART", 0.01)
    (copy / "drop").mkdir()
    return copy


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command with ``--json``; gives exit code and object."""

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*words, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out or err)

    return run


def loans(rows: int, *, seed: int = 6, **columns: list[Any]) -> pa.Table:
    """Applications, some columns replaced."""
    table = generate(seed=seed, rows=rows).table.select(COLUMNS)
    for name, values in columns.items():
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array(values, table.schema.field(name).type))
    return table


def broken(rows: int, first: int) -> pa.Table:
    """Applications whose employment type goes missing from a row on."""
    whole = loans(rows).column("employment_type").to_pylist()
    return loans(rows, employment_type=[v if i < first else None for i, v in enumerate(whole)])


def numbers(text: str, size: int = 400) -> Path:
    """A table of numbers under a name."""
    pq.write_table(loans(size), text)
    return Path(text)


def drop(*words: str) -> tuple[str, ...]:
    return ("monitor", "run", "--once", "--folder", "drop", *words)


# -- replay ---------------------------------------------------------------------------------------


def test_a_fault_in_a_replayed_table_is_told_and_exits_1(here: Path, ask: Any):
    pq.write_table(broken(900, 500), "t.parquet")
    code, report = ask("monitor", "replay", "t.parquet", "--label-delay", "7 days")
    assert code == 1
    first = report["told"][0]["incident"]
    assert (first["class"], first["kind"], first["features"][0]) == (
        "pipeline", "missing", "employment_type",
    )  # fmt: skip
    assert report["told"][0]["rows_until_noticed"] <= 12
    assert report["outcomes"] == 900
    assert report["quiet"][0][1] >= 490


def test_a_quiet_table_exits_0_and_says_that_it_was_quiet(here: Path, capsys: Any):
    pq.write_table(loans(600, seed=11), "t.parquet")
    assert main(["monitor", "replay", "t.parquet"]) == 0
    text = capsys.readouterr().out
    assert "No incident was open: rows 0 to 599." in text
    assert "all clear" not in text.lower()


def test_without_a_release_a_table_of_normal_rows_does(here: Path, ask: Any):
    pq.write_table(loans(1_500, seed=8), "normal.parquet")
    pq.write_table(broken(900, 500), "t.parquet")
    words = ("--reference", "normal.parquet", "--event-time", "applied_at")
    code, report = ask(
        "monitor", "replay", "t.parquet", *words, "--ignore", "application_id",
        "--target", "outcome", "--positive", "defaulted",
    )  # fmt: skip
    assert code == 1
    assert report["told"][0]["incident"]["features"][0] == "employment_type"


@pytest.mark.parametrize(
    "words",
    [
        ("nothing.parquet",),
        ("t.parquet", "--label-delay", "soon"),
        ("t.parquet", "--event-time", "when"),
        ("t.parquet", "--release", "ffff"),
        ("t.parquet", "--budget", "never"),
    ],
)
def test_a_replay_that_was_asked_wrongly_exits_2(here: Path, ask: Any, words: tuple[str, ...]):
    numbers("t.parquet")
    code, said = ask("monitor", "replay", *words)
    assert code == 2
    assert said["error"]["code"].startswith("HF-E-") if "error" in said else said["code"]


# -- folder ---------------------------------------------------------------------------------------


def test_dropped_tables_are_read_once_in_name_order_with_their_outcomes(here: Path, ask: Any):
    pacsv.write_csv(loans(200, seed=1), "drop/b.csv")
    pq.write_table(loans(300, seed=2), "drop/a.parquet")
    code, said = ask(*drop())
    assert [(f["name"], f["rows"], f["outcomes"]) for f in said["files"]] == [
        ("a.parquet", 300, 300), ("b.csv", 200, 200),
    ]  # fmt: skip
    assert code == 0
    assert ask(*drop())[1]["files"] == []
    with opened() as home:
        assert home.store.predictions.read(columns=["id"]).num_rows == 500
        assert home.store.labels.read(columns=["id"]).num_rows == 500


def test_a_fault_in_dropped_tables_becomes_an_incident(here: Path, ask: Any):
    pq.write_table(loans(600), "drop/1.parquet")
    pq.write_table(broken(600, 0), "drop/2.parquet")
    code, said = ask(*drop())
    assert code == 1
    assert {f for i in said["incidents"] for f in i["features"]} >= {"employment_type"}


def test_a_broken_file_is_told_with_its_code_and_does_not_stop_the_rest(here: Path, ask: Any):
    Path("drop/1.parquet").write_bytes(b"PAR1 this is no table")
    pq.write_table(loans(50).slice(0, 0), "drop/2.parquet")
    pq.write_table(loans(100), "drop/3.parquet")
    code, said = ask(*drop())
    assert code == 1
    assert [bool(f["error"]) for f in said["files"]] == [True, True, False]
    assert all(f["code"].startswith("HF-E-") for f in said["files"][:2])
    assert ask(*drop())[1]["files"] == []
    pq.write_table(loans(120), "drop/1.parquet")
    code, said = ask(*drop())
    assert [(f["name"], f["rows"]) for f in said["files"]] == [("1.parquet", 120)]


def test_files_still_being_written_and_files_of_other_kinds_are_left_alone(here: Path, ask: Any):
    for name in ("a.parquet.tmp", ".hidden.parquet", "b.txt", "c.parquet.part"):
        Path("drop", name).write_bytes(b"half")
    pq.write_table(loans(50), "drop/other.parquet")
    assert ask(*drop("--pattern", "x*"))[1]["files"] == []
    with opened() as home:
        reader = folders.FolderReader(home, Path("drop"))
        assert (reader.look(), reader.waiting) == ([], 1)
        os.utime("drop/other.parquet", ns=(1, 10**18))
        assert (reader.look(), reader.waiting) == ([], 1)
        assert [t.rows for t in reader.look()] == [50]


@pytest.mark.parametrize("fail_at", ["begun", "logged"])
def test_a_crash_while_a_file_is_logged_neither_repeats_nor_skips_it(
    here: Path, ask: Any, monkeypatch: pytest.MonkeyPatch, fail_at: str
):
    pq.write_table(loans(200), "drop/a.parquet")
    with opened() as home:
        reader = folders.FolderReader(home, Path("drop"))
        reader.look()
        real = home.store.predictions.append_many

        def fails(batches: Any, *, durable: bool = True) -> Any:
            if fail_at == "logged":
                real(batches, durable=durable)
            raise StoreFullError("no space left")

        monkeypatch.setattr(home.store.predictions, "append_many", fails)
        with pytest.raises(StoreFullError):
            reader.look()
        reader.close()
    code, said = ask(*drop())
    assert (code, [f["rows"] for f in said["files"]]) == (0, [200])
    with opened() as home:
        assert home.store.predictions.read(columns=["id"]).num_rows == 200
        assert home.store.labels.read(columns=["id"]).num_rows == 200


def test_of_two_readers_of_one_folder_only_one_reads(here: Path):
    numbers("drop/a.parquet", 60)
    with opened() as home:
        one = folders.FolderReader(home, Path("drop"), holder="one")
        two = folders.FolderReader(home, Path("drop"), holder="two")
        assert (one.look(), two.look(), two.look()) == ([], [], [])
        assert [t.rows for t in one.look()] == [60]
        one.close()
        assert (two.look(), two.look()) == ([], [])


def test_a_folder_that_is_not_there_is_refused(here: Path, ask: Any):
    assert ask("monitor", "run", "--once", "--folder", "nowhere")[0] == 2


# -- promise --------------------------------------------------------------------------------------


def test_the_promise_says_after_how_many_rows_what_is_noticed(here: Path, ask: Any, capsys: Any):
    code, said = ask("monitor", "promise")
    assert code == 0
    found = {(n["field"], n["change"]): n["rows"] for n in said["noticed"]}
    assert found["employment_type", "nulls in 100% of rows"] <= 20
    assert found["monthly_income", "shift of one sd"] < 500
    assert said["traffic"] == ["all traffic is not watched yet: its first day is taken as the "
                               "reference"]  # fmt: skip
    assert main(["monitor", "promise"]) == 0
    assert "¼ sd" in capsys.readouterr().out


def test_a_shuffled_training_table_is_said_to_need_a_warm_up(here: Path, ask: Any):
    import numpy as np

    order = np.random.default_rng(0).permutation(1_500)
    pq.write_table(loans(1_500).take(order), "mixed.parquet")
    _, said = ask("monitor", "promise", "--reference", "mixed.parquet")
    assert "shuffled" in said["time"]
    assert "warm-up" in said["time"]


def test_columns_that_follow_the_clock_are_named(here: Path, ask: Any):
    table = loans(1_500).sort_by("applied_at")
    column = table.column("employment_type")
    morning, evening = sorted(set(column.drop_null().to_pylist()))[:2]
    hours = [t.hour for t in table.column("applied_at").to_pylist()]
    made = pa.array([morning if h < 12 else evening for h in hours], column.type)
    index = table.column_names.index("employment_type")
    table = table.set_column(index, "employment_type", made)
    pq.write_table(table, "clock.parquet")
    _, said = ask("monitor", "promise", "--reference", "clock.parquet")
    assert "the hour of the day: `employment_type`" in said["time"]


def test_building_a_release_ends_with_what_will_be_noticed(here: Path, capsys: Any):
    assert main(["release", "build"]) == 1  # the audit asks anew about every release
    out = capsys.readouterr().out
    assert "What the monitor will notice" in out
    assert "At most one false incident" in out


def test_a_reference_may_be_shuffled_and_its_rows_belong_to_somebody(tmp_path: Path, ask: Any):
    import numpy as np

    def rows(n: int, seed: int, moved: float = 0.0) -> pa.Table:
        rng = np.random.default_rng(seed)
        owner = [f"u{i}" for i in rng.integers(0, 400, n)]
        return pa.table({"who": owner, "x": rng.normal(moved, 1, n), "s": rng.random(n)})

    pq.write_table(rows(3_000, 1), tmp_path / "normal.parquet")
    pq.write_table(
        pa.concat_tables([rows(1_500, 2), rows(1_500, 3, 2.0)]), tmp_path / "now.parquet"
    )
    words = ["monitor", "replay", str(tmp_path / "now.parquet"), "--score", "s"]
    words += ["--reference", str(tmp_path / "normal.parquet")]
    opened = []
    for more in ([], ["--entity", "who"], ["--shuffled"]):
        _, report = ask(*words, "--ignore", "who", *more)
        incident = report["told"][0]["incident"]
        assert incident["features"][0] == "x"
        opened.append(incident["opened_row"])
    assert opened[0] >= 1_500
    assert opened[2] > opened[0]  # the warm-up is less sensitive
