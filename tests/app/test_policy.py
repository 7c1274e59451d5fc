"""What the servers take from a project's policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.app.policy import canary_bounds
from holdfast.app.settings import Settings
from holdfast.app.supervise import serve
from holdfast.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "holdfast.toml"


def test_the_bound_on_a_canarys_time_is_that_of_the_model_that_is_named(config: Path):
    config.write_text('model = "loan"\n[policy.canary]\nmax_p99 = "50ms"\n')
    assert canary_bounds(config) == {"loan": 50_000}


@pytest.mark.parametrize(
    "text", [None, "", 'model = "loan"\n', '[policy.canary]\nmax_p99 = "50ms"\n', "no toml ["]
)
def test_without_a_bound_or_a_model_nothing_is_asked(config: Path, text: str | None):
    if text is not None:
        config.write_text(text)
    assert canary_bounds(config) == {}


@pytest.mark.parametrize("monitor", [True, False])
def test_a_server_does_not_start_with_a_policy_that_it_cannot_read(config: Path, monitor: bool):
    config.write_text('model = "loan"\n[policy.canary]\nmax_p99 = "50 miles"\n')
    with pytest.raises(ConfigError, match=r"line 3: canary\.max_p99 = '50 miles'") as caught:
        serve(Settings(monitor=monitor, port=0))
    assert caught.value.code == "HF-E-POLICY"
