"""Labels are joined to their predictions by id, whenever they come."""

from __future__ import annotations

import pytest
from tests.storage.helpers import labels, rows

from holdfast.errors import DataError, UsageError


def joined(store, **settings):
    table = store.join_labels("loan", columns=["id"], **settings)
    return dict(zip(table.column("id").to_pylist(), table.column("label").to_pylist(), strict=True))


def test_a_prediction_without_label_waits(store):
    store.predictions.append_columns(rows(0, 3))
    store.labels.append_columns(labels(["p1"], ["true"]))

    assert joined(store) == {"p0": None, "p1": "true", "p2": None}


def test_a_store_without_labels_joins_none(store):
    store.predictions.append_columns(rows(0, 2))

    assert joined(store) == {"p0": None, "p1": None}


def test_a_label_for_an_unknown_id_is_joined_when_the_prediction_comes(store):
    store.labels.append_columns(labels(["p5"], ["0"], known_at=1))
    store.compact()
    store.predictions.append_columns(rows(5, 1, at=10**12))

    assert joined(store) == {"p5": "0"}


def test_a_label_may_come_a_year_later(store):
    store.predictions.append_columns(rows(0, 1))
    store.labels.append_columns(labels(["p0"], ["1"], known_at=365 * 86_400 * 10**6))

    assert joined(store, since=0, until=1) == {"p0": "1"}


def test_labels_of_another_model_are_not_taken(store):
    store.predictions.append_columns(rows(0, 1))
    store.labels.append_columns(labels(["p0"], ["1"], model="fraud"))

    assert joined(store) == {"p0": None}


@pytest.mark.parametrize(
    ("policy", "value"), [("last", '"c"'), ("first", '"b"')], ids=["last", "first"]
)
def test_of_several_labels_the_one_known_last_or_first_counts(store, policy, value):
    store.predictions.append_columns(rows(0, 2))
    for text, known in (('"a"', 5), ('"b"', 2), ('"c"', 9), ('"x"', 5)):
        store.labels.append_columns(labels(["p0"], [text], known_at=known))

    assert joined(store, policy=policy)["p0"] == value


@pytest.mark.parametrize(("policy", "value"), [("last", '"b"'), ("first", '"a"')])
def test_labels_known_at_one_time_count_in_the_order_they_came(store, policy, value):
    store.predictions.append_columns(rows(0, 1))
    store.labels.append_columns(labels(["p0"], ['"a"'], known_at=5))
    store.labels.append_columns(labels(["p0"], ['"b"'], known_at=5))

    assert joined(store, policy=policy)["p0"] == value


def test_contradicting_labels_are_refused_when_asked(store):
    store.predictions.append_columns(rows(0, 2))
    store.labels.append_columns(labels(["p0", "p0", "p1", "p1"], ["0", "1", "1", "1"]))

    with pytest.raises(DataError, match="1 contradictions"):
        joined(store, policy="reject")


def test_the_same_label_again_is_no_contradiction(store):
    store.predictions.append_columns(rows(0, 1))
    store.labels.append_columns(labels(["p0"], ["1"]))
    store.labels.append_columns(labels(["p0"], ["1"], known_at=4))

    assert joined(store, policy="reject") == {"p0": "1"}


def test_an_unknown_policy_is_refused(store):
    with pytest.raises(UsageError, match="last or first or reject"):
        joined(store, policy="newest")


def test_the_join_says_when_the_label_was_known(store):
    store.predictions.append_columns(rows(0, 1))
    store.labels.append_columns(labels(["p0"], ["1"], known_at=7))

    (row,) = store.join_labels("loan").to_pylist()

    assert row["label_known_at"].microsecond == 7
    assert row["features"] == '{"Age":0,"Job":"fixed"}'
