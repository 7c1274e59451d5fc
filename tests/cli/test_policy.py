"""The policy of a project on the command line: checked, shown, and its errors named."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
from tests.cli.projects import COLUMNS

from holdfast.cli import main
from holdfast.demo.loans import generate
from holdfast.retraining.policy import Policy
from holdfast.retraining.reading import read_policy


def test_the_policy_that_init_suggests_is_a_policy(tmp_path, capsys):
    pq.write_table(generate(seed=5, rows=100).table.select(COLUMNS), tmp_path / "loans.parquet")
    words = ["--data", str(tmp_path / "loans.parquet"), "--target", "outcome"]
    assert main(["init", str(tmp_path / "loan"), *words]) == 0
    text = (tmp_path / "loan" / "holdfast.toml").read_text()
    assert read_policy(text) == Policy()
    lines = [line[2:] if line.startswith("# ") else line for line in text.splitlines()]
    assert read_policy("\n".join(lines)).automatic
    config = str(tmp_path / "loan" / "holdfast.toml")
    capsys.readouterr()
    assert main(["policy", "check", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["automatic"] is False


def test_a_wrong_key_is_named_with_its_line(tmp_path, capsys):
    path = tmp_path / "holdfast.toml"
    path.write_text('[policy.unless]\ncooldwon = "7d"\n')
    assert main(["policy", "check", "--config", str(path), "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "HF-E-POLICY"
    assert "line 2" in error["message"]
    assert "unless.cooldown" in error["expected"]


def test_without_a_settings_file_it_says_what_to_do(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["policy", "show"]) == 2
    assert "holdfast init" in capsys.readouterr().err
