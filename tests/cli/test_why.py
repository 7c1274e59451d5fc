"""``holdfast why`` on a real project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.cli.test_project import ask, here, loans, project

from holdfast.cli import main

__all__ = ["ask", "here", "project"]

pytestmark = pytest.mark.xdist_group("project")


def test_a_prediction_is_traced_to_release_data_code_and_environment(
    here: Path, ask: Any, capsys: pytest.CaptureFixture[str]
):
    pq.write_table(loans(20), "new.parquet")
    ask("predict", "champion", "new.parquet", "--id", "application_id")
    name = pq.read_table("new.parquet")["application_id"][3].as_py()
    code, found = ask("why", name)
    assert (code, found["id"], len(found["predictions"])) == (0, name, 1)
    told = found["predictions"][0]
    release = ask("release", "show", "champion")[1]
    manifest = release["manifest"]
    assert told["release"]["data"] == manifest["data"]
    assert told["release"]["code"] == manifest["code"]
    assert len(told["release"]["environment"]) == 64
    assert told["release"]["stage"] == "champion"
    assert told["contract"] == manifest["contract"]
    assert 0 <= told["score"] <= 1
    capsys.readouterr()
    assert main(["why", name]) == 0
    text = capsys.readouterr().out
    assert "champion since" in text
    assert "has not come" in text


def test_two_predictions_of_one_id_are_both_told(here: Path, ask: Any):
    pq.write_table(loans(5), "new.parquet")
    for _ in range(2):
        ask("predict", "champion", "new.parquet", "--id", "application_id", "--source", "again")
    name = pq.read_table("new.parquet")["application_id"][0].as_py()
    code, found = ask("why", name)
    assert (code, len(found["predictions"])) == (0, 2)


def test_an_id_nobody_has_exits_2_with_a_remedy(here: Path, ask: Any):
    code, said = ask("why", "nobody")
    assert (code, said["error"]["code"]) == (2, "HF-E-USAGE-PREDICTION")
    assert said["error"]["remedy"]
