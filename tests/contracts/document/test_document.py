"""The contract as a document: what is written is read back, and what is wrong is refused."""

from __future__ import annotations

import time

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contracts import model as m
from holdfast.contracts.document import dump_yaml, json_schema, load_yaml
from holdfast.contracts.document.tree import read_tree
from holdfast.errors import ContractError

AGE = m.Field(
    name="Age", kind=m.Kind.INTEGER, policy=m.Policy.CLIP, impute=44, pii="no", note="in years",
    rules=(
        m.NullRule(evidence=m.Evidence(rows=2000)),
        m.TypeRule(),
        m.RangeRule(low=18, high=75, max_share=0.01, policy=m.Policy.REJECT),
        m.SentinelRule(values=(-999,)),
        m.SentinelRule(values=(99,), rows=False, max_share=0.02),
    ),
)  # fmt: skip
JOB = m.Field(
    name="Job", kind=m.Kind.CATEGORICAL, policy=m.Policy.FALLBACK,
    rules=(
        m.NullRule(rows=False, max_share=0.091, evidence=m.Evidence(rows=4454, marked=382)),
        m.TypeRule(),
        m.CategoriesRule(values=tuple(f"job {i}" for i in range(10))),
    ),
)  # fmt: skip
DATA = m.ContractData(
    name="loan",
    rows=4454,
    fields=(
        AGE, JOB, m.Field(name="b", kind=m.Kind.NUMERIC),
        m.Field(name="y", kind=m.Kind.BOOLEAN, role=m.Role.TARGET),
    ),
    cross=(
        m.OrderRule(left="Age", right="b"),
        m.ConstantSumRule(fields=("Age", "b"), total=100.0, tolerance=0.5),
        m.DependencyRule(determinant="Job", dependent="Age", mapping=(("job 1", 5), ("job 2", 6))),
        m.NullTogetherRule(fields=("Age", "Job"), policy=m.Policy.REJECT),
    ),
    cross_policy=m.Policy.ABSTAIN,
    unknown_fields=m.Policy.REJECT,
)  # fmt: skip
TEXT = dump_yaml(DATA)


def test_what_is_written_is_read_back():
    assert load_yaml(TEXT) == DATA


def test_the_layout_reads_like_a_table_of_rules():
    assert "  Age:\n    kind: integer\n    policy: clip\n    nulls: {seen: 0 of 2000}\n" in TEXT
    assert "range: {low: 18, high: 75, allowed: 0.01, policy: reject}" in TEXT
    assert "nulls: {allowed: 0.091, note: true, seen: 382 of 4454}" in TEXT
    assert "        - job 0\n" in TEXT
    assert "  - order: {left: Age, right: b}" in TEXT


def test_what_is_written_meets_the_json_schema():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read_tree(TEXT).plain(), schema)


@pytest.mark.parametrize(
    "text",
    [
        "fields: {x: {kind: numeric, rang: {low: 1}}}",
        "fields: {x: {kind: number}}",
        "fields: {x: {range: {low: 1}}}",
        "fields: {x: {kind: numeric, range: {low: [1]}}}",
        "cross: [{order: {left: a}}]",
        "feilds: {}",
        "version: 2",
    ],
)
def test_the_json_schema_refuses_what_the_reader_refuses(text):
    with pytest.raises(ContractError):
        load_yaml(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_tree(text).plain(), json_schema())


COMMENTED = (
    TEXT.replace("  Age:\n", "\n  # reviewed by Ana\n  Age:  # years\n")
    .replace("    range: {low: 18", "    # the law says 18\n    range: {low: 18")
    .replace("reject}\n", "reject}  # agreed in May\n", 1)
    .replace("        - job 3\n", "        # odd one\n        - job 3  # rare\n")
    + "# the end\n"
)


def test_an_unchanged_contract_comes_back_to_the_letter():
    assert dump_yaml(DATA, COMMENTED) == COMMENTED


def test_comments_stay_with_what_they_speak_of():
    age = m.Field(name="Age", kind=m.Kind.INTEGER, rules=(m.RangeRule(low=16, high=80),))
    values = ("new", *(f"job {i}" for i in range(1, 10)))
    job = m.Field(name="Job", kind=m.Kind.CATEGORICAL, rules=(m.CategoriesRule(values=values),))
    text = dump_yaml(m.ContractData(name="loan", fields=(job, age)), COMMENTED)
    assert "\n  # reviewed by Ana\n  Age:  # years\n" in text
    assert "    # the law says 18\n    range: {low: 16, high: 80}  # agreed in May\n" in text
    assert "        # odd one\n        - job 3  # rare\n" in text
    assert text.endswith("# the end\n")
    assert text.startswith(TEXT[:40])


def test_the_comment_of_a_rule_that_is_gone_stays_with_its_field():
    age = m.Field(name="Age", kind=m.Kind.INTEGER)
    text = dump_yaml(m.ContractData(fields=(age,)), COMMENTED)
    assert "# the law says 18" in text
    assert "odd one" not in text


def test_updating_twice_changes_nothing_more():
    other = m.ContractData(name="other", fields=(AGE,))
    once = dump_yaml(other, COMMENTED)
    assert dump_yaml(other, once) == once
    assert dump_yaml(DATA, once).count("# reviewed by Ana") == 1


def test_a_hash_inside_a_text_is_no_comment():
    text = "fields:\n  'a # b':\n    kind: text\n    note: \"x # y\"  # z # w\n"
    data = load_yaml(text)
    new = m.ContractData(name="n", fields=data.fields)
    assert dump_yaml(new, text).count("# z # w") == 1
    assert load_yaml(dump_yaml(new, text)) == new


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(20)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "anchors and aliases"),
        ("x: &a 1", "anchors"),
        ("x: *a", "anchors and aliases"),
        ("<<: {version: 1}", "unknown key"),
        ("[" * 100_000, "deeply"),
        ("{a: " * 40, "deeply"),
        ("- " * 100, "deeply"),
        ("#" * 1_000_001, "too large"),
        ("version: 1\nversion: 1", "same key twice"),
        ("fields:\n  x: {kind: numeric, kind: text}", "same key twice"),
        ("!!python/object/apply:os.system ['true']", "tags"),
        ("fields: !!map {}", "tags"),
        ("%YAML 1.1\n---\nversion: 1", "directive"),
        ("version: 1\n---\nversion: 1", "second document"),
        ("fields: {x: {kind: numeric, rnage: {low: 1}}}", "did you mean 'range'"),
        ("fields: {x: {kind: numeric, range: {lo: 1}}}", "did you mean 'low'"),
        ("fieldz: {}", "did you mean 'fields'"),
        ("fields: {1: {kind: numeric}}", "no text"),
        ("fields: {x: {kind: numeric, range: {low: .inf}}}", "infinite"),
        ("fields: {x: {kind: numeric, range: {low: 1e400}}}", "too large"),
        ("fields: {x: {kind: numeric, range: {low: 5, high: 1}}}", "empty range"),
        ("fields: {x: {kind: text, format: {pattern: '(a+)+'}}}", "not safe"),
        ("fields: {x: {kind: numeric, nulls: {seen: many}}}", "evidence"),
        ("fields: {x: {kind: numeric, nulls: {note: 1}}}", "note"),
        ("fields: {x: {kind: numeric, policy: explode}}", "wrong sort"),
        ("fields: {x: 5}", "no mapping"),
        ("fields: [x]", "no mapping"),
        ("cross: {order: 1}", "no list"),
        ("cross: [{order: {left: a, right: b}}]", "unknown field"),
        ("version: 99", "version"),
        ("version: {a: 1}", "version"),
        ("", "empty"),
        ("a: b: c", "not YAML"),
        ("\x00", "not YAML"),
        ("\ud800", "valid text"),
        ("a: 'b", "not YAML"),
        ("5", "no mapping"),
    ],
    ids=lambda part: repr(part[:30]),
)
def test_what_no_contract_may_hold_is_refused_with_its_reason(text, says):
    with pytest.raises(ContractError, match=says):
        load_yaml(text)


def test_an_error_names_the_line():
    with pytest.raises(ContractError, match="line 3: field 'x'"):
        load_yaml("fields:\n  x:\n    kinde: numeric\n")


def test_a_hostile_megabyte_is_refused_within_seconds():
    for text in ("[" * 999_999, "a: " * 300_000, "? " * 300_000, "-\n" * 499_000, "'" * 999_998):
        start = time.process_time()
        with pytest.raises(ContractError):
            load_yaml(text)
        assert time.process_time() - start < 20


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False), names,
)  # fmt: skip
rules = st.one_of(
    st.builds(
        m.NullRule, rows=st.booleans(), max_share=st.floats(0, 1),
        evidence=st.builds(m.Evidence, rows=st.integers(0, 10**9), marked=st.integers(0, 10**9)),
        policy=st.one_of(st.none(), st.sampled_from(m.Policy)),
    ),
    st.builds(
        m.CategoriesRule,
        values=st.lists(names | st.booleans() | st.integers(-9, 9), max_size=12).map(tuple),
    ),
    st.builds(
        m.SentinelRule,
        values=st.lists(names | st.integers(-9, 9) | st.floats(-9, 9), max_size=3).map(tuple),
    ),
    st.builds(m.LengthRule, low=st.integers(0, 5), high=st.one_of(st.none(), st.integers(5, 9))),
)  # fmt: skip
fields = st.builds(
    m.Field, name=names, kind=st.just(m.Kind.CATEGORICAL), role=st.sampled_from(m.Role),
    policy=st.sampled_from(m.Policy), impute=scalars, required=st.booleans(),
    pii=st.sampled_from(["unknown", "no", "yes"]), note=names,
    rules=st.lists(rules, max_size=4, unique_by=type).map(tuple),
)  # fmt: skip
contracts = st.builds(
    m.ContractData, name=names, rows=st.integers(0, 2**60), cross_policy=st.sampled_from(m.Policy),
    fields=st.lists(fields, max_size=4, unique_by=lambda field: field.name).map(tuple),
)  # fmt: skip


@given(contracts, contracts)
@settings(max_examples=30, deadline=None)
def test_any_contract_survives_the_document_and_any_update(data, previous):
    text = dump_yaml(data)
    assert load_yaml(text) == data
    assert load_yaml(dump_yaml(data, dump_yaml(previous))) == data
    jsonschema.validate(read_tree(text).plain(), json_schema())


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_garbage_raises_contract_error_and_nothing_else(text):
    _only_contract_error(text)


@given(
    st.integers(0, len(TEXT)),
    st.integers(0, 6),
    st.text("{}[]:,-#&*!|>'\"%@` \n\tax0\\", max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_a_document_with_a_typo_is_read_or_refused(place, cut, typed):
    _only_contract_error(TEXT[:place] + typed + TEXT[place + cut :])


def _only_contract_error(text):
    try:
        data = load_yaml(text)
    except ContractError:
        return
    assert load_yaml(dump_yaml(data)) == data
    assert load_yaml(dump_yaml(m.ContractData(name="another"), text)).name == "another"
