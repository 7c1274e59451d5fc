"""``holdfast mirror mlflow`` on a real project and a real server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cli.projects import asked, lending
from tests.mlflow_server import free_port

from holdfast.cli import main
from holdfast.integrations.mlflow import Mlflow

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion and a second release whose gate is open."""
    return lending(tmp_path_factory.mktemp("mirror"))


@pytest.fixture
def ask(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs ``holdfast mirror mlflow ... --json`` in the project; gives exit code and object."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    return partial(asked, capsys, "mirror", "mlflow")


def test_both_agree_after_a_mirroring_and_differ_after_a_promotion(
    mlflow_url: str, ask: Any, capsys: pytest.CaptureFixture[str]
):
    there = ("--url", mlflow_url)
    code, told = ask(*there, "--check")
    assert (code, told["agree"], told["written"]) == (3, False, 0)
    code, planned = ask(*there, "--dry-run")
    assert (code, planned["agree"], planned["written"]) == (0, False, 0)
    assert Mlflow(mlflow_url).model("loan") is None
    code, done = ask(*there)
    assert (code, done["agree"]) == (0, True)
    assert done["written"] == len(done["models"][0]["changes"]) == 8
    assert ask(*there, "--check")[0] == 0
    assert ask(*there, "--model", "loan")[1]["written"] == 0

    assert main(["release", "promote", "latest", "--reason", "better"]) == 0
    code, told = ask(*there, "--check")
    assert code == 3
    assert [c["name"] for c in told["models"][0]["changes"] if c["what"] == "alias"] == [
        "champion", "standby",
    ]  # fmt: skip
    assert ask(*there)[0] == 0

    Mlflow(mlflow_url).set_alias("loan", "champion", 1)
    capsys.readouterr()
    assert main(["mirror", "mlflow", *there]) == 0
    text = capsys.readouterr().out
    assert "Alias champion of loan was changed over there (version 1," in text
    assert "1 thing written; MLflow and the store agree now" in text
    assert main(["mirror", "mlflow", *there, "--check"]) == 0
    assert "MLflow and the store agree; nothing was written" in capsys.readouterr().out


def test_what_cannot_be_done_ends_with_two_and_a_remedy(ask: Any, mlflow_url: str):
    code, error = ask("--url", f"http://127.0.0.1:{free_port()}")
    assert (code, error["error"]["code"]) == (2, "HF-E-MLFLOW")
    assert ask("--url", "sqlite:///mlflow.db")[1]["error"]["code"] == "HF-E-USAGE"
    assert ask("--url", mlflow_url, "--model", "nobody")[0] == 2
    code, error = ask("--url", mlflow_url, "--check", "--dry-run")
    assert (code, error["error"]["expected"]) == (2, "--check or --dry-run, not both")


def test_no_store_is_made_where_there_is_none(
    ask: Any, mlflow_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    code, error = ask("--url", mlflow_url)
    assert (code, error["error"]["message"]) == (2, "there is no store here")
    assert list(tmp_path.iterdir()) == []


def test_the_token_comes_from_the_environment(ask: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a\nb")
    code, error = ask("--url", "http://127.0.0.1:1")
    assert (code, error["error"]["message"]) == (2, "this token cannot be sent")


def test_a_release_that_cannot_be_read_is_could_not_tell(ask: Any, mlflow_url: str, project: Path):
    assert ask("--url", mlflow_url)[0] == 0
    folder = project / "holdfast.files" / "releases"
    release = sorted(folder.iterdir())[0]
    kept = (release / "evaluation.json").read_bytes()
    (release / "evaluation.json").write_text("{}")
    try:
        for words in ((), ("--check",), ("--dry-run",)):
            code, told = ask("--url", mlflow_url, *words)
            assert (code, told["agree"]) == (1, None)
        (why,) = told["models"][0]["unknown"]
        assert why.startswith(release.name[:12])
    finally:
        (release / "evaluation.json").write_bytes(kept)
