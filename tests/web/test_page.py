"""The pages: everything shown is escaped, nothing is loaded, no script is needed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from holdfast.contracts.model import CategoriesRule, Field, Kind
from holdfast.releases.history import Entry
from holdfast.web.feature import feature_page
from holdfast.web.figures import Bucket, Shape, category_bars, number_bars
from holdfast.web.history import PER_PAGE, history_page
from holdfast.web.incident import incident_page
from holdfast.web.model import model_page
from holdfast.web.page import dashboard, headers
from holdfast.web.release import STAGES, release_page
from holdfast.web.words import commands

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "&lt;script&gt;",
    "\u2028<iframe src=//evil>",
    "<!--",
    "]]>",
    "<a href=//evil>x</a>",
]


def an_incident(text: str = "loan", status: str = "open") -> dict[str, Any]:
    standing = status == "open"
    stream = {"feature": text, "code": text, "affected": 7, "rows": 9, "share": 0.77,
              "reference_share": 0.0, "allowed": 0.01}  # fmt: skip
    note = {"by": text, "at": 5, "reason": text}
    return {
        "id": text, "model": text, "release": text, "status": status, "state": "open" if standing
        else "closed", "standing": standing, "class": text, "kind": text, "action": text,
        "features": [text], "sentence": text, "since": 0, "opened_at": 0, "opened_row": 9,
        "onset_row": 1, "closed_at": None if standing else 1, "confidence": 0.9,
        "evidence": {
            "because": text, "streams": [stream], "answers": {text: 3}, text: {text: text},
            "origin": {"dimension": text, "value": text, "of_affected": 1.0, "of_traffic": 0.4},
        },
        "ruled_out": [text], "updates": [text], "impact": {"basis": [text]},
        "acknowledged": note, "muted": None, "reopened": [3], "switched_off": [text],
        "quarantined": True,
        "history": [{"at": 1, "kind": "incident.opened", "what": text, "text": text, "by": text}],
    }  # fmt: skip


def dashboard_page(text: str = "loan") -> str:
    muted = {**an_incident(text), "standing": False, "state": "muted"}
    return dashboard(
        models=[
            {"model": text, "release": text, "promoted_at": 0, "numbers": [(text, text)]},
        ],
        incidents=[an_incident(text), muted, an_incident(text, "closed")],
        releases=[{"model": text, "id": text, "added_at": 0, "champion": True}],
        rows={text: {"ok": 999_999, "degraded": 1}},
        now=0,
        version=text,
        storms=[text],
    ).decode()


BUCKETS = [Bucket(at=60_000_000 * i, rows=9, share=0.1, low=0.05, high=0.2) for i in range(4)]


def one_incident_page(text: str = "loan") -> str:
    return incident_page(
        incident=an_incident(text),
        impact=[(text, text)],
        lines=[{"feature": text, "code": text, "usual": 0.1, "buckets": BUCKETS}],
        now=0,
        version=text,
    ).decode()


def summary(text: str) -> dict[str, Any]:
    return {
        "name": text, "kind": "categorical", "policy": "allow", "rows": 9, "missing": 0.1,
        "broken": 0.2, "codes": [text], "usual": 0.1, "over_time": BUCKETS, "incidents": [text],
    }  # fmt: skip


CHAMPION = {"release": "abc", "promoted_at": 0}


def one_model_page(text: str = "loan") -> str:
    return model_page(
        model={"model": text, **CHAMPION},
        features=[summary(text)],
        answers={text: BUCKETS},
        incidents=[an_incident(text), an_incident(text, "closed")],
        rows=9,
        now=0,
        version=text,
    ).decode()


def one_feature_page(text: str = "loan", pii: str = "no", **details: Any) -> str:
    rule = CategoriesRule(values=(text, "b"))
    field = Field(name=text, kind=Kind.CATEGORICAL, rules=(rule,), pii=pii, note=text)
    shown = pii == "no"
    shape = Shape(rows=9, shares={text: 0.5, "b": 0.5})
    return feature_page(
        **{
            "model": {"model": text, **CHAMPION}, "field": field, "summary": summary(text),
            "bars": category_bars([text, "b", text], shape, [text, "b"], shown=shown),
            "shape": shape, "missing": BUCKETS, "unseen": BUCKETS, "usual_unseen": 0.0,
            "broken": BUCKETS, "last": [text, None] if shown else None, "looked_at": 3,
            "incidents": [an_incident(text), an_incident(text, "closed")], "now": 0,
            "version": text,
        }
        | details
    ).decode()  # fmt: skip


def entry(text: str, kind: str = "lifecycle.promote", **details: Any) -> Entry:
    return Entry(
        at=60_000_000, kind=kind, release=text, incident=text, by=text, why=text,
        sentence=f"{text} `{text[:12]}`", **details,
    )  # fmt: skip


def one_history_page(text: str = "loan", **details: Any) -> str:
    entries = [entry(text, tone="good"), *[entry(text, "incident.opened", tone="bad")] * 50]
    return history_page(
        **{"model": text, "entries": entries, "releases": [text], "incidents": [text], "now": 0,
           "version": text} | details
    ).decode()  # fmt: skip


def one_release_page(text: str = "loan", **details: Any) -> str:
    answer = {"by": text, "at": 0, "reason": text}
    release = {
        "id": f"{text}2", "stage": "champion", "added_at": 0, "gate": "waiting",
        "reasons": [text], "checks": [
            {"name": text, "passed": True, "at": 0, "expires": 5, "counts": True},
            {"name": text, "passed": True, "at": 0, "expires": 5, "counts": False},
            {"name": text, "passed": False, "at": 0, "expires": None, "counts": False},
        ],
        "questions": [{"key": text, "sentence": text, "answer": a} for a in (answer, None)],
        "lineage": [(text, text, True), (text, None, True)], "environment": {text: text},
        "parent": text, "champion": text, "standby": text, "rev": 3, "may_promote": False,
        "may_roll_back": True, "hindrance": text,
    }  # fmt: skip
    refused = {"message": text, "expected": text, "got": text, "remedy": text}
    return release_page(
        model=text, release=release | details, entries=[entry(text)] * 20, releases=[text],
        incidents=[text], refused=refused, reason=text, now=0, version=text,
    ).decode()  # fmt: skip


def a_promotable_page(text: str = "loan") -> str:
    return one_release_page(text, stage="canary", may_promote=True, may_roll_back=False)


PAGES: dict[str, Callable[[str], str]] = {
    "dashboard": dashboard_page, "incident": one_incident_page, "model": one_model_page,
    "feature": one_feature_page, "history": one_history_page, "release": one_release_page,
    "promotable": a_promotable_page,
}  # fmt: skip


def page(text: str = "loan") -> str:
    return dashboard_page(text)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_adds_no_element_and_no_attribute(make, payload: str):
    assert Elements(make(payload)).found == Elements(make("x")).found


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_no_link_leads_anywhere_but_here(make):
    for payload in ("//evil", "javascript:alert(1)", "../..", "..", "a/b?c#d", "https://evil"):
        for found in re.findall(r'href="([^"]*)"', make(payload)):
            link = re.sub(r"/history\?(kind=[a-z]+)?(&amp;)?(page=\d)?$", "/history", found)
            assert re.fullmatch(r"/[^/\\].*|/", link), link
            assert "/../" not in f"{link}/"
            assert not {"?", "#"} & set(link)


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_nothing_is_loaded_and_only_the_one_style_may_apply(make):
    text = make("loan")
    policy = dict(headers())[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    tags = {tag for tag, _ in Elements(text).found}
    assert not tags & {"script", "img", "link", "iframe", "object"}
    assert "style=" not in text


def test_a_share_just_below_one_is_not_shown_as_all():
    assert "99.9%" in page()
    assert "100.0%" not in page()


def test_an_empty_store_says_what_to_do_first():
    text = dashboard(models=[], incidents=[], releases=[], rows={}, now=0, version="0").decode()
    assert "holdfast release build" in text


def test_names_in_backticks_are_set_as_code_and_escaped():
    assert ">broken: <code>a&lt;b</code> missing</a></h3>" in page("broken: `a<b` missing")


def test_a_muted_incident_stands_apart_and_is_not_counted():
    text = page()
    assert "<title>(1) Holdfast" in text
    assert "<h2>Muted</h2>" in text


def test_the_verdict_comes_first_and_the_commands_name_the_incident():
    text = one_incident_page("i1")
    assert text.index("<h1>") < text.index("Cause") < text.index("Evidence")
    assert "holdfast incidents resolve i1 --reason" in text


@pytest.mark.parametrize("name", ["$(reboot)", "a; b", "`x`"])
def test_a_strange_id_is_not_put_into_a_command(name):
    assert all(name not in command for _, command in commands(an_incident(name)))
    assert all("INCIDENT" in command for _, command in commands(an_incident(name)))


@pytest.mark.parametrize(
    ("changes", "wanted", "unwanted"),
    [
        ({}, "mute", "reopen"),
        ({"state": "muted", "standing": False}, "unmute", "--hours"),
        ({"state": "acknowledged"}, "resolve", "incidents ack"),
        ({"status": "closed", "state": "closed"}, "reopen", "resolve"),
        ({"switched_off": []}, "fallback i1 --reason", "--on"),
        ({"quarantined": True}, "rescore", "incidents quarantine"),
    ],
)
def test_only_commands_that_fit_the_state_are_shown(changes, wanted, unwanted):
    text = " ".join(c for _, c in commands(an_incident("i1") | changes))
    assert wanted in text
    assert unwanted not in text


def test_values_of_a_field_that_may_be_personal_are_nowhere():
    field = Field(
        name="x", kind=Kind.CATEGORICAL, pii="unknown", rules=(CategoriesRule(values=("secret",)),)
    )
    bars = category_bars(["secret", "hidden"], None, ["secret"], shown=False)
    text = one_feature_page("x", pii="unknown", field=field, bars=bars)
    assert "secret" not in text
    assert "hidden" not in text
    assert "category 1" in text
    assert "pii: no" in text
    numbers = number_bars(np.array([1234.5, 6789.5, 5000.0]), None)
    text = one_feature_page("x", pii="unknown", field=field, bars=numbers)
    assert "6000" not in text
    assert "Newest values" not in text
    assert "5000" in one_feature_page("x", bars=numbers).replace(",", "")


def test_a_release_without_a_reference_distribution_says_so():
    bars = category_bars(["a"], None, ["a"])
    assert "keeps no reference distribution" in one_feature_page(bars=bars, shape=None)
    assert "keeps no reference distribution" not in one_feature_page()


def test_a_model_without_rows_has_its_pages():
    empty = summary("x") | {"rows": 0, "missing": None, "over_time": [], "incidents": []}
    text = one_feature_page("x", summary=empty, bars=None, missing=[], unseen=[], broken=[],
                            last=[], incidents=[], looked_at=0)  # fmt: skip
    assert "no rows yet" in text
    text = model_page(
        model={"model": "x", **CHAMPION}, features=[empty], answers={"degraded": []}, incidents=[],
        rows=0, now=0, version="0",
    ).decode()  # fmt: skip
    assert "No rows yet" in text


def test_an_incident_that_says_little_has_its_page():
    bare = an_incident("i1") | {
        "evidence": {}, "confidence": None, "impact": None, "features": [], "history": [],
        "acknowledged": None, "ruled_out": [], "reopened": [],
    }  # fmt: skip
    text = incident_page(incident=bare, impact=[], lines=[], now=0, version="0").decode()
    assert "Not counted." in text
    assert "None was kept." in text


# -- history and releases ------------------------------------------------------------------------


def test_a_page_of_the_history_holds_so_many_entries_and_no_more():
    assert one_history_page().count("<li") == PER_PAGE
    assert one_history_page(page=2).count("<li") == 51 - PER_PAGE
    assert one_history_page(page=9) == one_history_page(page=2)
    assert one_history_page(topic="promotions").count("<li") == 1


def test_a_history_in_which_nothing_happened_says_so():
    assert "Nothing has happened yet." in one_history_page(entries=[])
    assert "Nothing of this kind" in one_history_page(entries=[], topic="rollbacks")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_told_in_words(stage):
    assert STAGES[stage] in one_release_page(stage=stage.value)


def test_a_form_asks_for_a_reason_and_goes_to_its_own_page():
    for text in (one_release_page(), a_promotable_page()):
        assert text.count("<form") == 1
        assert '<form method="post">' in text
        assert re.search(r'<textarea [^>]*name="reason"[^>]* required>', text)
    assert "<form" not in one_release_page(may_roll_back=False)


def test_a_page_with_a_form_lets_it_go_nowhere_else_and_names_itself_to_its_server():
    told = dict(headers(forms=True))
    assert b"form-action 'self'" in told[b"content-security-policy"]
    assert told[b"referrer-policy"] == b"same-origin"  # else the browser would say Origin: null
    plain = dict(headers())
    assert b"form-action 'none'" in plain[b"content-security-policy"]
    assert plain[b"referrer-policy"] == b"no-referrer"
