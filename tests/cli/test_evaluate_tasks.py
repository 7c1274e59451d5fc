"""``holdfast evaluate --task`` on files: every task, formats, exit codes, wrong flags."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.cli import main
from holdfast.reports import FORMATS


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    rng = np.random.default_rng(0)
    n = 600
    label = rng.choice(["a", "b", "c"], n)
    score = rng.dirichlet(np.ones(3), n)
    score[np.arange(n), np.searchsorted(["a", "b", "c"], label)] += 1
    score /= score.sum(axis=1, keepdims=True)
    value = rng.gamma(2, 10, n) + 1
    users = np.repeat(np.arange(100), 4)
    own = users % 20
    tables = {
        "rows": pa.table(
            {
                "y": label,
                "said": np.array(["a", "b", "c"])[score.argmax(axis=1)],
                "p_a": score[:, 0], "p_b": score[:, 1], "p_c": score[:, 2],
                "sure": score.max(axis=1),
                "value": value,
                "guess": value + rng.normal(0, 3, n),
                "low": value - 9, "high": value + 5,
                "t": np.arange(n),
            }
        ),
        "lists": pa.table({"user": users, "item": own * 5 + np.tile(np.arange(4), 100),
                           "score": np.tile([0.9, 0.8, 0.7, 0.6], 100)}),
        "test": pa.table({"user": np.arange(100), "item": (np.arange(100) % 20) * 5,
                          "t": np.full(100, 9)}),
        "train": pa.table({"user": np.arange(100), "item": np.full(100, 200),
                           "t": np.full(100, 1)}),
    }  # fmt: skip
    folder: Path = tmp_path_factory.mktemp("tasks")
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in tables}


def _run(capsys, *words: str) -> tuple[int, dict]:
    code = main(["evaluate", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def _shape(found: dict) -> None:
    assert {"passed", "metrics", "threshold", "baselines", "findings"} <= set(found)
    for estimate in found["metrics"].values():
        assert {"value", "low", "high", "n", "positives"} <= set(estimate)


def test_classes(files, capsys):
    code, found = _run(
        capsys, files["rows"], "--task", "multiclass", "--target", "y", "--score-prefix", "p_",
        "--train", files["rows"],
    )  # fmt: skip
    _shape(found)
    assert code == 0
    assert found["passed"] is True
    assert found["metrics"]["roc_auc_ovr"]["value"] > 0.9


def test_numbers(files, capsys):
    code, found = _run(
        capsys, files["rows"], "--task", "regression", "--target", "value", "--score", "guess",
        "--interval", "low,high", "--quantile", "0.05=low", "--event-time", "t",
    )  # fmt: skip
    _shape(found)
    assert code == 0
    assert found["metrics"]["interval_coverage"]["value"] == 1.0
    assert "last_value" in found["baselines"]


def test_texts(files, capsys):
    code, found = _run(
        capsys, files["rows"], "--task", "text", "--target", "y", "--score", "said",
        "--confidence", "sure", "--target-error", "0.2",
    )  # fmt: skip
    _shape(found)
    assert code == 0
    assert found["threshold"]["error_at_most"] <= 0.2


def test_lists(files, capsys):
    words = (files["lists"], "--task", "ranking", "--test", files["test"], "--train",
             files["train"], "--k", "3", "--k", "2", "--event-time", "t")  # fmt: skip
    code, found = _run(capsys, *words)
    _shape(found)
    assert code == 0
    assert found["metrics"]["ndcg@3"]["value"] == 1.0
    code, found = _run(capsys, *words, "--require", "novelty@3>=99")
    assert code == 1
    assert found["passed"] is False
    assert "HF-E004" in {f["code"] for f in found["findings"]}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written(files, capsys, format):  # noqa: A002
    words = [files["rows"], "--task", "regression", "--target", "value", "--score", "guess"]
    assert main(["evaluate", *words, "--format", format]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "words",
    [
        ["--task", "multiclass"],
        ["--task", "clustering", "--target", "y"],
        ["--task", "ranking"],
        ["--task", "regression", "--target", "value", "--score", "guess", "--quantile", "low"],
        ["--task", "regression", "--target", "value", "--score", "guess", "--interval", "low"],
        ["--task", "multiclass", "--target", "y", "--score", "said", "--interval", "low,high"],
        ["--task", "multiclass", "--target", "y", "--score-prefix", "q_"],
        ["--task", "regression", "--target", "value", "--score", "absent"],
        ["--task", "regression", "--target", "y", "--score", "guess"],
        ["--task", "text", "--target", "y", "--score", "said", "--require", "ndcg>=1"],
        ["--task", "regression", "--target", "value", "--score", "guess", "--capacity", "9"],
        ["--task", "regression", "--target", "value", "--score", "guess", "--cost-fn", "9"],
        ["--task", "regression", "--target", "value", "--score", "guess", "--cost-table", "c.csv"],
        ["--task", "ranking", "--slices", "all"],
        [],
    ],
)  # fmt: skip
def test_wrong_flags_end_with_two_and_words(files, capsys, words):
    assert main(["evaluate", files["rows"], *words]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_costs_of_classes_come_from_a_file(files, capsys, tmp_path):
    words = [files["rows"], "--task", "multiclass", "--target", "y", "--score", "said"]
    path = tmp_path / "costs.csv"
    path.write_text("truth,decision,cost\na,b,50\na,c,50\n", "utf-8")
    rows = pq.read_table(files["rows"])
    truth, said = (np.array(rows.column(name)) for name in ("y", "said"))
    cost = np.where(truth == said, 0, np.where(truth == "a", 50, 1)).mean()
    _, found = _run(capsys, *words, "--cost-table", str(path))
    assert found["metrics"]["expected_cost"]["value"] == pytest.approx(cost)
    path.write_text("truth,decision,cost\na,b,50\na,b,5\n", "utf-8")
    assert main(["evaluate", *words, "--cost-table", str(path)]) == 2
    path.write_text("truth,cost\na,50\n", "utf-8")
    assert main(["evaluate", *words, "--cost-table", str(path)]) == 2


def test_costs_name_numbers_by_their_digits(capsys, tmp_path):
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    pq.write_table(pa.table({"y": truth, "score": said}), tmp_path / "n.parquet")
    path = tmp_path / "costs.csv"
    path.write_text("truth,decision,cost\n2,0,7\n", "utf-8")
    _, found = _run(
        capsys, str(tmp_path / "n.parquet"), "--task", "multiclass", "--target", "y",
        "--cost-table", str(path),
    )  # fmt: skip
    cost = np.where(truth == said, 0, np.where((truth == 2) & (said == 0), 7, 1)).mean()
    assert found["metrics"]["expected_cost"]["value"] == pytest.approx(cost)


def test_decisions_beside_scores_a_champion_and_slices_are_taken_from_columns(files, capsys):
    code, found = _run(
        capsys, files["rows"], "--task", "multiclass", "--target", "y", "--score", "said",
        "--score-prefix", "p_", "--champion", "said", "--slices", "value", "--entity", "t",
    )  # fmt: skip
    assert code == 1
    assert found["passed"] is None
    assert {"HF-E002", "HF-E331"} <= {f["code"] for f in found["findings"]}


def test_the_champion_of_a_ranking_is_a_file_of_lists(files, capsys):
    code, found = _run(
        capsys, files["lists"], "--task", "ranking", "--test", files["test"], "--train",
        files["train"], "--champion", files["lists"],
    )  # fmt: skip
    assert code == 1
    assert found["baselines"]["champion"]["verdict"] == "no evidence of gain"
