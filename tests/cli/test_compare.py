"""``holdfast compare``: verdict, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.cli import main


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("old", "same", "moved", "broken")):
        rng = np.random.default_rng(seed)
        x, job = rng.normal(size=2000), rng.choice(["a", "b"], 2000)
        noise = rng.normal(size=2000) + (name == "moved")
        job = pa.array(job, mask=rng.random(2000) < 0.4 * (name == "broken"))
        score = 1 / (1 + np.exp(-x))
        pq.write_table(
            pa.table({"x": x, "noise": noise, "job": job, "p": score}), f"{name}.parquet"
        )
    return tmp_path


def run(*words: str) -> int:
    return main(["compare", "old.parquet", *words])


def test_equal_tables_exit_zero(tables: Path, capsys):
    assert run("same.parquet") == 0
    assert "No change that matters was found in 4 columns" in capsys.readouterr().out


def test_a_broken_column_exits_one_and_is_named_with_its_cause(tables: Path, capsys):
    assert run("broken.parquet", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    assert [f["columns"] for f in report["findings"]] == [["job"]]
    assert report["findings"][0]["evidence"]["cause"] == "missing"
    assert report["findings"][0]["url"].endswith("#hf-compare-missing")


def test_a_change_the_model_does_not_feel_fails_only_when_asked_to(tables: Path, capsys):
    assert run("moved.parquet", "--score", "p") == 0
    assert run("moved.parquet", "--score", "p", "--fail-on", "warning") == 1
    assert run("moved.parquet") == 1
    capsys.readouterr()


def test_too_few_rows_exit_one_and_say_so(tables: Path, capsys):
    pq.write_table(pq.read_table("same.parquet").slice(0, 40), "few.parquet")
    assert run("few.parquet") == 1
    assert "Could not tell" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["text", "json", "md", "html", "junit", "sarif"])
def test_it_speaks_every_format(tables: Path, name: str, capsys):
    assert run("broken.parquet", "--score", "p", "--cost-fp", "1", "--cost-fn", "3",
               "--format", name) == 1  # fmt: skip
    out = capsys.readouterr().out
    assert "job" in out
    if name == "junit":
        assert int(ET.fromstring(out).attrib["failures"]) >= 1


def test_bad_calls_exit_two(tables: Path, capsys):
    assert run("nowhere.parquet") == 2
    assert run("same.parquet", "--score", "nope") == 2
    assert run("same.parquet", "--cost-fp", "1") == 2
    assert run("same.parquet", "--format", "pdf") == 2
    assert run("same.parquet", "--column", "nope") == 2
    assert "no column 'nope'" in capsys.readouterr().err
