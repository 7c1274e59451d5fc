"""The command's side of skew: exit codes, formats, and that only the project's own code runs."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from holdfast.cli.compare_skew import compare_skew, single_rows
from holdfast.errors import ConfigError, DataError, HoldfastError, UsageError

LOGGED, TRAINING, WRONG = Path("logged.parquet"), Path("training.csv"), Path("wrong.parquet")


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ids = list(range(100))
    pq.write_table(pa.table({"id": ids, "x": [i / 7 for i in ids]}), LOGGED)
    pq.write_table(pa.table({"id": ids, "x": [i / 7 * 60 + 60 for i in ids]}), WRONG)
    TRAINING.write_text("x,id\n" + "".join(f"{i / 7},{i}\n" for i in ids), "utf-8")
    return tmp_path


def test_the_same_values_exit_zero(capsys):
    compare_skew(LOGGED, TRAINING, key=["id"])
    assert "as far as tested" in capsys.readouterr().out


def test_a_difference_exits_one_and_names_the_feature(capsys):
    with pytest.raises(typer.Exit) as stop:
        compare_skew(WRONG, TRAINING, key=["id"], json=True)
    assert stop.value.exit_code == 1
    report = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in report["findings"]] == ["HF-SKEW-UNIT"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({"key": []}, UsageError),
        ({"key": ["no"]}, DataError),
        ({"key": ["id"], "features": ["no"]}, DataError),
        ({"key": ["id"], "format": "pdf"}, UsageError),
        ({"key": ["id"], "fail_on": "never"}, UsageError),
        ({"key": ["id"], "relative": -1.0}, UsageError),
        ({"key": ["id"], "replay": True}, ConfigError),
    ],
)
def test_bad_calls_exit_two(call, error):
    with pytest.raises(error) as caught:
        compare_skew(LOGGED, TRAINING, **call)
    assert isinstance(caught.value, HoldfastError)
    assert caught.value.exit_code == 2


def test_a_replay_runs_the_transform_of_the_projects_train_file(capsys):
    Path("holdfast.toml").write_text("", "utf-8")
    Path("train.py").write_text(
        "def train(table, features, target, positive):\n    pass\n\n"
        "def transform(table):\n    import pyarrow.compute as pc\n"
        "    return table.set_column(1, 'x', pc.divide(pc.subtract(table['x'], 60.0), 60.0))\n",
        "utf-8",
    )
    compare_skew(LOGGED, WRONG, key=["id"], replay=True)
    assert "replayed" in capsys.readouterr().out


def test_a_project_without_a_transform_says_so():
    Path("holdfast.toml").write_text("", "utf-8")
    Path("train.py").write_text("def train():\n    pass\n", "utf-8")
    with pytest.raises(ConfigError, match="no function `transform`"):
        compare_skew(LOGGED, WRONG, key=["id"], replay=True)


def test_single_rows_need_a_release():
    with pytest.raises(HoldfastError) as caught:
        single_rows(Path("nowhere"), LOGGED)
    assert caught.value.exit_code == 2
