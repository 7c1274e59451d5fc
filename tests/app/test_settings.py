"""Settings of exploration: typed, off unless asked for, and wrong ones named by line and key."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdfast.app.settings import Settings, load_settings
from holdfast.errors import ConfigError
from holdfast.serving.exploring import Exploration

FILE = """\
model = "loan"

[serve]
port = 0

[serve.exploration]
decision = "approve"
share = 0.02
"""


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "holdfast.toml"
    path.write_text(text)
    return load_settings(config=path)


def test_nothing_is_explored_unless_it_is_asked_for(tmp_path: Path):
    assert settings(tmp_path, "[serve]\nport = 0").exploration is None


def test_the_table_is_read_and_reaches_the_workers_whole(tmp_path: Path):
    found = settings(tmp_path, FILE)
    assert found.exploration == Exploration(share=0.02, decision="approve")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Settings) == found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.02", "2", "line 8: serve.exploration.share: Expected `float` <= 0.5"),
        ("0.02", "0", "line 8: serve.exploration.share: Expected `float` > 0.0"),
        ("0.02", "true", "line 8: serve.exploration.share: "),
        ('"approve"', "1", "line 7: serve.exploration.decision: Expected `str`, got `int`"),
        ("share", "shre", "line 6: serve.exploration: Object contains unknown field `shre`"),
        ("decision =", "key =", "line 6: serve.exploration: Object missing required field"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_key(tmp_path: Path, old, new, said):
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, FILE.replace(old, new))
    assert said in (caught.value.got or "")


def test_the_environment_does_not_explore(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_EXPLORATION", "0.5")
    assert settings(tmp_path, "").exploration is None
