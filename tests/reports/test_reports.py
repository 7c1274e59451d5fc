"""Every format draws every block, and no name in the data is ever obeyed as markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from holdfast.errors import UsageError
from holdfast.findings import Finding, Severity
from holdfast.reports import FORMATS, render
from holdfast.reports.cells import write
from holdfast.reports.document import (
    BarChart,
    Bars,
    Callout,
    Code,
    Column,
    Document,
    Findings,
    Format,
    Heading,
    KeyValues,
    LineChart,
    Mark,
    Series,
    Span,
    Table,
    Text,
    Tile,
    Tiles,
)

PAYLOADS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "<svg><script>1</script></svg>",
    "{{7*7}}{% raw %}",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/p.png)",
    "a|b\n| c | d |\n# heading",
    "]]>&lt;!--",
    "\x1b[2J\x1b[31mred",
    "[bold red]not markup[/]",
    "\x00\x08\x0c",
    "\ud800 lone",
    "right\u202eleft",
    "&#x3c;script&#x3e;",
    "`code` *bold* _under_ ~x~",
    "<a href='data:text/html,x'>x</a>",
]


def everything(name: str) -> Document:
    """A document with every block, in which every text is `name`."""
    finding = Finding(
        code="HF-TEST",
        severity=Severity.ERROR,
        sentence=name,
        columns=(name,),
        evidence={name: name, "nan": float("nan")},
        remedy=name,
    )
    points = ((0.0, 0.1), (1.0, None), (2.0, float("nan")), (3.0, 0.4))
    return Document(
        title=name,
        summary=name,
        passed=False,
        blocks=(
            Heading(text=name),
            Text(text=name),
            Callout(title=name, text=name),
            Tiles(tiles=(Tile(label=name, value=name, note=name),)),
            KeyValues(items=((name, name), ("none", None))),
            Table(
                columns=(Column(name=name), Column(name="n", format=Format.SHARE)),
                rows=((name, 0.5),),
                caption=name,
            ),
            Findings(findings=(finding,), passed=(name,)),
            LineChart(
                title=name,
                series=(Series(name=name, points=points), Series(name="b", points=points)),
                spans=(Span(start=0, end=1, label=name),),
                marks=(Mark(x=1, label=name),),
                x_label=name,
            ),
            BarChart(
                title=name,
                categories=(name, "x"),
                series=(Bars(name=name, values=(1.0, None)), Bars(name="b", values=(0.0, 2.0))),
            ),
            Code(text=name),
        ),
    )


class Elements(HTMLParser):
    """Collects elements and attributes as a browser would meet them."""

    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_as_any_name_adds_no_element_and_no_attribute_to_the_page(payload: str):
    harmless, hostile = (elements(render(everything(n), "html")) for n in ("x", payload))
    # names in backticks are set as code; nothing else may come of a text
    assert [t for t in hostile.tags if t != "code"] == [t for t in harmless.tags if t != "code"]
    assert hostile.attributes == harmless.attributes
    assert "script" not in hostile.tags
    assert not {a for a in hostile.attributes if a.startswith("on")} | (
        {"href", "src"} & hostile.attributes
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_leaves_every_text_format_well_formed(payload: str):
    document = everything(payload)
    json.loads(render(document, "json"))
    json.loads(render(document, "sarif"))
    ET.fromstring(render(document, "junit"))
    for name in ("text", "md"):
        text = render(document, name)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
        text.encode("utf-8", "strict")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_never_gains_a_table_row_link_or_element(payload: str):
    text = render(everything(payload), "md")
    assert text.count("\n|") == render(everything("x"), "md").count("\n|")
    assert not re.search(r"(?<!\\)<\w", text.split("\n    ")[0])
    assert not re.search(r"(?<!\\)\]\(", text.split("\n    ")[0])


def test_the_page_forbids_everything_but_its_own_style():
    page = render(everything("x"), "html")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy.group(1).startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "<script" not in page
    assert "http://" not in page
    assert "style=" not in page


def test_the_style_hash_in_the_policy_is_that_of_the_style_in_the_page():
    import base64
    import hashlib

    page = render(everything("x"), "html")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert digest.replace("+", "&#43;") in page or digest in page


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_draws_every_block_and_ends_in_a_newline(name: str):
    assert render(everything("a name"), name).endswith("\n")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_an_empty_document_is_drawn_too(name: str):
    chart = LineChart(title="nothing", series=())
    bars = BarChart(title="nothing", categories=(), series=())
    empty = Table(columns=(Column(name="a"),), rows=())
    assert render(Document(title="t", blocks=(chart, bars, empty)), name)


def test_json_prints_exactly_the_record_behind_the_report():
    assert json.loads(render(Document(title="t", data={"a": float("nan")}), "json")) == {"a": None}


def test_could_not_tell_is_a_skipped_case_in_junit_never_a_passed_one():
    suite = ET.fromstring(render(Document(title="t", passed=None), "junit"))
    assert suite.attrib["skipped"] == "1"
    assert suite.find(".//skipped") is not None


def test_a_note_does_not_fail_in_junit_and_is_a_note_in_sarif():
    note = Finding(code="HF-N", severity=Severity.NOTE, sentence="s")
    document = Document(title="t", blocks=(Findings(findings=(note,)),))
    assert ET.fromstring(render(document, "junit")).attrib["failures"] == "0"
    assert json.loads(render(document, "sarif"))["runs"][0]["results"][0]["level"] == "note"


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(UsageError, match="one of text, json, md, html, junit, sarif"):
        render(Document(title="t"), "pdf")


def test_each_cell_of_a_page_names_its_column_for_narrow_screens():
    table = Table(
        columns=(Column(name="who"), Column(name='share "x"', format=Format.SHARE)),
        rows=(("a", 0.5), ("b", None)),
    )
    page = render(Document(title="t", blocks=(table,)), "html")
    assert '<td class="n" data-label="share &#34;x&#34;">50.0%</td>' in page
    assert '<td class="n" data-label="share &#34;x&#34;">–</td>' in page
    assert '<td data-label="who">a</td>' in page


def test_small_numbers_keep_two_digits():
    assert [write(x, Format.DECIMAL) for x in (0.0012, -0.00056, 0.0, 0.25)] == [
        "0.0012", "-0.00056", "0.000", "0.250",
    ]  # fmt: skip
