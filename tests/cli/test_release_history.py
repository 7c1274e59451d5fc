"""`holdfast release history`: the newest first, with who and why, and as plain data."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from holdfast.cli import release
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "holdfast.db"
    with Store.open(path) as store:
        loan = Lifecycle(store, "loan")
        loan.add("a" * 64, at=0, by="ada", reason="built")
        store.decide_gate("loan", "a" * 64, "passed", at=1)
        loan.audit("a" * 64, at=2, by="ada", reason="no leak found")
        loan.promote("a" * 64, at=3, by="ada", reason="the first")
        Lifecycle(store, "spam").freeze(everywhere=True, at=4, by="eve", reason="holidays")
        Lifecycle(store, "spam").freeze(at=5, by="eve", reason="spam only")
        store.catalog.add_model("quiet", at=6)
    return path


def ask(path, *arguments):
    done = CliRunner().invoke(release.app, ["history", "--store", str(path), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_newest_comes_first_with_who_and_why(path):
    text = ask(path, "--model", "loan")
    assert text.index("Promotions are frozen") < text.index("became champion")
    assert "the first" in text
    assert "ada" in text
    assert "spam only" not in text


def test_json_holds_the_entries_and_a_limit_keeps_the_newest(path):
    told = json.loads(ask(path, "--model", "loan", "--json", "--limit", "2"))
    assert (told["model"], told["events"]) == ("loan", 5)
    assert [entry["at"] for entry in told["history"]] == [4, 3]
    assert told["history"][1]["release"] == "a" * 64
    assert "3 older ones are not shown" in ask(path, "--model", "loan", "--limit", "2")


def test_a_freeze_of_every_model_is_part_of_the_history_of_each(path):
    told = json.loads(ask(path, "--model", "quiet", "--json"))
    assert [(entry["by"], entry["why"]) for entry in told["history"]] == [("eve", "holidays")]


def test_a_model_to_which_nothing_happened_says_so(tmp_path):
    with Store.open(tmp_path / "new.db") as store:
        store.catalog.add_model("loan", at=0)
    assert "Nothing has happened yet" in ask(tmp_path / "new.db", "--model", "loan")
