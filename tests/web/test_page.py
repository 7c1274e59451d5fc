"""The dashboard: everything shown is escaped, nothing is loaded, no script is needed."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from holdfast.web.page import dashboard, headers

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


def page(text: str = "loan") -> str:
    incident = {
        "id": text,
        "model": text,
        "status": "open",
        "class": text,
        "kind": text,
        "action": text,
        "sentence": text,
        "since": 0,
        "opened_at": 0,
        "closed_at": None,
    }
    closed = {**incident, "status": "closed", "closed_at": 1}
    return dashboard(
        models=[
            {"model": text, "release": text, "promoted_at": 0, "numbers": [(text, text)]},
        ],
        incidents=[incident, closed],
        releases=[{"model": text, "id": text, "added_at": 0, "champion": True}],
        rows={text: {"ok": 999_999, "degraded": 1}},
        now=0,
        version=text,
    ).decode()


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(sorted(name for name, _ in attrs))))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_adds_no_element_and_no_attribute(payload: str):
    assert Elements(page(payload)).found == Elements(page("x")).found


def test_nothing_is_loaded_and_only_the_one_style_may_apply():
    text = page()
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
    assert "<h3>broken: <code>a&lt;b</code> missing</h3>" in page("broken: `a<b` missing")
