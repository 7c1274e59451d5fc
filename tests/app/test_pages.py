"""The pages over a real store: what the log holds is what they say, whatever the names."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.monitoring.test_record import EVERYTHING
from tests.monitoring.test_record import worker as make_worker
from tests.monitoring.world import SECOND, START, Life
from tests.monitoring.world import contract as make_contract
from tests.serving.test_gate import BOOK, bearer
from tests.serving.world import World, served

from holdfast.app import lately as module
from holdfast.app.cases import StoreCases
from holdfast.app.lately import FRESH, Reader
from holdfast.app.pages import Pages
from holdfast.contracts import Contract
from holdfast.releases.records import Reference
from holdfast.serving.auth import Role
from holdfast.serving.desk import StoreDesk
from holdfast.serving.metrics import Metrics
from holdfast.storage import Store

NOW = START + 3_600 * SECOND
RELEASE = "r1"


def furnish(store, model="loan", data=None, **life):
    """A model with a champion, a bundle's plain files, and rows of the log."""
    folder = store.files / "releases" / RELEASE
    folder.mkdir(parents=True, exist_ok=True)
    contract = Contract(data or make_contract(pii="no"))
    (folder / "contract.json").write_bytes(contract.to_json())
    reference = Reference(
        rows=4000, marks={"~Income:null": 320}, outcomes={"ok": 4000}, train_rows=4000,
        score_mean=0.3, approval_rate=0.7,
    )  # fmt: skip
    (folder / "reference.json").write_bytes(msgspec.json.encode(reference))
    store.catalog.add_release(model, RELEASE, at=START)
    store.decide_gate(model, RELEASE, "passed", at=START)
    store.catalog.compare_and_set(model, 0, RELEASE, at=START)
    rows = Life(1200, model=model, **life)
    rows.mark("Job:null", np.arange(1000, 1200), Job=None)
    store.predictions.append(rows.batch())
    return rows


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def pages_of(store):
    cases = StoreCases(store, lambda: NOW)
    return Pages(store, StoreDesk(store, cases), Metrics(None, 0), lambda: NOW)


def ask(store, path, headers=None, **settings):
    got = []

    @served
    async def run():
        async with World(pages=pages_of(store).mounted(), **settings) as world:
            status, found, body = await world.ask("GET", path, b"", headers)
            got.append((status, found, body if isinstance(body, dict) else body.decode()))

    run()
    return got[0]


def test_the_model_page_lists_every_input_and_points_at_the_broken_one(store):
    furnish(store)
    [incident] = make_worker(store).run_once(NOW)
    status, _, text = ask(store, "/models/loan")
    assert status == 200
    for name in ("Job", "Age", "Income", "Assets"):
        assert f'href="/models/loan/features/{name}"' in text
    assert "Status" not in text.split("<main>")[1]
    assert f'href="/incidents/{incident.id}">▲ incident' in text
    assert ">16.7%<" in text  # 200 of 1,200 rows without a Job


def test_the_feature_page_tells_what_the_log_holds(store):
    furnish(store)
    make_worker(store).run_once(NOW)
    status, _, text = ask(store, "/models/loan/features/Job")
    assert status == 200
    assert "an open incident; missing in 16.7% of the last 1,200 rows" in text
    assert "one of fixed, partime" in text
    assert "a fallback model answers without the field" in text
    assert "share of the 1,000 values in the last 1,200 rows" in text


def test_the_incident_page_tells_what_was_done_by_itself(store):
    furnish(store)
    [incident] = make_worker(store, EVERYTHING).run_once(NOW)
    status, _, text = ask(store, f"/incidents/{incident.id}")
    assert status == 200
    assert "<code>Job</code> is switched off: its fallback answers" in text
    assert "set aside from training" in text
    assert "rows affected" in text
    assert 'class="chart"' in text


def test_the_dashboard_links_models_and_incidents(store):
    furnish(store)
    [incident] = make_worker(store).run_once(NOW)
    _, _, text = ask(store, "/")
    assert 'href="/models/loan"' in text
    assert f'href="/incidents/{incident.id}"' in text


@pytest.mark.parametrize(
    "path",
    ["/models/other", "/models/loan/features/x", "/models/loan/features/Status", "/incidents/x"],
)
def test_what_is_not_there_is_not_found(store, path):
    furnish(store)
    status, _, error = ask(store, path)
    assert (status, error["code"]) == (404, "HF-E-REQUEST-PATH")


def test_hostile_names_have_pages_too(store):
    name = "a/b?<script>#%2e"
    data = make_contract()
    fields = (msgspec.structs.replace(data.fields[0], name="x/../<img src=y>"), *data.fields[1:])
    furnish(store, model=name, data=msgspec.structs.replace(data, fields=fields))
    import re

    _, _, text = ask(store, "/")
    links = set(re.findall(r'href="(/models/[^"]*)"', text))
    assert len(links) == 3  # the model, its history, its release
    for link in sorted(links, key=len, reverse=True):
        status, _, text = ask(store, link)
        assert status == 200
        assert "<script>" not in text
    links = [u for u in re.findall(r'href="([^"]*)"', text) if "%3Cimg" in u]
    status, _, text = ask(store, links[0])
    assert status == 200
    assert "<img" not in text


def test_a_model_without_rows_or_incidents_has_its_pages(store):
    furnish(store)
    empty = "quiet"
    store.catalog.add_release(empty, RELEASE, at=START)
    store.decide_gate(empty, RELEASE, "passed", at=START)
    store.catalog.compare_and_set(empty, 0, RELEASE, at=START)
    assert ask(store, f"/models/{empty}")[0] == 200
    assert "no rows yet" in ask(store, f"/models/{empty}/features/Age")[2]


def test_pages_need_a_role_that_reads(store):
    furnish(store)
    for path in ("/models/loan", "/models/loan/features/Job", "/incidents/x"):
        for role, wanted in ((Role.CLIENT, {403}), (Role.VIEWER, {200, 404})):
            assert ask(store, path, tokens=lambda: BOOK, headers=bearer(role))[0] in wanted
        assert ask(store, path, tokens=lambda: BOOK)[0] == 401


def test_values_that_are_no_json_or_no_numbers_break_no_page(store):
    rows = furnish(store)
    batch = rows.batch().to_pydict()
    odd = ["not json", "[1]", None, '{"Age": "forty", "Income": {}, "Job": [1]}']
    store.predictions.append_columns(
        {
            "id": [f"odd{i}" for i in range(4)],
            "model": ["loan"] * 4,
            "at": [START + 3_000 * SECOND + i for i in range(4)],
            "received": [START + 3_000 * SECOND] * 4,
            "features": odd,
        }
    )
    assert batch["id"]
    for name in ("Age", "Income", "Job", "Assets"):
        assert ask(store, f"/models/loan/features/{name}")[0] == 200


# -- the last rows -------------------------------------------------------------------------------


def test_the_log_is_read_once_in_a_breath(store):
    furnish(store)
    time = [NOW]
    reader = Reader(store, lambda: time[0])
    first = reader("loan")
    assert reader("loan") is first
    time[0] += FRESH
    assert reader("loan") is not first


def test_only_the_last_rows_are_kept_and_they_are_the_last(store, monkeypatch):
    furnish(store)
    monkeypatch.setattr(module, "MARKED", 300)
    monkeypatch.setattr(module, "LOOKED_AT", 50)
    found = Reader(store, lambda: NOW)("loan")
    assert (found.rows.num_rows, len(found.values)) == (300, 50)
    assert int(found.at.min()) == START + 900 * SECOND
    assert found.marked("Job:null").sum() == 200


def test_rows_of_long_ago_are_found_too(store):
    furnish(store)
    later = START + 400 * 86_400 * SECOND
    assert Reader(store, lambda: later)("loan").rows.num_rows == 1200
    store.predictions.rotate()
    assert Reader(store, lambda: later)("loan").rows.num_rows == 1200


def test_marks_and_verdicts_are_counted_as_the_log_has_them(store):
    rows = furnish(store)
    found = Reader(store, lambda: NOW)("loan")
    assert found.marked("Income:null").sum() == sum(
        "~Income:null" in rows.marks[i] for i in range(1200)
    )
    assert found.codes("Job") == ["null"]
    assert found.codes("Income") == []
    assert found.verdict("ok").sum() == 1200
    assert found.marked("nothing").sum() == 0
