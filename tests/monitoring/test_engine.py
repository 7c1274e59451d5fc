from __future__ import annotations

import itertools
import re

import msgspec
import numpy as np
import pytest
from tests.monitoring.world import SECOND, START, Life, release

from holdfast.detection.budget import parse_budget
from holdfast.monitoring.engine import ModelMonitor
from holdfast.monitoring.rows import decode
from holdfast.records import IncidentStatus

BUDGET = parse_budget("1 false incident per month", rows_per_day=50_000)


def monitor(*releases, state=None):
    known = {r.id: r for r in releases or (release(),)}
    return ModelMonitor("loan", lambda _model, name: known.get(name), BUDGET, state)


def feed(watcher, life, cuts=()):
    edges = [0, *sorted({c for c in cuts if 0 < c < life.rows}), life.rows]
    return [
        change
        for low, high in itertools.pairwise(edges)
        for change in watcher.observe(decode(life.batch(low, high)))
    ]


def opened(changes):
    return [c.incident for c in changes if c.kind == "incident.opened"]


def closed(changes):
    return [c.incident for c in changes if c.kind == "incident.closed"]


def test_a_field_gone_null_opens_one_incident_and_its_mending_closes_it():
    life = Life(2000).mark("Job:null", np.arange(1000, 1200), verdict="degraded")
    life.source[:] = "app-ios"
    changes = feed(monitor(), life, cuts=range(0, 2000, 10))
    [incident] = opened(changes)
    assert (incident.kind, incident.class_, incident.features) == ("missing", "pipeline", ("Job",))
    assert incident.action == "fix_pipeline"
    assert incident.onset_row == 1000
    assert incident.opened_row - incident.onset_row <= 6
    assert incident.since == START + 1000 * SECOND
    [end] = closed(changes)
    assert end.status is IncidentStatus.CLOSED
    assert (end.closed_at - (START + 1199 * SECOND)) // SECOND in range(50, 60)
    assert end.sentence == (
        "broken pipeline: `Job` missing since 2026-11-23 14:21 UTC, 100% of 200 requests, "
        "all from source=app-ios, the only one"
    )
    assert end.evidence["answers"] == {"degraded": 200}


def test_a_fault_of_one_source_names_it_with_its_share():
    life = Life(4000, seed=1)
    ios = life.rng.random(4000) < 0.3
    life.source[ios] = "app-ios"
    life.mark("Job:null", ios & (np.arange(4000) >= 1500))
    changes = feed(monitor(), life, cuts=range(0, 4000, 100))
    [incident] = opened(changes)
    last = changes[-1].incident
    assert incident.onset_row - 1500 < 10
    assert "all from source=app-ios (100% of its" in last.sentence
    assert re.search(r"(29|30|31)% of \d+ requests", last.sentence)
    assert re.search(r"(29|30|31)% of the traffic\)$", last.sentence)


def test_rejections_are_evidence_of_the_incident_and_not_another_one():
    life = Life(1500).mark("Job:null", np.arange(800, 1500), verdict="rejected")
    changes = feed(monitor(release(job_policy="reject")), life, cuts=[803, 1000])
    [incident] = opened(changes)
    assert incident.features == ("Job",)
    assert changes[-1].incident.kind == "missing"


def test_two_unrelated_faults_are_two_incidents():
    life = Life(3000).mark("Job:null", np.arange(1000, 3000))
    life.mark("Age:range", np.arange(2000, 3000), Age=4000)
    found = opened(feed(monitor(), life, cuts=range(0, 3000, 50)))
    assert [(i.kind, i.features) for i in found] == [
        ("missing", ("Job",)),
        ("unit_scale", ("Age",)),
    ]


def test_columns_that_break_together_are_one_incident_naming_both():
    life = (
        Life(1500).mark("Job:null", np.arange(1000, 1500)).mark("Age:null", np.arange(1000, 1500))
    )
    changes = feed(monitor(), life, cuts=range(0, 1500, 50))
    assert len(opened(changes)) == 1
    assert set(changes[-1].incident.features) == {"Job", "Age"}
    assert "`Age` and `Job` missing" in changes[-1].incident.sentence


def test_one_of_two_columns_mended_does_not_close_the_incident():
    life = (
        Life(3000).mark("Job:null", np.arange(1000, 1300)).mark("Age:null", np.arange(1000, 2500))
    )
    changes = feed(monitor(), life, cuts=range(0, 3000, 50))
    assert len(opened(changes)) == 1
    [end] = closed(changes)
    assert end.closed_at > START + 2500 * SECOND


def test_a_factor_is_found_without_showing_values():
    life = Life(1500).mark("Age:range", np.arange(1000, 1500), Age=4100)
    changes = feed(monitor(), life, cuts=range(0, 1500, 50))
    assert "by a factor of 100" in changes[-1].incident.sentence
    assert "4100" not in str(changes)


@pytest.mark.parametrize(("pii", "shown"), [("unknown", False), ("no", True)])
def test_values_are_shown_only_where_they_are_not_personal(pii, shown):
    life = Life(1500).mark("Job:unseen", np.arange(1000, 1500), Job="teilzeit")
    changes = feed(monitor(release(pii=pii)), life, cuts=range(0, 1500, 50))
    assert changes[-1].incident.kind == "category_renamed"
    assert ("teilzeit" in str(changes)) is shown


def test_a_word_for_nothing_is_a_default():
    life = Life(1500).mark("Job:unseen", np.arange(1000, 1500), Job="Unknown")
    assert feed(monitor(), life, cuts=[1010])[-1].incident.kind == "default_filled"


@pytest.mark.parametrize("cuts", [(), [1003], range(0, 6000, 7), [999, 1000, 1001, 4000]])
def test_how_rows_are_cut_does_not_change_what_opens_and_closes(cuts):
    def life():
        made = Life(6000, seed=3)
        made.source[made.rng.random(6000) < 0.3] = "app-ios"
        made.mark("Job:null", np.arange(1000, 1400))
        made.mark("Age:type", (np.arange(6000) > 2000) & (np.arange(6000) < 4000))
        return made.mark("Job:null", np.arange(4500, 4600))

    def essence(changes):
        return [
            (c.kind, c.key, c.incident.sentence, c.incident.closed_at)
            for c in changes
            if c.kind != "incident.updated"
        ]

    whole = essence(feed(monitor(), life()))
    assert len(whole) == 6
    assert essence(feed(monitor(), life(), cuts)) == whole


def test_a_monitor_saved_and_loaded_goes_on_exactly():
    life = Life(3000).mark("Job:null", np.arange(1000, 1300))
    through, changes = monitor(), []
    expected = feed(through, life, cuts=range(0, 3000, 100))
    state = None
    for low in range(0, 3000, 100):
        watcher = monitor(state=state)
        changes += watcher.observe(decode(life.batch(low, low + 100)))
        state = watcher.dump()
    assert changes == expected
    assert monitor(state=state).dump() == through.dump()


def test_an_open_incident_carries_over_to_the_next_release():
    life = Life(3000).mark("Job:null", np.arange(1000, 2200))
    life.release[1500:] = "r2"
    changes = feed(monitor(release("r1"), release("r2", rows=3000)), life, range(0, 3000, 50))
    assert len(opened(changes)) == 1
    [end] = closed(changes)
    assert START + 2240 * SECOND < end.closed_at < START + 2400 * SECOND


def test_a_release_that_does_not_watch_the_field_ends_the_incident_in_time():
    life = Life(5000).mark("Job:null", np.arange(1000, 1500))
    life.release[1500:] = "r2"
    other = release("r2")
    data = other.contract.data
    other.contract.data = msgspec.structs.replace(data, fields=data.fields[1:])
    changes = feed(monitor(release("r1"), other), life, range(0, 5000, 50))
    [end] = closed(changes)
    assert "no longer serves" in end.updates[-1]


def test_interleaved_releases_have_their_own_reference():
    life = Life(4000, seed=4)
    life.release[::2] = "r2"
    life.mark("Job:null", np.arange(0, 4000, 2))
    nulls_are_normal = release("r2", marks={"Job:null": 4000})
    assert feed(monitor(release("r1"), nulls_are_normal), life, range(0, 4000, 33)) == []


def test_a_late_row_does_not_date_the_incident_back():
    life = Life(1500).mark("Job:null", np.arange(1000, 1500))
    life.at[1000] = START - 86_400 * SECOND
    [incident] = opened(feed(monitor(), life, cuts=[1100]))
    assert abs(incident.since - (START + 1000 * SECOND)) < 60 * SECOND


def test_a_clock_from_the_future_does_not_date_the_incident_ahead():
    life = Life(1500).mark("Job:null", np.arange(1000, 1500))
    life.at[1000] = START + 10**15
    [incident] = opened(feed(monitor(), life, cuts=[1100]))
    assert incident.since <= incident.opened_at


def test_a_release_that_nobody_knows_is_counted_and_not_watched():
    life = Life(500, release="unheard-of").mark("Job:null", np.arange(500))
    watcher = monitor()
    assert feed(watcher, life) == []
    assert watcher.rows == 500


def test_an_incident_closed_by_a_person_is_found_again_while_it_lasts():
    life = Life(1200).mark("Job:null", np.arange(1000, 1200))
    watcher = monitor()
    first = opened(watcher.observe(decode(life.batch(0, 1100))))
    watcher.resolve(first[0].id)
    assert watcher.open == []
    again = opened(watcher.observe(decode(life.batch(1100, 1200))))
    assert len(again) == 1
    assert again[0].id != first[0].id


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_thousand_quiet_rows_open_nothing(seed):
    rng = np.random.default_rng(seed)
    watcher = monitor()
    for step in range(4):
        life = Life(1, seed=seed)
        n = 25_000
        rows = decode(life.batch())
        rows.at = rows.received = START + np.arange(n) + step * n
        rows.release.codes = np.zeros(n, np.int64)
        rows.source.codes = np.zeros(n, np.int64)
        rows.verdict.codes = np.zeros(n, np.int64)
        rows.ids = life.batch().column("id").take([0] * n)
        rows.marks = {
            "~Income:null": np.flatnonzero(rng.random(n) < 0.08),
            "~Assets:null": np.flatnonzero(rng.random(n) < 0.6),
            "Job:null": np.flatnonzero(rng.random(n) < 0.0005),
        }
        assert watcher.observe(rows) == []
    assert watcher.rows == 100_000


def test_hostile_marks_are_one_stream_and_break_nothing():
    life = Life(400)
    for i in range(200, 400):
        life.mark(f"weird{i}\n:::null:x", [i]).mark(":", [i]).mark("", [i])
    [incident] = opened(feed(monitor(), life))
    assert (incident.class_, incident.action) == ("unknown", "investigate")
    assert incident.sentence.isprintable()


def test_the_ring_of_recent_rows_stays_small():
    watcher = monitor()
    for step in range(6):
        life = Life(4000, seed=step, first=step * 4000)
        life.source[:] = [f"client-{step}-{i}" for i in range(4000)]
        feed(watcher, life)
    assert len(watcher._recent.numbers) <= 3072
    assert len(watcher._recent._source.names) <= 3072
    assert len(watcher.dump()) < 200_000


def test_marks_accepted_as_normal_stay_quiet_and_more_of_them_do_not():
    watcher = monitor(release())
    half = Life(2000).mark("Job:null", np.arange(0, 2000, 2))
    [found] = opened(feed(watcher, half))
    watcher.accept(found.id)
    assert [(a.incident, a.features) for a in watcher.accepted] == [(found.id, ("Job",))]
    watcher = monitor(release(), state=watcher.dump())
    same = Life(4000, first=2000, seed=1).mark("Job:null", np.arange(0, 4000, 2))
    assert opened(feed(watcher, same)) == []
    all_of_them = Life(300, first=6000, seed=2).mark("Job:null", np.arange(300))
    assert len(opened(feed(watcher, all_of_them))) == 1


def test_marks_accepted_as_normal_can_be_taken_back():
    watcher = monitor(release())
    [found] = opened(feed(watcher, Life(2000).mark("Job:null", np.arange(0, 2000, 2))))
    watcher.accept(found.id)
    watcher = monitor(release(), state=watcher.dump())
    assert watcher.take_back(found.id)
    assert watcher.accepted == []
    later = Life(400, first=2000, seed=1).mark("Job:null", np.arange(0, 400, 2))
    assert len(opened(feed(watcher, later))) == 1
