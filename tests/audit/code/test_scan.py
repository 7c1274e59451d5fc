"""The scan of notebooks, of text that is no Python, and of any text at all."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.audit.code import read_code, scan, unread
from holdfast.audit.code.rules import RULES
from holdfast.audit.record import Verdict
from holdfast.errors import DataError


def notebook(*cells: tuple[str, str]) -> str:
    made = [{"cell_type": kind, "source": text.splitlines(keepends=True)} for kind, text in cells]
    return json.dumps({"cells": made, "nbformat": 4})


SPLIT = "X_train, X_test = train_test_split(X)"


def test_a_notebook_is_read_in_order_and_the_cell_is_named():
    text = notebook(
        ("markdown", "# Loans"),
        ("code", "%matplotlib inline\n!pip install x\nX = pd.read_csv('a.csv')"),
        ("code", "# scale\nX = StandardScaler().fit_transform(X)"),
        ("code", SPLIT),
    )
    (found,) = scan(text)
    assert (found.evidence["cell"], found.evidence["line"]) == (3, 2)
    assert (found.evidence["related_cell"], found.evidence["related_line"]) == (4, 1)
    assert found.sentence.startswith("Cell 3, line 2: `StandardScaler` learns from all rows")
    assert found.verdict is Verdict.SUSPECT


def test_the_order_of_cells_decides():
    good = notebook(
        ("code", "X_train, X_test = train_test_split(pd.read_csv('a.csv'))"),
        ("code", "s = StandardScaler().fit(X_train)"),
    )
    assert scan(good) == []


def test_a_broken_cell_is_named_and_the_rest_is_read():
    text = notebook(("code", "def f(:"), ("code", f"X = PCA().fit_transform(X)\n{SPLIT}"))
    seen = read_code(text)
    assert [place.cell for place in seen.unread] == [1]
    assert [f.evidence["cell"] for f in seen.findings] == [2]


def test_what_was_not_read_leaves_the_answer_open():
    broken = notebook(("code", "def f(:"), ("code", SPLIT))
    assert [(n.type, n.requested) for n in unread(broken)] == [("cells 1 of the notebook", True)]
    assert [n.type for n in unread("x = 1")] == ["the split in the training code"]
    assert unread(SPLIT) == []


def test_a_cell_of_another_language_is_skipped():
    seen = read_code(notebook(("code", "%%bash\nrm -rf *"), ("code", "x = 1")))
    assert seen.unread == ()


def test_worksheets_of_the_old_format_are_read():
    cells = [{"cell_type": "code", "input": f"X = PCA().fit_transform(X)\n{SPLIT}"}]
    assert len(scan(json.dumps({"worksheets": [{"cells": cells}]}))) == 1


def test_a_script_that_is_no_python_is_an_error_that_says_so():
    with pytest.raises(DataError, match="cannot be parsed"):
        scan("<html>no</html>")


def test_a_notebook_without_cells_is_an_error_that_says_so():
    with pytest.raises(DataError, match="no cells"):
        scan('{"nbformat": 4}')


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(DataError, match="too long"):
        scan("x = 1\n" * 400_000)


def test_nothing_is_run(tmp_path):
    target = tmp_path / "made"
    scan(f"open({str(target)!r}, 'w').write('x')\nimport os\nos.mkdir({str(target)!r})")
    assert not target.exists()


def test_code_that_splits_nothing_says_so():
    assert not read_code("x = 1").splits
    assert read_code(SPLIT).splits


@pytest.mark.parametrize("nested", [30, 5000])
def test_deep_nesting_is_survived(nested):
    seen = read_code("x = " + "(" * nested + "1" + ")" * nested)
    assert bool(seen.unread) == (nested > 100)


def test_a_very_long_chain_of_calls_is_survived():
    read_code("x = a" + ".b()" * 20_000)
    read_code("x = " + "+".join(["a"] * 20_000))


def test_functions_that_call_themselves_end():
    assert (
        scan(
            "def f(x):\n    return f(x)\ndef g(x):\n    return h(x)\n"
            "def h(x):\n    return g(x)\nf(1); g(1)"
        )
        == []
    )


def test_ten_thousand_calls_of_one_function_end():
    body = "def f(X):\n    return StandardScaler().fit_transform(X)\n"
    calls = "\n".join("X = f(X)" for _ in range(10_000))
    assert len(scan(f"{body}{calls}\n{SPLIT}")) == 1


def test_every_rule_has_its_own_code_and_a_remedy():
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert all(rule.code.startswith("HF-L-CODE-") and rule.remedy for rule in RULES)


PIECES = st.sampled_from(
    [
        "X = StandardScaler().fit_transform(X)", "s.fit(X)", "X_test = s.transform(X_test)",
        SPLIT, "for a, b in KFold(5).split(X):\n    m.fit(X[a])\n    m.score(X[b])",
        "X[:, 1:3] = X.mean()", "X = X[mask]",
        "def f(a, *b, c=1, **d):\n    return a\nf(X, *X, c=X)",
        "f(*X)", "a, (b, *c) = X", "del X", "X += s.mean_", "y = X.pop('y')",
        "while X.score(X_test) > 1:\n    X_test = X", "try:\n    X\nexcept E:\n    X = 1",
        "match X:\n    case 1:\n        X = 2",
        "class A(B):\n    def fit(self):\n        self.x.fit(X)",
        "lambda: X", "[x for x in X if x]", "{k: v for k, v in X.items()}", "X = {'a': X, **X}",
        "async def g():\n    await X.fit(X)", "with X as X_test:\n    pass", "(X := X.fit(X))",
        "print(f'{X.mean()}')", "m.fit(X_test)", "X = resample(X, n_samples=2)", "max([])",
        "X = pd.concat([X, X_test])",
        "zip(X, X)", "SMOTE().fit_resample(X, y)", "np.mean()", "train_test_split()",
        "cross_val_score()",
        "study.optimize(lambda t: m.score(X_test))", "X.drop(X.index)",
        "df.groupby('a')['y'].mean()",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_any_order_of_statements_is_read(pieces):
    for found in scan("\n".join(pieces)):
        assert found.evidence["line"] >= 1
        assert found.code in {rule.code for rule in RULES}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(DataError):
        scan(text)
