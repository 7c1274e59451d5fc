"""A release promoted in a real browser: the form is sent, and its reason stands in the history."""

from __future__ import annotations

import pytest
from tests.app.loans import START, add
from tests.browser import served, tab
from tests.serving.live import live

from holdfast.storage import Store

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def running(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as store:
        release = add(store, 0, START)
    with live(tmp_path) as found:
        yield found, release


def champion(running):
    with Store.open(running.folder / "holdfast.db") as store:
        found = store.catalog.champion("loan")
    return found and found.release


def test_a_person_promotes_with_a_reason_and_reads_it_in_the_timeline(running):
    server, release = running
    with tab(f"{server.url}/models/loan/releases/{release}") as page:
        assert page.run("document.forms[0].checkValidity()") is False  # no reason, no promotion
        page.type("textarea[name=reason]", "it beats the rules of thumb")
        page.click("button[value=promote]")
        assert page.run("location.pathname") == "/models/loan/history"
        first = page.run("document.querySelector('.timeline li').innerText")
    assert f"{release[:12]} became champion" in first
    assert "it beats the rules of thumb" in first
    assert champion(server) == release


def test_a_form_on_another_site_promotes_nothing(running):
    server, release = running
    form = (
        f'<form method="post" action="{server.url}/models/loan/releases/{release}">'
        '<input name="reason" value="x"><button name="move" value="promote">win</button></form>'
    )
    html = [(b"content-type", b"text/html")]
    with served(form.encode(), html) as (url, _), tab(url) as page:
        page.click("button")
        assert "HF-E-REQUEST-ORIGIN" in page.text()
    assert champion(server) is None
