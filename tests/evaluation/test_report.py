"""The report: a verdict first, nothing without its interval, small whatever the rows."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from holdfast.evaluation import Costs, Evaluation, evaluate
from holdfast.reports import FORMATS, render
from holdfast.reports.document import BarChart, Callout, LineChart, Table, Text


def rows(n=3_000):
    rng = np.random.default_rng(0)
    p = rng.beta(1, 5, n)
    return rng.random(n) < p, p


@pytest.fixture(scope="module")
def e():
    truth, p = rows()
    return evaluate(
        truth, p, costs=Costs(1, 6), features={"x": p}, champion=p**2, requirements=["recall>=0.1"]
    )


def test_the_verdict_comes_first_and_every_part_is_there(e):
    blocks = e.document("scores").blocks
    assert isinstance(blocks[0], Callout)
    assert blocks[0].title.startswith("Better than one constant decision.")
    titles = [b.title for b in blocks if isinstance(b, LineChart | BarChart)]
    for part in ("Reliability", "ROC", "Precision", "Decision", "Profit", "Share of each class"):
        assert any(title.startswith(part) for title in titles), part
    charts = [i for i, b in enumerate(blocks) if isinstance(b, LineChart)]
    assert all(isinstance(blocks[i + 1], Text) for i in charts)  # in words as well


def test_no_metric_is_shown_without_interval_rows_and_positives(e):
    table = next(b for b in e.document().blocks if isinstance(b, Table) and b == e.table())
    for name, value, low, high, n, positives, words in table.rows:
        if value is None:
            assert words.startswith("refused: "), name
        else:
            assert low <= value <= high
            assert n > 0
            assert positives == e.positives
    for found in e.to_dict()["metrics"].values():
        assert {"value", "low", "high", "n", "positives"} <= set(found)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_can_write_it(e, name):
    text = render(e.document("scores"), name)
    assert "all clear" not in text.lower()
    if name == "json":
        plain = json.loads(text)
        assert plain["passed"] is True
        assert plain["threshold"]["value"] == pytest.approx(1 / 7)
        assert {"formula", "empirical", "used"} <= set(plain["threshold"])
        assert plain["baselines"]["majority"]["verdict"] == "better"


def test_a_report_of_many_rows_is_small():
    small, large = (
        len(render(evaluate(*rows(n), costs=Costs(1, 6)).document(), "html"))
        for n in (2_000, 200_000)
    )
    assert large < 100_000
    assert large < 1.5 * small


def test_the_record_survives_its_file(e):
    again = msgspec.json.decode(msgspec.json.encode(e), type=Evaluation)
    assert again == e
    assert again.passed is e.passed


def test_parts_of_others_join_findings_and_blocks(e):
    more = e.with_parts(findings=(e.findings[0],) if e.findings else (), blocks=(Text(text="hi"),))
    assert more.document().blocks[-1] == Text(text="hi")


def test_the_same_rows_give_the_same_bytes_in_another_process():
    code = (
        "import numpy as np\nfrom holdfast.evaluation import Costs, evaluate\n"
        "r = np.random.default_rng(0)\np = r.beta(1, 5, 900)\n"
        "print(evaluate(r.random(900) < p, p, costs=Costs(1, 6)).to_json())"
    )
    out = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(out) == 1
    assert json.loads(out.pop())["passed"] is True


def test_the_frame_has_a_row_for_each_metric(e):
    frame = e.to_frame()
    assert frame.num_rows == len(e.metrics)
    assert "positives" in frame.column_names
