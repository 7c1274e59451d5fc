"""History and release pages over a real store: what they show, who may move, what is refused."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlencode

import pytest
from tests.app.loans import DAY, START, add, lived, prove
from tests.serving.test_gate import BOOK, TOKENS, bearer
from tests.serving.world import World, served

from holdfast.app.cases import StoreCases
from holdfast.app.history import history_of
from holdfast.app.pages import Pages
from holdfast.releases.lifecycle import Lifecycle
from holdfast.serving.auth import Role
from holdfast.serving.desk import StoreDesk
from holdfast.serving.metrics import Metrics
from holdfast.storage import Store
from holdfast.storage.training import Interval

NOW = START + 40 * DAY
HERE = {"origin": "http://127.0.0.1:8000", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def ask(store, path, form=None, headers=None, **settings):
    """Status, headers and body of a page, or of a form that was sent."""
    got = []
    pages = Pages(store, StoreDesk(store, StoreCases(store, lambda: NOW)), Metrics(None, 0),
                  lambda: NOW).mounted()  # fmt: skip

    @served
    async def run():
        async with World(pages=pages, **settings) as world:
            if form is None:
                answer = await world.ask("GET", path, b"", headers)
            else:
                body = form if isinstance(form, bytes) else urlencode(form).encode()
                answer = await world.ask("POST", path, body, HERE | (headers or {}))
            status, found, body = answer
            got.append((status, found, body if isinstance(body, dict) else body.decode()))

    run()
    return got[0]


def seen(store):
    return Lifecycle(store, "loan").state().rev


def promote(store, release, reason="it is cheaper", headers=None, **settings):
    form = {"move": "promote", "reason": reason, "seen": seen(store)}
    return ask(store, f"/models/loan/releases/{release}", form, headers, **settings)


def link(release):
    return f'<a href="/models/loan/releases/{release}"><code>{release[:12]}</code></a>'


def champion(store):
    found = store.catalog.champion("loan")
    return found and found.release


# -- what is shown -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    path = tmp_path_factory.mktemp("life") / "holdfast.db"
    ids = lived(path)
    with Store.open(path) as store:
        yield store, ids


def test_the_history_tells_who_did_what_and_why_and_links_it(life):
    store, ids = life
    status, headers, text = ask(store, "/models/loan/history")
    assert status == 200
    back = f"Rolled back: {link(ids['first'])} answers again, {link(ids['second'])} is set aside."
    won = f"{link(ids['second'])} became champion in place of {link(ids['first'])}."
    assert text.index(back) < text.index(won) < text.index("it beats the rules of thumb")
    assert "approvals of partime jobs doubled over night" in text
    assert text.count("fewer wrong refusals at the same risk") == 1
    assert "by eve" in text
    assert 'href="/incidents/5f0c1d77e2ab"' in text
    assert "The loop decided: veto." in text
    assert "form-action 'none'" in headers["content-security-policy"]


def test_one_topic_may_be_chosen_and_others_are_counted(life):
    store, _ = life
    text = ask(store, "/models/loan/history?kind=rollbacks")[2]
    assert "Rolled back" in text
    assert "became champion" not in text
    assert 'href="/models/loan/history?kind=rollbacks" aria-current="true">rollbacks' in text
    assert re.search(r"promotions <span>3</span>", text)
    empty = ask(store, "/models/loan/history?kind=all")[2]
    assert "Rolled back" in empty


def test_a_long_history_has_pages_and_the_last_one_ends_it(store):
    add(store, 0, START)
    for i in range(95):
        why = {"decision": "wait", "why": [f"look {i:02}"]}
        store.control.append("loop.decided", "loan", why, at=START + DAY + i)
    first = ask(store, "/models/loan/history?kind=decisions")[2]
    assert "look 94" in first
    assert "look 54" not in first
    assert "page 1 of 3" in first
    assert 'rel="next" href="/models/loan/history?kind=decisions&amp;page=2"' in first
    assert 'rel="prev"' not in first
    second = ask(store, "/models/loan/history?kind=decisions&page=2")[2]
    assert "look 54" in second
    assert 'rel="prev" href="/models/loan/history?kind=decisions"' in second
    last = ask(store, "/models/loan/history?kind=decisions&page=3")[2]
    assert "look 00" in last
    assert 'rel="next"' not in last
    assert ask(store, "/models/loan/history?kind=decisions&page=999999")[2] == last


@pytest.mark.parametrize(
    "query", ["kind=x", "page=-1", "page=two", "x=1", "page=1&page=2", "page="]
)
def test_a_query_that_no_page_links_to_is_refused(life, query):
    status, _, error = ask(life[0], f"/models/loan/history?{query}")
    assert (status, error["code"]) == (422, "HF-E-REQUEST-FIELDS")


def test_the_release_page_tells_stage_gate_checks_and_lineage(life):
    store, ids = life
    status, headers, text = ask(store, f"/models/loan/releases/{ids['third']}")
    assert status == 200
    assert "◼ canary" in text
    assert "The gate is open" in text
    assert text.count("● passed") == 2
    assert f'href="/models/loan/releases/{ids["second"]}"' in text  # its parent
    for label in ("training code", "contract", "train rows", "environment"):
        assert f"<dt>{label}</dt>" in text
    assert "scikit-learn" in text
    assert 'value="promote"' in text
    assert "http-equiv" not in text  # a page that renews itself would lose what is typed
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"


def test_an_expired_check_is_told_as_expired(store):
    add(store, 0, START)
    second = add(store, 1, START)
    prove(store, second, START, expires=START + DAY)
    text = ask(store, f"/models/loan/releases/{second}")[2]
    assert text.count("◼ passed, expired") == 2
    assert "● passed" not in text


def test_a_release_that_is_out_offers_no_move(life):
    store, ids = life
    text = ask(store, f"/models/loan/releases/{ids['second']}")[2]
    assert "▲ quarantined" in text
    assert "Rolled back: " in text  # though another one answers since
    assert "<form" not in text
    assert "build a new release instead" in text


def test_a_release_without_its_bundle_says_what_it_cannot_tell(store):
    store.catalog.add_release("loan", "a" * 64, at=START)
    status, _, text = ask(store, f"/models/loan/releases/{'a' * 64}")
    assert status == 200
    assert "Could not tell: its bundle is not in this store." in text
    assert "The gate has not been asked." in text


def test_a_shut_gate_says_why(store):
    release = add(store, 0, START)
    store.catalog.add_release("loan", "b" * 64, at=START)
    store.decide_gate("loan", "b" * 64, "failed", at=START, reasons=["`id` gives the target away"])
    text = ask(store, f"/models/loan/releases/{'b' * 64}")[2]
    assert "<li><code>id</code> gives the target away</li>" in text
    assert "<form" not in text
    assert release


def test_what_is_not_there_is_not_found(store):
    add(store, 0, START)
    for path in ("/models/other/history", "/models/loan/releases/x", "/models/x/releases/x"):
        assert ask(store, path)[0] == 404
    assert promote(store, "x")[0] == 404


def test_the_model_page_and_the_dashboard_link_both_pages(life):
    store, ids = life
    for path in ("/", "/models/loan"):
        text = ask(store, path)[2]
        assert 'href="/models/loan/history"' in text
        assert f'href="/models/loan/releases/{ids["first"]}"' in text


# -- promote and roll back -----------------------------------------------------------------------


def test_a_promotion_with_a_reason_stands_in_the_history(store):
    release = add(store, 0, START)
    status, headers, _ = promote(store, release, "  the first\r\n one ")
    assert (status, headers["location"]) == (303, "/models/loan/history")
    assert champion(store) == release
    text = ask(store, headers["location"])[2]
    assert f"{link(release)} became champion" in text
    assert "the first one" in text


def test_a_rollback_with_a_reason_stands_in_the_history(store):
    first, second = add(store, 0, START), add(store, 1, START)
    loan = Lifecycle(store, "loan", required=())
    for release in (first, second):
        loan.promote(release, at=START + 1, by="ada", reason="built")
    page = ask(store, f"/models/loan/releases/{second}")[2]
    assert f"Roll back to {first[:12]}" in page
    form = {"move": "rollback", "reason": "it approves too much", "seen": seen(store)}
    status, headers, _ = ask(store, f"/models/loan/releases/{second}", form)
    assert (status, headers["location"]) == (303, "/models/loan/history")
    assert champion(store) == first
    assert "it approves too much" in ask(store, "/models/loan/history")[2]
    [entry] = history_of(store, "loan", topics=["rollbacks"])
    assert (entry.by, entry.why) == ("somebody on this machine", "it approves too much")
    # sent twice, it is refused, whether the page is an old one or a new one
    for again in (form, form | {"seen": seen(store)}):
        status, _, text = ask(store, f"/models/loan/releases/{second}", again)
        assert status == 409
        assert "Nothing was changed: " in text
        assert champion(store) == first


def test_who_saw_an_older_state_is_told_and_decides_again(store):
    first, second = add(store, 0, START), add(store, 1, START)
    old = {"move": "promote", "reason": "it is cheaper", "seen": seen(store)}
    assert promote(store, first)[0] == 303
    status, _, text = ask(store, f"/models/loan/releases/{second}", old)
    assert status == 409
    assert "has moved since this page was shown" in text
    assert "it is cheaper</textarea>" in text
    assert f'name="seen" value="{seen(store)}"' in text
    assert champion(store) == first
    assert promote(store, second)[0] == 303


def test_the_champion_is_not_promoted_again(store):
    release = add(store, 0, START)
    assert promote(store, release)[0] == 303
    status, _, text = promote(store, release)
    assert status == 409
    assert "answers already" in text


def test_a_release_that_learned_from_spoiled_rows_neither_offers_nor_makes_a_move(store):
    first, second = add(store, 0, START), add(store, 1, START)
    store.training.record("loan", first, [Interval(START, START + DAY)], at=START)
    assert promote(store, first)[0] == 303
    assert promote(store, second)[0] == 303
    store.training.spoil("loan", "i1", Interval(START, START + 5), at=START + DAY)
    form = {"move": "rollback", "reason": "back", "seen": seen(store)}
    status, _, text = ask(store, f"/models/loan/releases/{second}", form)
    assert status == 409
    assert "learned from spoiled rows" in text
    assert "<form" not in text
    assert champion(store) == second
    page = ask(store, f"/models/loan/releases/{first}")[2]
    assert "<dt>logged rows</dt><dd>2026-" in page


@pytest.mark.parametrize("reason", ["", "  \r\n ", "x" * 501])
def test_without_a_fitting_reason_nothing_moves(store, reason):
    release = add(store, 0, START)
    status, _, text = promote(store, release, reason)
    assert status == 422
    assert "a move needs a reason" in text
    assert champion(store) is None


def test_what_is_refused_is_told_on_the_page_and_changes_nothing(store):
    first, second = add(store, 0, START), add(store, 1, START)
    Lifecycle(store, "loan").promote(first, at=START + 1, by="ada", reason="built")
    store.decide_gate("loan", second, "failed", at=START + 2, reasons=["a leak"])
    before = history_of(store, "loan")
    status, headers, text = promote(store, second, "<b>I want</b> it")
    assert status == 409
    assert headers["content-type"].startswith("text/html")
    assert "Nothing was changed: " in text
    for label in ("expected", "got", "what to do"):
        assert f"<dt>{label}</dt>" in text
    assert "gate=failed" in text
    assert "<dt>your reason</dt><dd>&lt;b&gt;I want&lt;/b&gt; it</dd>" in text
    assert champion(store) == first
    assert history_of(store, "loan") == before


def test_a_refused_reason_is_kept_in_its_field(store):
    release = add(store, 0, START)
    text = promote(store, release, "<b>" + "x" * 500)[2]
    assert "&lt;b&gt;xxx" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"move=promote&reason=x&seen=1&more=1", {}, 422),
        (b"move=promote&reason=x", {}, 422),
        (b"move=promote&reason=x&seen=-1", {}, 422),
        (b"move=promote&move=promote&reason=x", {}, 422),
        (b"move=retire&reason=x&seen=1", {}, 422),
        (b"reason=x&seen=1", {}, 422),
        (b"move=promote&reason=%ff", {}, 422),
        (b'{"move": "promote", "reason": "x"}', {"content-type": "application/json"}, 415),
        (b"move=promote&reason=" + b"x" * 20_000, {}, 413),
    ],
)
def test_a_form_of_another_shape_is_refused(store, body, headers, status):
    release = add(store, 0, START)
    assert ask(store, f"/models/loan/releases/{release}", body, headers)[0] == status
    assert champion(store) is None


# -- who may -------------------------------------------------------------------------------------


def test_only_releasers_and_admins_move_releases_and_readers_only_read(store):
    release = add(store, 0, START)
    page = f"/models/loan/releases/{release}"
    for role in Role:
        reads = role is not Role.CLIENT
        for path in (page, "/models/loan/history"):
            status = ask(store, path, headers=bearer(role), tokens=lambda: BOOK)[0]
            assert status == (200 if reads else 403)
        may = role in (Role.RELEASER, Role.ADMIN)
        status = promote(store, release, "", bearer(role), tokens=lambda: BOOK)[0]
        assert status == (422 if may else 403)
    assert promote(store, release, tokens=lambda: BOOK)[0] == 401
    assert champion(store) is None


def test_a_browser_that_logged_in_may_send_the_form_and_its_name_is_kept(store):
    release = add(store, 0, START)
    secret = f"me:{TOKENS[Role.RELEASER][0]}"
    basic = {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
    assert promote(store, release, "mine", basic, tokens=lambda: BOOK)[0] == 303
    [entry] = history_of(store, "loan", topics=["promotions"])
    assert (entry.by, entry.why) == ("releaser", "mine")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:9"])
def test_a_form_of_another_site_or_of_none_is_refused(store, origin):
    release = add(store, 0, START)
    status, _, error = promote(store, release, headers={"origin": origin})
    assert (status, error["code"]) == (403, "HF-E-REQUEST-ORIGIN")
    assert champion(store) is None


@served
async def test_a_form_without_an_origin_is_refused(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as store:
        release = add(store, 0, START)
        desk = StoreDesk(store, StoreCases(store, lambda: NOW))
        pages = Pages(store, desk, Metrics(None, 0), lambda: NOW).mounted()
        async with World(pages=pages) as world:
            headers = {"content-type": HERE["content-type"]}
            body = b"move=promote&reason=x"
            status, _, _ = await world.ask(
                "POST", f"/models/loan/releases/{release}", body, headers
            )
        assert status == 403


def test_the_api_document_tells_the_form_the_query_and_what_is_answered(store):
    told = ask(store, "/openapi.json")[2]["paths"]
    move = told["/models/{model}/releases/{release}"]["post"]
    form = move["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert form["required"] == ["move", "reason", "seen"]
    assert {"303", "401", "403", "404", "409", "413", "415", "422"} <= set(move["responses"])
    assert "200" not in move["responses"]
    assert "Roles, where tokens are in use: admin, releaser." in move["description"]
    asked = told["/models/{model}/history"]["get"]["parameters"]
    assert [(p["name"], p["in"]) for p in asked] == [
        ("kind", "query"), ("page", "query"), ("model", "path"),
    ]  # fmt: skip
