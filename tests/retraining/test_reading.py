"""A policy file is read whole, or refused with line, form and nearest key."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdfast.errors import ConfigError
from holdfast.retraining.policy import Policy, Rise
from holdfast.retraining.reading import CLAUSES, line_of, nearest, read_policy
from holdfast.retraining.showing import shown
from holdfast.retraining.units import Rate, duration

WHOLE = """
model = "loan"
[policy]
automatic = true
screening = false
metric = "cost"
[policy.when]
incident = false
loss_increase = { min = 0.02, confidence = 0.9, for = "3d" }
growth = false
schedule = "30d"
maturity = "7d"
recalibrate_first = false
[policy.unless]
open_incident = ["pipeline"]
matured_labels = 500
cooldown = "2d"
storm = 5
[policy.limits]
per_model = "2/24h"
at_once = 1
attempts = 2
[policy.gates]
by = 0.5
confidence = 0.99
decide_at = 1000
held_back = 200
slice_drop = 0.1
slice_support = 100
[policy.shadow]
min = "1h"
requests = 10
max_error_rate = 0.01
max_p99 = "50ms"
[policy.canary]
steps = [0.1, 1.0]
min = "10m"
requests = 20
max_error_rate = 0.02
max_p99 = "60ms"
[policy.rollback]
automatic = false
keep_standby = "3d"
"""


def test_a_file_without_a_policy_has_the_default_one():
    assert read_policy('model = "loan"') == Policy()


def test_every_key_is_read():
    found = read_policy(WHOLE)
    assert found.when.loss_increase == Rise(min=0.02, confidence=0.9, lasting=duration("3d"))
    assert (found.when.growth, found.when.schedule) == (None, duration("30d"))
    assert found.limits.per_model == Rate(2, duration("1d"))
    assert found.canary.steps == (0.1, 1.0)
    plain, usual = msgspec.to_builtins(found), msgspec.to_builtins(Policy())
    for table in ("when", "unless", "limits", "gates", "shadow", "canary", "rollback"):
        assert not {k for k in plain[table] if plain[table][k] == usual[table][k]}, table
    assert WHOLE.count(" = ") >= len(CLAUSES) - 1


def test_the_rise_of_the_loss_can_be_switched_off():
    found = read_policy("[policy.when]\nloss_increase = false\n")
    assert found.when.loss_increase is None


@pytest.mark.parametrize(
    ("text", "line", "said", "expected"),
    [
        ("[policy]\nautomatc = true", 2, "no key automatc", "automatic, the nearest"),
        ("[policy]\nautomatic = 1", 2, "automatic = 1", "true or false"),
        ('[policy]\nmetric = "auc"', 2, "metric = 'auc'", "one of log_loss"),
        ("policy = 3", 1, "is no table", "a table"),
        ("[policy]\nwhen = 3", 2, "when is no table", "a table"),
        ("[policy]\n\n[policy.wen]\ngrowth = 2", 3, "no key wen", "when, the nearest"),
        ("[policy.when]\ngrowht = 2.0", 2, "no key when.growht", "when.growth, the nearest"),
        ("[policy.when]\ngrowth = 1.0", 2, "when.growth = 1.0", "above 1"),
        ('[policy.when]\ngrowth = "2"', 2, "when.growth = '2'", "above 1"),
        ("[policy.when]\nschedule = 30", 2, "when.schedule = 30", "such as"),
        ('[policy.when]\nschedule = "30 days"', 2, "'30 days'", "such as"),
        ("[policy.when]\nloss_increase = 0.02", 2, "is no table", "a table"),
        ("[policy.when.loss_increase]\nmin = 0", 2, "min = 0", "above 0"),
        ("[policy.when]\nloss_increase = { min = 0.1, confidence = 95 }", 2, "95", "below 1"),
        ("[policy.when]\nloss_increase = { confidence = 0.5 }", 2, "0.5", "above 0.5"),
        ("[policy.when.loss_increase]\nfor = 3", 2, "for = 3", "a number with a unit"),
        ('[policy.unless]\ncool_down = "7d"', 2, "unless.cool_down", "unless.cooldown, the"),
        ("[policy.unless]\nmatured_labels = 2000.5", 2, "2000.5", "a whole number"),
        ("[policy.unless]\nmatured_labels = true", 2, "true", "a whole number"),
        ("[policy.unless]\nstorm = 1", 2, "storm = 1", "2 or more"),
        ('[policy.unless]\nopen_incident = "pipeline"', 2, "'pipeline'", "a list of"),
        ('[policy.unless]\nopen_incident = ["pipelin"]', 2, "pipelin", "a list of"),
        ('[policy.limits]\nper_model = "1 per day"', 2, "1 per day", "1/24h"),
        ("[policy.limits]\nat_once = 0", 2, "at_once = 0", "1 or more"),
        ("[policy.gates]\nby = -1", 2, "by = -1", "0 or more"),
        ("[policy.shadow]\nmax_error_rate = 2", 2, "= 2", "from 0 to 1"),
        ("[policy.shadow]\nmax_p99 = 50", 2, "= 50", "a number with a unit"),
        ("[policy.canary]\nsteps = [0.0, 0.1]", 2, "[0.0, 0.1]", "a list of shares"),
        ("[policy.canary]\nsteps = [5, 10]", 2, "[5, 10]", "a list of shares"),
        # clauses that contradict one another
        ("[policy.canary]\nsteps = [0.2, 0.1]", 2, "do not rise", "rising shares"),
        ('[policy.when]\nschedule = "1d"', 2, "could never be kept", "at least the cooldown"),
        (
            '[policy.unless]\ncooldown = "0s"\n[policy.when]\nschedule = "1h"',
            4, "asks for more than limits.per_model", "that the limit allows",
        ),
        (
            "[policy.when]\nincident = false\nloss_increase = false\ngrowth = false",
            1, "nothing ever asks", "at least one of",
        ),
        (
            "[policy]\nautomatic = true\n[policy.unless]\nopen_incident = []",
            4, "would learn from broken rows", "pipeline",
        ),
        ("[policy.gates]\ndecide_at = 100", 1, "no slice would ever be judged", "at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_what_is_right(text, line, said, expected):
    with pytest.raises(ConfigError) as caught:
        read_policy(text)
    error = caught.value
    assert error.code == "HF-E-POLICY"
    assert f"line {line}: " in error.message
    assert said in error.message
    assert expected in error.expected
    assert error.remedy


def test_every_trouble_is_told_at_once():
    with pytest.raises(ConfigError, match=r"line 2: .*line 3: ") as caught:
        read_policy("[policy.unless]\nstorm = 1\ncool = 2\n")
    assert caught.value.got == "2 wrong clauses"


def test_a_file_that_is_no_toml_is_refused():
    with pytest.raises(ConfigError, match="cannot be read"):
        read_policy("[policy")


@pytest.mark.parametrize("key", sorted(CLAUSES))
def test_a_key_with_one_letter_too_many_is_told_the_right_one(key):
    assert nearest(f"{key}s") == key


def test_a_dotted_key_is_found_at_its_line():
    assert line_of("a = 1\npolicy.when.growth = 2", ("policy", "when", "growth")) == 2


def test_the_page_on_the_policy_names_every_key_with_its_default():
    page = (Path(__file__).parents[2] / "docs" / "retraining-policy.md").read_text("utf-8")
    for clause in shown(Policy(), ""):
        row = next((line for line in page.splitlines() if f"`{clause.key}`" in line), None)
        assert row is not None, clause.key
        if clause.value not in ("not set", "true", "false"):
            assert f"`{clause.value}`" in row, (clause.key, clause.value)
