"""A script or a notebook as one syntax tree, with the way back to cell and line."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from holdfast.errors import DataError

#: longest code that is looked at; nobody's training script is longer
LONGEST = 2_000_000
#: longest notebook, whose pictures count too
LONGEST_NOTEBOOK = 100_000_000
#: deepest nesting of brackets in one line of code; deeper is not code a person wrote
DEEPEST = 90
_MAGIC = re.compile(r"^(\s*)(?:[%!?]|[\w.]+\?+\s*$|\w[\w, ]*=\s*[!%])")
_WHOLE_CELL = re.compile(r"^\s*%%(?!time\b|timeit\b|capture\b)")


class Place(NamedTuple):
    """Where something stands: the line inside its cell, and the cell (None in a script)."""

    line: int
    cell: int | None

    def words(self) -> str:
        """For a sentence.

        >>> Place(3, 12).words(), Place(7, None).words()
        ('cell 12, line 3', 'line 7')
        """
        return f"line {self.line}" if self.cell is None else f"cell {self.cell}, line {self.line}"


class Code(NamedTuple):
    """Parsed code.

    Attributes:
        tree: everything that could be parsed, as one module; cells in order.
        lines: the text, line by line, as the tree counts them.
        places: for every line of `lines`, its place.
        unread: places of the cells (or of the script) that are not Python.
    """

    tree: ast.Module
    lines: tuple[str, ...]
    places: tuple[Place, ...]
    unread: tuple[Place, ...]

    def place(self, line: int) -> Place:
        """The place of a line of the tree, counted from 1."""
        return self.places[min(max(line, 1), len(self.places)) - 1]

    def text(self, line: int) -> str:
        """The line itself, stripped and at most 120 characters."""
        return self.lines[line - 1].strip()[:120] if 0 < line <= len(self.lines) else ""


def parse(text: str) -> Code:
    r"""Parses a script, or the code cells of a notebook (.ipynb text) in order. Runs nothing.

    Cells are numbered from 1 over all cells of the notebook, as editors count them. Shell lines and
    magics are blanked; a cell that is not Python is skipped and named in `unread`.

    Raises:
        DataError: the text is a notebook without cells, or too long.

    Example:
        >>> code = parse("a = 1\n!pip install x\nb = 2")
        >>> len(code.tree.body), code.place(3)
        (3, Place(line=3, cell=None))
    """
    if len(text) > LONGEST_NOTEBOOK:
        raise _too_long(text, LONGEST_NOTEBOOK)
    lines: list[str] = []
    places: list[Place] = []
    unread: list[Place] = []
    body: list[ast.stmt] = []
    for cell, part in _cells(text):
        if len(part) > LONGEST:
            raise _too_long(part, LONGEST)
        blanked = _without_magics(part)
        tree = _tree(blanked)
        if tree is None:
            unread.append(Place(1, cell))
            continue
        ast.increment_lineno(tree, len(lines))
        body += tree.body
        rows = part.split("\n")
        lines += rows
        places += [Place(i + 1, cell) for i in range(len(rows))]
    return Code(
        ast.Module(body=body, type_ignores=[]),
        tuple(lines),
        tuple(places) or (Place(1, None),),
        tuple(unread),
    )


def _too_long(text: str, most: int) -> DataError:
    return DataError(
        "the code is too long to be scanned",
        expected=f"at most {most:,} characters",
        got=f"{len(text):,} characters",
    )


def _cells(text: str) -> Iterator[tuple[int | None, str]]:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    document = _notebook(text) if text.lstrip().startswith("{") else None
    if document is None:
        yield None, text
        return
    cells = document.get("cells")
    if cells is None:  # the third version of the format keeps its cells in worksheets
        sheets = document.get("worksheets")
        first = sheets[0] if isinstance(sheets, list) and sheets else {}
        cells = first.get("cells") if isinstance(first, dict) else None
    if not isinstance(cells, list):
        raise DataError(
            "the notebook has no cells",
            expected="a Jupyter notebook (.ipynb) with a list of cells, or Python text",
            got=f"keys={sorted(map(str, document))[:8]}",
        )
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            if isinstance(source, list):
                source = "".join(str(line) for line in source)
            yield number, str(source)


def _notebook(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _without_magics(text: str) -> str:
    if _WHOLE_CELL.match(text):  # %%bash, %%html: not Python at all
        return "\n" * text.count("\n")
    return "\n".join(
        f"{found.group(1)}pass" if (found := _MAGIC.match(line)) else line
        for line in text.split("\n")
    )


def _tree(text: str) -> ast.Module | None:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth > DEEPEST:
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape in the user's text is not ours to say
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
