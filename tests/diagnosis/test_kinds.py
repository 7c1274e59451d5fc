"""Every kind of fault, injected into rows of known truth, is named with its culprit and action."""

from __future__ import annotations

import numpy as np
import pytest
from tests.diagnosis.world import score, shop, told

N = 300
EARLIER = shop(600, 7)


def hit(share, seed=3, n=N):
    return np.random.default_rng(seed).random(n) < share


def change(column, make, share=1.0):
    """Rows in which `make(values)` replaced a share of a column."""

    def build():
        table = shop(N, 11)
        at = hit(share)
        values = table[column].astype(object)
        values[at] = make(table[column][at])
        if all(isinstance(v, float) for v in values):
            values = values.astype(float)
        table[column] = values
        return table

    return build


def constant(value):
    return lambda x: np.array([value] * len(x), object)


def swapped():
    table = shop(N, 11)
    table["age"], table["temp"] = table["temp"], table["age"]
    return table


def exchanged():
    names = {"ios": "android", "android": "web", "web": "tablet", "tablet": "ios"}
    return change("device", lambda x: np.array([names[v] for v in x], object))()


def stale():
    table = shop(N, 11)
    table["income"] = EARLIER["income"][-N - 200 : -200]
    return table


def late():
    table = shop(N, 11)
    table["hour"] = (table["hour"] + 5) % 24
    return table


def sent_again():
    table = shop(N, 11)
    rng = np.random.default_rng(5)
    place = np.where(hit(0.4), np.maximum(np.arange(N) - rng.integers(2, 90, N), 0), np.arange(N))
    return {name: values[place] for name, values in table.items()}


def multiplied():
    table = shop(N, 11)
    place = np.repeat(np.arange(N), np.where(hit(0.3), 3, 1))[:N]
    return {name: values[place] for name, values in table.items()}


def filtered():
    table = shop(2 * N, 11)
    keep = np.flatnonzero(table["country"] != "FR")[:N]
    return {name: values[keep] for name, values in table.items()}


def german(x):
    return np.array([str(v).replace(".", ",") for v in x], object)


FAULTS = {
    "null": (change("income", constant(None), 0.3), "missing", "income"),
    "null category": (change("plan", constant(None), 0.2), "missing", "plan"),
    "texts": (change("amount", german), "dtype_change", "amount"),
    "zero": (change("age", constant(0.0), 0.3), "default_filled", "age"),
    "sentinel": (change("income", constant(-999.0), 0.3), "default_filled", "income"),
    "median": (change("age", constant(41.0), 0.4), "default_filled", "age"),
    "unknown": (change("device", constant("unknown"), 0.3), "default_filled", "device"),
    "x1000": (change("income", lambda x: x * 1000.0), "unit_scale", "income"),
    "miles": (change("amount", lambda x: x * 1.609344), "unit_scale", "amount"),
    "fahrenheit": (change("temp", lambda x: 1.8 * x + 32.0), "unit_scale", "temp"),
    "offset": (change("temp", lambda x: x + 3.17), "unit_scale", "temp"),
    "sign": (change("age", lambda x: -x, 0.4), "unit_scale", "age"),
    "upper case": (
        change("plan", lambda x: np.array([v.upper() for v in x], object)),
        "category_renamed",
        "plan",
    ),
    "garbled": (
        change("country", lambda x: np.array([v + "\u00c3\u00a9" for v in x], object), 0.2),
        "category_renamed",
        "country",
    ),
    "exchanged": (exchanged, "encoding_permuted", "device"),
    "swapped": (swapped, "column_swap", ("age", "temp")),
    "stuck": (change("income", constant(float(EARLIER["income"][-1]))), "stuck", "income"),
    "partly stuck": (change("amount", constant(float(EARLIER["amount"][-1])), 0.5), "stuck",
                     "amount"),
    "stale": (stale, "stale_misaligned", "income"),
    "hours": (late, "timezone_shift", "hour"),
    "sent again": (sent_again, "duplicates", None),
    "multiplied": (multiplied, "fanout", None),
    "clipped": (change("income", lambda x: np.minimum(x, 35000.0)), "clipped", "income"),
    "floor": (change("temp", lambda x: np.maximum(x, 9.0)), "clipped", "temp"),
    "rounded": (change("amount", lambda x: np.round(x)), "precision_loss", "amount"),
    "cut": (change("income", lambda x: np.trunc(x / 1000.0) * 1000.0), "precision_loss", "income"),
    "outliers": (
        change("age", lambda x: 200.0 + 300.0 * np.random.default_rng(2).random(len(x)), 0.05),
        "outliers",
        "age",
    ),
    "filtered": (filtered, "lost_segment", "country"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_pipeline_is_named_with_its_column(name):
    build, kind, column = FAULTS[name]
    cause = told(build(), before=EARLIER).cause
    assert (cause.class_, cause.kind, cause.action.value) == ("pipeline", kind, "fix_pipeline")
    guilty = column if isinstance(column, tuple) else (column,)
    assert (cause.features[0] in guilty) if column else not cause.features
    assert cause.confidence > 0.5


@pytest.mark.parametrize("name", ["null", "texts", "x1000", "sentinel", "unknown", "fahrenheit"])
def test_a_gross_fault_is_named_from_eight_rows(name):
    build, kind, column = FAULTS[name]
    table = build()
    at = np.flatnonzero(hit(0.3)) if name in {"null", "sentinel", "unknown"} else np.arange(N)
    few = {c: v[at[:8]] for c, v in table.items()}
    cause = told(few, before=EARLIER).cause
    assert (cause.kind, cause.features[0]) == (kind, column)


@pytest.mark.parametrize("name", ["x1000", "clipped", "stuck", "upper case", "exchanged"])
def test_forty_clean_rows_in_front_do_no_harm(name):
    build, kind, column = FAULTS[name]
    front, table = shop(40, 99), build()
    joined = {c: np.concatenate((front[c].astype(v.dtype), v)) for c, v in table.items()}
    times = np.arange(340) * 60_000_000
    diagnosis = told(joined, before=EARLIER, at=times)
    assert (diagnosis.cause.kind, diagnosis.cause.features[0]) == (kind, column)
    if diagnosis.since is not None:
        assert abs(diagnosis.since // 60_000_000 - 40) <= 5


def tilted(column, strength):
    def weights(table):
        values = table[column].astype(float)
        return np.exp(strength * np.clip((values - values.mean()) / values.std(), -2, 2))

    return weights


def test_drift_of_a_column_with_the_others_following_is_covariate_drift():
    cause = told(shop(800, 12, tilted("age", 0.7)), before=EARLIER).cause
    assert (cause.class_, cause.kind, cause.features[0]) == ("covariate", "covariate_drift", "age")
    assert cause.action.value in {"retrain", "ignore"}


def test_drift_of_categories_is_covariate_drift():
    cause = told(
        shop(800, 13, lambda t: np.where(np.isin(t["country"], ["UK", "ES"]), 3.0, 1.0)),
        before=EARLIER,
    ).cause
    assert (cause.kind, cause.features[0]) == ("covariate_drift", "country")


@pytest.mark.parametrize("labels", [0.0, 0.5])
def test_a_new_share_of_positives_is_a_prior_shift_before_and_after_labels(labels):
    table = shop(800, 14, lambda t: np.where(t["_label"] == 1.0, 3.0, 1.0))
    cause = told(table, before=EARLIER, labels=labels).cause
    assert (cause.class_, cause.kind, cause.action.value) == (
        "prior", "prior_shift", "recalibrate",
    )  # fmt: skip


def test_labels_turned_in_a_segment_are_concept_drift_of_that_column():
    table = shop(1500, 15)
    turn = table["age"] > 50
    table["_label"] = np.where(turn, 1.0 - table["_label"], table["_label"])
    cause = told(table, before=EARLIER, labels=0.6).cause
    assert (cause.class_, cause.kind, cause.action.value) == ("concept", "concept_drift", "retrain")
    assert cause.features[0] == "age"


def test_noise_in_all_labels_is_concept_drift():
    table = shop(1500, 16)
    table["_label"] = np.where(hit(0.3, n=1500), 1.0 - table["_label"], table["_label"])
    assert told(table, before=EARLIER, labels=0.6).cause.kind == "concept_drift"


def test_a_column_without_weight_that_moves_alone_is_harmless():
    table = shop(600, 17)
    known = np.sort(shop(5000, 1)["idle"])
    table["idle"] = known[np.clip(np.searchsorted(known, table["idle"] + 0.7), 0, 4999)]
    cause = told(table, before=EARLIER).cause
    assert (cause.class_, cause.action.value, cause.features) == ("harmless", "ignore", ("idle",))


def test_a_real_new_category_is_not_a_renaming():
    table = shop(400, 18)
    table["country"] = np.where(hit(0.1, n=400), "Norway", table["country"])
    cause = told(table, before=EARLIER).cause
    assert (cause.class_, cause.kind, cause.features[0]) == ("covariate", "new_category", "country")


def test_scores_that_change_without_inputs_are_the_model():
    table = shop(500, 19)
    from tests.diagnosis.world import NOON, columns, crossing, portrait

    from holdfast.diagnosis.diagnose import diagnose
    from holdfast.diagnosis.evidence import Evidence, Sample

    odds = np.log(score(table) / (1 - score(table)))
    now = Sample(columns=columns(table), score=1 / (1 + np.exp(-(0.5 * odds + 0.8))))
    evidence = Evidence(moved=(crossing("", "score"),), now=now, portrait=portrait())
    cause = diagnose(evidence, NOON).cause
    assert (cause.class_, cause.kind, cause.action.value) == (
        "model", "model_changed", "investigate",
    )  # fmt: skip


def test_labels_that_are_all_alike_are_a_label_problem():
    table = shop(600, 20)
    table["_label"] = np.zeros(600)
    cause = told(table, before=EARLIER, labels=0.7).cause
    assert (cause.class_, cause.kind) == ("label", "label_problem")


def test_labels_that_slipped_by_a_few_rows_are_a_label_problem():
    table = shop(1500, 21)
    table["_label"] = np.roll(table["_label"], 3)
    diagnosis = told(table, before=EARLIER, labels=0.9)
    assert diagnosis.cause.kind == "label_problem"
    assert diagnosis.facts["details"]["slip"] == 3


def test_one_source_that_grew_is_a_population_shift():
    rng = np.random.default_rng(4)

    def mixed(n, seed, share):
        young = shop(n, seed, lambda t: (t["age"] < 38).astype(float))
        old = shop(n, seed + 1)
        app = rng.random(n) < share
        table = {c: np.where(app, young[c], old[c]) for c in old}
        return table, app.astype(np.int64)

    from tests.diagnosis.world import NOON, columns, crossing

    from holdfast.diagnosis.diagnose import diagnose
    from holdfast.diagnosis.evidence import Evidence, Sample
    from holdfast.profiles.portrait import Portrait

    usual, _ = mixed(3000, 30, 0.2)
    table, app = mixed(800, 40, 0.6)
    past, earlier = mixed(900, 50, 0.2)
    names = ["web", "app"]
    learned = Portrait.of(columns(usual), score=score(usual), label=usual["_label"])
    evidence = Evidence(
        moved=(crossing(),), portrait=learned,
        now=Sample(columns=columns(table), score=score(table), origins={"source": (app, names)}),
        before=Sample(columns=columns(past), origins={"source": (earlier, names)}),
    )  # fmt: skip
    diagnosis = diagnose(evidence, NOON)
    assert (diagnosis.cause.class_, diagnosis.cause.kind) == ("covariate", "population_shift")
    assert "source=app" in diagnosis.sentence


def test_rows_as_in_the_reference_get_no_cause():
    from tests.diagnosis.world import crossing

    diagnosis = told(shop(400, 23), before=EARLIER, moved=(crossing("age", "values"),))
    assert (diagnosis.cause.class_, diagnosis.cause.kind) == ("unknown", "unknown")
    assert diagnosis.cause.confidence < 0.4
