"""``holdfast backtest`` on a real file, in every format."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.evaluation.cv_gap import clean, leaky_groups

from holdfast.cli import main
from holdfast.reports import FORMATS


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    rows = leaky_groups(0, people=100)
    rows["when"] = [i * 7 % 800 for i in range(800)]
    path = tmp_path_factory.mktemp("backtest") / "rows.parquet"
    pq.write_table(pa.table(rows), path)
    return str(path)


def test_it_prints_the_table_and_the_backtest_and_fails_where_random_scores_flatter(leaky, capsys):
    words = ["backtest", leaky, "--target", "y", "--event-time", "when", "--group", "person"]
    assert main([*words, "--label-delay", "10", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert "HF-E321" in {f["code"] for f in told["findings"]}
    assert [row["split"] for row in told["cv_gap"]["table"]] == [
        "random", "group", "forward", "forward + group",
    ]  # fmt: skip
    assert len(told["backtest"]["origins"]) == 8


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_it_prints_every_format(name, tmp_path, capsys):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(clean(0, 600)), path)
    words = ["backtest", str(path), "--target", "y", "--event-time", "when", "--drop", "person"]
    assert main([*words, "--origins", "3", "--format", name]) in {0, 1}
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--target", "none", "--event-time", "when"],
        ["--target", "y", "--event-time", "when", "--label-delay", "soon"],
        ["--target", "y", "--event-time", "when", "--format", "pdf"],
        ["--target", "y", "--event-time", "when", "--task", "magic"],
    ],
)
def test_a_wrong_word_is_a_usage_error(leaky, words, capsys):
    assert main(["backtest", leaky, *words]) == 2
    assert "Traceback" not in capsys.readouterr().err
