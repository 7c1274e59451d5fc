"""The pages in a real browser: they show their facts, load nothing else and run nothing."""

from __future__ import annotations

import pytest
from tests.browser import dom, served
from tests.web.test_page import PAGES, page

from holdfast.web.page import headers

pytestmark = pytest.mark.xdist_group("browser")

ATTACK = (
    "<img src=/stolen onerror=\"document.title='owned'\">"
    "<script>document.title='owned';fetch('/stolen')</script>"
)


def test_the_page_shows_model_release_and_incident():
    with served(page("loan").encode(), headers()) as (url, _):
        found = dom(url)
    assert "<title>" in found
    assert "Open incidents" in found
    assert found.count("loan") > 3


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_an_attack_in_every_name_neither_runs_nor_loads(make):
    with served(make(ATTACK).encode(), headers()) as (url, asked):
        found = dom(url)
    assert "<title>owned" not in found
    assert "<img" not in found
    assert [path for path in asked if "stolen" in path] == []


def test_a_script_that_got_into_the_page_would_still_be_refused_by_its_policy():
    body = page("loan").replace("</body>", "<script>document.title='owned'</script></body>")
    with served(body.encode(), headers()) as (url, _):
        assert "<title>owned" not in dom(url)
