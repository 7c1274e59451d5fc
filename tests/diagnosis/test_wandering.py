"""What the world does by itself is no broken pipeline, and what a pipeline does is still named."""

from __future__ import annotations

import numpy as np
import pytest
from tests.diagnosis.world import NOON, crossing, shop, told

from holdfast.diagnosis.diagnose import diagnose
from holdfast.diagnosis.evidence import Evidence, Sample
from holdfast.frames.values import ValueKind, read_values
from holdfast.profiles.portrait import Portrait
from holdfast.records import Action

EARLIER = shop(600, 7)


def numbers(**columns):
    return {name: read_values(ValueKind.NUMBER, values) for name, values in columns.items()}


def words(**columns):
    return {name: read_values(ValueKind.CATEGORY, values) for name, values in columns.items()}


def spells(rng, rows, length, values):
    """A number that stays for about `length` rows, then takes another of some values."""
    change = rng.random(rows) < 1.0 / length
    change[0] = True
    return rng.choice(values, change.sum())[np.cumsum(change) - 1]


def told_of(reference, now, before, field, code="values"):
    evidence = Evidence(
        moved=(crossing(field, code),),
        now=Sample(columns=now),
        before=None if before is None else Sample(columns=before),
        portrait=Portrait.of(reference),
        shown=frozenset(reference),
    )
    return diagnose(evidence, NOON)


def test_a_warm_season_that_takes_many_columns_beyond_their_range_is_drift():
    rng = np.random.default_rng(2)

    def days(rows, warmth):
        sky = rng.normal(warmth, 1.0, rows)
        morning = 14.0 + 4.0 * sky + rng.normal(0, 1, rows)
        noon = 20.0 + 5.0 * sky + rng.normal(0, 1, rows)
        sun = 7.0 + 2.5 * sky + rng.normal(0, 1, rows)
        return numbers(morning=morning.round(1), noon=noon.round(1), sun=sun.round(1))

    said = told_of(days(4000, 0.0), days(900, 1.8), days(500, 0.6), "sun").cause
    assert (said.class_, said.kind) == ("covariate", "covariate_drift")


def test_an_index_that_stands_still_as_it_always_did_is_not_stuck():
    rng = np.random.default_rng(3)
    values = np.arange(0.0, 30.0) + 0.37
    rows = 4000
    reference = numbers(index=spells(rng, rows, 400, values), other=rng.normal(size=rows).round(3))
    now = numbers(index=np.full(300, 17.37), other=rng.normal(size=300).round(3))
    before = numbers(index=np.full(300, 4.37), other=rng.normal(size=300).round(3))
    assert told_of(reference, now, before, "index").cause.kind not in {"stuck", "default_filled"}


def test_a_column_that_stands_still_though_it_never_did_is_stuck():
    rng = np.random.default_rng(4)

    def make(rows):
        return numbers(index=rng.normal(50, 9, rows).round(2), other=rng.normal(size=rows))

    now = make(300)
    now["index"] = read_values(ValueKind.NUMBER, np.full(300, 43.21))
    said = told_of(make(4000), now, make(300), "index", "repeat").cause
    assert (said.kind, said.action) == ("stuck", Action.FIX_PIPELINE)


def test_a_new_record_is_drift_and_a_value_far_off_is_an_outlier():
    rng = np.random.default_rng(5)
    reference = numbers(x=rng.uniform(0, 10, 4000).round(2), y=rng.normal(size=4000))

    def now(top):
        x = rng.uniform(0, 10, 600)
        high = rng.random(600) < 0.08
        x[high] = top + rng.uniform(0, 1, int(high.sum()))
        return numbers(x=x.round(2), y=rng.normal(size=600))

    near = told_of(reference, now(10.2), None, "x", "above").cause
    far = told_of(reference, now(60.0), None, "x", "above").cause
    assert near.class_ == "covariate"
    assert (far.kind, far.action) == ("outliers", Action.FIX_PIPELINE)


def test_what_explains_the_rows_before_as_well_is_no_news():
    table, before = shop(300, 11), shop(600, 7)
    for rows in (table, before):
        rows["income"] = rows["income"] * 1.4
    plan = np.random.default_rng(1).random(300) < 0.6
    table["plan"] = np.where(plan, None, table["plan"])
    said = told(table, before=before, moved=(crossing("plan", "null"),)).cause
    assert (said.kind, said.features) == ("missing", ("plan",))


def test_values_of_the_row_before_are_served_from_other_rows():
    table = shop(600, 11)
    late = np.random.default_rng(6).random(600) < 0.4
    for name in ("amount", "income"):
        table[name] = np.where(late, np.roll(table[name], 1), table[name])
    moved = (crossing("amount", "repeat"), crossing("income", "repeat"))
    said = told(table, before=EARLIER, moved=moved).cause
    assert said.kind == "stale_misaligned"
    assert set(said.features) == {"amount", "income"}


def test_a_lag_is_found_where_only_labels_tell():
    table = shop(300, 11)
    table["idle"] = EARLIER["idle"][-500:-200]
    said = told(table, before=EARLIER, labels=1.0, moved=(crossing("idle", "label"),)).cause
    assert (said.kind, said.features) == ("stale_misaligned", ("idle",))
    assert said.action is Action.FIX_PIPELINE


def test_a_usual_value_that_grew_is_drift_unless_its_rows_share_an_origin():
    def rows(where):
        table = shop(900, 11)
        table["country"] = np.where(where, "FR", table["country"])
        return table

    rng = np.random.default_rng(8)
    codes = rng.integers(0, 2, 900)
    scattered = told(rows(rng.random(900) < 0.15), moved=(crossing("country"),)).cause
    gathered = told(
        rows(codes == 1), moved=(crossing("country"),), origins={"source": (codes, ["web", "app"])}
    ).cause
    assert scattered.class_ in {"covariate", "harmless"}
    assert (gathered.class_, gathered.action) == ("pipeline", Action.FIX_PIPELINE)


@pytest.mark.parametrize("share", [0.15, 0.3])
def test_a_drift_that_may_be_a_broken_pipeline_is_to_be_looked_at(share):
    table = shop(500, 11)
    grown = np.random.default_rng(9).random(500) < share
    table["country"] = np.where(grown, "FR", table["country"])
    diagnosis = told(table, moved=(crossing("country"),))
    front, *rest = diagnosis.facts["suspects"]
    broken = max(s["value"] for s in rest if s["kind"] in {"stuck", "encoding_permuted"})
    assert front["value"] - 12.0 < broken < front["value"]  # nearly as likely, but not more
    assert diagnosis.cause.kind == "covariate_drift"
    assert diagnosis.cause.action is Action.INVESTIGATE


def test_a_rare_category_under_the_name_of_a_common_one_is_exchanged():
    rng = np.random.default_rng(10)
    usual = rng.choice(["a", "b", "rare"], 4000, p=[0.7, 0.295, 0.005])
    now = rng.choice(["rare", "b", "a"], 400, p=[0.7, 0.295, 0.005])

    def read(x):
        return {"state": read_values(ValueKind.CATEGORY, x)}

    said = told_of(read(usual), read(now), None, "state").cause
    assert (said.kind, said.features) == ("encoding_permuted", ("state",))


def test_scores_do_not_accuse_the_model_while_inputs_move():
    table = shop(400, 11)
    table["amount"] = table["amount"] * 100.0
    said = told(table, before=EARLIER, moved=(crossing("amount"), crossing("", "score"))).cause
    assert (said.kind, said.features) == ("unit_scale", ("amount",))


def one_after_the_other(names, rows=4000):
    return np.repeat(np.array(names, object), rows // len(names))


def test_a_spelling_among_months_is_no_rename():
    months = one_after_the_other([f"2008-{month:02d}" for month in range(1, 10)])
    now, before = np.full(300, "2008-10", object), np.full(300, "2008-09", object)
    said = told_of(words(m=months), words(m=now), words(m=before), "m", "unseen").cause
    assert (said.class_, said.kind) == ("covariate", "new_category")


def test_a_renamed_category_among_unlike_ones_is_a_rename():
    places = one_after_the_other(["Lisbon", "Oslo", "Rome", "Vienna"])
    now, before = np.full(300, "v2_anneiV", object), np.full(300, "Vienna", object)
    said = told_of(words(place=places), words(place=now), words(place=before), "place", "unseen")
    assert (said.cause.kind, said.cause.features) == ("category_renamed", ("place",))
    assert "Vienna -> v2_anneiV" in said.cause.words


def test_a_category_in_another_case_is_renamed_though_a_known_one_contains_it():
    rng = np.random.default_rng(12)
    sexes = rng.choice(np.array(["Female", "Male"], object), 4000)
    now = rng.choice(np.array(["FEMALE", "MALE"], object), 300)
    said = told_of(words(sex=sexes), words(sex=now), words(sex=sexes[:300]), "sex", "unseen").cause
    assert said.kind == "category_renamed"
    assert "Female -> FEMALE" in said.words
    assert "Male -> MALE" in said.words


@pytest.mark.parametrize(
    ("now", "kind"),
    [("STANDARD", "category_renamed"), ("Premium", "new_category"), ("unknown", "default_filled")],
)
def test_a_reference_of_one_category_is_told_by_spelling_only(now, kind):
    def plan(name, rows):
        return words(plan=np.full(rows, name, object))

    known, before = plan("Standard", 4000), plan("Standard", 300)
    said = told_of(known, plan(now, 300), before, "plan", "unseen").cause
    assert (said.kind, said.features) == (kind, ("plan",))


def of_six_rows(rng, rows):
    """Names, and numbers, that stay for about six rows."""
    towns = np.array(["Lisbon", "Oslo", "Rome", "Vienna"], object)
    place = towns[spells(rng, rows, 6, np.arange(4.0)).astype(int)]
    return place, spells(rng, rows, 6, np.arange(1.0, 31.0) + 0.37)


@pytest.mark.parametrize("seed", [13, 14, 15])
def test_a_default_that_stands_between_other_values_of_a_sticky_column_is_named(seed):
    rng = np.random.default_rng(seed)
    (places, index), (place, now), (past, before) = (of_six_rows(rng, n) for n in (6000, 600, 600))
    hit = rng.random(600) < 0.4
    now[hit], place[hit] = 0.0, "unknown"
    of_numbers = told_of(numbers(x=index), numbers(x=now), numbers(x=before), "x").cause
    of_words = told_of(words(x=places), words(x=place), words(x=past), "x", "unseen").cause
    assert (of_numbers.kind, of_words.kind) == ("default_filled", "default_filled")


@pytest.mark.parametrize("seed", [13, 14, 15])
@pytest.mark.parametrize("value", [0.0, 15.37])
def test_a_spell_of_a_default_in_a_sticky_column_is_not(seed, value):
    rng = np.random.default_rng(seed)
    (_, index), (_, now), (_, before) = (of_six_rows(rng, n) for n in (6000, 600, 600))
    now[-20:] = value
    said = told_of(numbers(x=index), numbers(x=now), numbers(x=before), "x").cause
    assert said.kind not in {"default_filled", "stuck"}


def fees(values):
    """A column of fees beside one that has nothing to do with it."""
    return numbers(fee=values, other=np.random.default_rng(len(values)).normal(size=len(values)))


@pytest.mark.parametrize("value", [4.0, 0.0, -999.0])
@pytest.mark.parametrize("onset", [0, 150])
def test_a_column_constant_in_the_reference_that_steps_to_another_constant_is_no_default_fill(
    value, onset
):
    now = fees(np.where(np.arange(300) < onset, 3.0, value))
    said = told_of(fees(np.full(4000, 3.0)), now, fees(np.full(299, 3.0)), "fee").cause
    assert (said.class_, said.kind, said.features) == ("covariate", "covariate_drift", ("fee",))


@pytest.mark.parametrize("value", [4.0, 0.0, -999.0])
def test_a_default_in_single_rows_of_a_constant_column_is_named(value):
    hit = np.random.default_rng(16).random(300) < 0.2
    now = fees(np.where(hit, value, 3.0))
    said = told_of(fees(np.full(4000, 3.0)), now, fees(np.full(299, 3.0)), "fee").cause
    assert (said.kind, said.features) == ("default_filled", ("fee",))
