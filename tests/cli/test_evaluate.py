"""``holdfast evaluate`` on files: flags, formats, exit codes."""

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
def scored(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    n = 1_200
    x, amount = rng.normal(size=n), rng.lognormal(2, 0.5, n)
    p = 1 / (1 + np.exp(1.5 - 1.6 * x))
    bad = rng.random(n) < p
    table = pa.table(
        {
            "status": np.where(bad, "bad", "good"),
            "score": p,
            "old score": p**0.5 / 2,
            "x": x,
            "town": np.where(np.abs(p - 0.5) < 0.2, "Lindau", "Bregenz"),
            "amount": amount,
            "customer": rng.integers(0, 300, n),
            "day": np.datetime64("2026-01-01") + rng.integers(0, 30, n),
            "accepted": rng.random(n) < 0.9,
        }
    )
    path = tmp_path_factory.mktemp("scored") / "predictions.parquet"
    pq.write_table(table, path)
    return path


def ask(capsys, path: Path, *words: str) -> tuple[int, dict]:
    code = main(
        ["evaluate", str(path), "--target", "status", "--positive", "bad", *words, "--json"]
    )
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_the_answer_is_that_of_the_issue(capsys, scored):
    code, found = ask(capsys, scored, "--cost-fp", "5", "--cost-fn", "40")
    assert code == 0
    assert found["passed"] is True
    assert {"value", "low", "high", "n", "positives"} <= set(found["metrics"]["roc_auc"])
    assert found["threshold"]["value"] == pytest.approx(5 / 45)
    assert {"majority", "prior"} <= set(found["baselines"])
    assert all({"code", "severity", "sentence"} <= set(f) for f in found["findings"])


def test_every_flag_reaches_the_evaluation(capsys, scored):
    code, found = ask(
        capsys, scored, "--cost-fn-column", "amount", "--cost-fp", "2", "--capacity", "10",
        "--capacity-period", "day", "--event-time", "day", "--entity", "customer",
        "--champion", "old score", "--features", "x,amount", "--accepted", "accepted",
        "--require", "recall>=0.1", "--require", "roc_auc.low>0.99",
    )  # fmt: skip
    assert code == 1
    assert found["passed"] is False
    assert set(found["baselines"]) >= {"champion", "single_column", "logistic_regression"}
    assert found["units"] == "entities"
    assert found["bounds"]["unknown"] > 0
    assert [c["passed"] for c in found["requirements"]] == [True, False]
    assert found["costs"]["false_negative"] == pytest.approx(8.4, rel=0.1)


def test_all_other_columns_can_be_features(capsys, scored):
    _, found = ask(capsys, scored, "--features", "all")
    assert "logistic_regression" in found["baselines"]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_printed(capsys, scored, name):
    words = ["evaluate", str(scored), "--target", "status", "--positive", "bad", "--format", name]
    assert main(words) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "words",
    [
        ["--champion", "nobody"],
        ["--features", "nothing"],
        ["--require", "recall"],
        ["--capacity", "-1"],
        ["--task", "guess"],
        ["--score", "status"],
        ["--fail-on", "never"],
        ["--slices", "nothing"],
        ["--contract", "nowhere.yaml"],
    ],
)
def test_what_cannot_be_done_ends_with_two_and_words(capsys, scored, words):
    assert ask(capsys, scored, *words)[0] == 2


def test_vanity_ends_with_one(capsys, tmp_path):
    truth = np.zeros(10_000, int)
    truth[:12] = 1
    path = tmp_path / "v.csv"
    lines = [f"{t},0.01" for t in truth]
    path.write_text("\n".join(["fraud,score", *lines]), "utf-8")
    code = main(["evaluate", str(path), "--target", "fraud", "--cost-fp", "5", "--cost-fn", "495",
                 "--json"])  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert code == 1
    assert found["findings"][0]["code"] == "HF-E001"
    assert (
        "accuracy 99.88% equals the majority class; recall 0 of 12; cost"
        in (found["findings"][0]["sentence"])
    )


def test_slices_show_values_only_with_a_contract_that_lets_them(capsys, scored, tmp_path):
    from holdfast.contracts import Contract

    contract = tmp_path / "contract.yaml"
    Contract.learn(pq.read_table(scored, columns=["town"])).save(contract)
    words = ["--slices", "town", "--fail-on", "critical"]
    hidden = json.dumps(ask(capsys, scored, *words, "--contract", str(contract))[1])
    assert "HF-E301" in hidden
    assert "Lindau" not in hidden
    text = contract.read_text("utf-8")
    contract.write_text(
        text.replace("kind: categorical", "kind: categorical\n    pii: no"), "utf-8"
    )
    assert "town = Lindau" in json.dumps(
        ask(capsys, scored, *words, "--contract", str(contract))[1]
    )


def test_a_severity_to_fail_on_reaches_slices(capsys, scored):
    assert ask(capsys, scored, "--slices", "town")[0] == 0
    assert ask(capsys, scored, "--slices", "town", "--fail-on", "warning")[0] == 1
