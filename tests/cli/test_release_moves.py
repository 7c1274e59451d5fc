"""Every move of a release from the command line: told, kept with who and why, or refused."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cli.projects import asked, lending

from holdfast.cli import main
from holdfast.storage import Store

pytestmark = pytest.mark.xdist_group("release-moves")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion and a second release whose gate is open."""
    return lending(tmp_path_factory.mktemp("moves"))


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(project, tmp_path / "loan")
    monkeypatch.chdir(tmp_path / "loan")
    return tmp_path / "loan"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs ``holdfast release ... --json``; gives exit code and object."""
    return partial(asked, capsys, "release")


def stages(ask) -> dict[str, str]:
    return {r["id"]: r["stage"] for r in ask("stages")[1]["releases"]}


def test_a_release_goes_through_shadow_and_canary_and_is_set_aside(here: Path, ask):
    before = ask("stages")[1]
    assert sorted(r["stage"] for r in before["releases"]) == ["candidate", "champion"]
    assert ask("shadow", "latest")[1]["stage"] == "shadow"
    assert ask("canary", "latest", "--share", "0.05")[1]["stage"] == "canary"
    assert ask("stages")[1]["share"] == 0.05
    assert ask("canary", "latest", "--share", "0.2")[0] == 0
    code, found = ask("quarantine", "latest", "--reason", "it erred", "--by", "Ada")
    assert (code, found["stage"]) == (0, "quarantined")
    with Store.open(here / "holdfast.db") as store:
        event = store.control.events("loan", ["lifecycle.quarantine"])[-1]
    assert (event.payload["by"], event.payload["reason"]) == ("Ada", "it erred")
    assert ask("promote", "latest")[0] == 2


def test_promote_rollback_and_retire_move_the_standby(here: Path, ask):
    assert ask("promote", "latest", "--reason", "better")[1]["champion"]
    assert sorted(stages(ask).values()) == ["champion", "standby"]
    assert ask("rollback", "--reason", "worse")[1]["champion"]
    assert sorted(stages(ask).values()) == ["champion", "quarantined"]
    code, refused = ask("rollback")
    assert (code, refused["error"]["code"]) == (2, "HF-E-RELEASE")


def test_a_retired_standby_is_nothing_to_go_back_to(here: Path, ask):
    ask("promote", "latest")
    standby = next(release for release, stage in stages(ask).items() if stage == "standby")
    assert ask("retire", standby)[1]["stage"] == "retired"
    assert ask("rollback")[0] == 2


def test_a_freeze_stops_what_goes_up_until_it_is_lifted(here: Path, ask):
    assert ask("freeze", "--reason", "audit week")[1]["frozen"] == ["model:loan"]
    code, refused = ask("promote", "latest")
    assert (code, refused["error"]["code"]) == (2, "HF-E-LIFECYCLE-FROZEN")
    assert ask("freeze", "--everywhere", "--reason", "holidays")[0] == 0
    assert ask("unfreeze", "--reason", "over")[1]["frozen"] == ["all"]
    assert ask("shadow", "latest")[0] == 2
    assert ask("unfreeze", "--everywhere", "--reason", "over")[1]["frozen"] == []
    assert ask("promote", "latest")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("reject", "champion", "--reason", "no"),
        ("quarantine", "champion", "--reason", "no"),
        ("retire", "latest"),
        ("canary", "latest", "--share", "0.1"),
        ("unfreeze", "--reason", "no"),
    ],
)
def test_a_move_that_the_rules_forbid_is_refused_and_changes_nothing(here: Path, ask, words):
    before = ask("stages")[1]
    code, refused = ask(*words)
    assert (code, refused["error"]["code"]) == (2, "HF-E-LIFECYCLE")
    assert refused["error"]["remedy"]
    assert ask("stages")[1] == before


def test_the_stages_are_shown_as_text(here: Path, capsys):
    main(["release", "reject", "latest", "--reason", "weak"])
    capsys.readouterr()
    assert main(["release", "stages"]) == 0
    out = capsys.readouterr().out
    assert "rejected" in out
    assert "champion" in out
