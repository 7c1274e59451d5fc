"""The same value written another way: renamed, permuted, garbled, or as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from holdfast.drill.faults.base import Fault, Injected, Skipped, edited, put
from holdfast.drill.scene import BoolArray, Scene

GARBLED = (0.02, 0.1, 0.5)
TEXTS = (0.05, 0.4, 1.0)


def _other_case(text: str) -> str:
    return text.swapcase() if text.swapcase() != text else f"{text}.0"


RENAMES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in other letters", _other_case),
    ("with a blank in front", lambda text: f" {text}"),
    ("under codes of a new version", lambda text: "v2_" + text[::-1]),
)
NUMBERS: tuple[tuple[str, Callable[[float], str]], ...] = (
    ("with a decimal comma", lambda x: _plain(x).replace(".", ",") + (",0" if x % 1 == 0 else "")),
    ("with a currency behind", lambda x: f"{_plain(x)} EUR"),
    ("in quotation marks", lambda x: f"'{_plain(x)}'"),
)


def _plain(x: float) -> str:
    return str(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)


def _respelled(
    scene: Scene,
    name: str,
    rows: BoolArray,
    mapping: Mapping[str, str],
    note: str,
    strength: float,
) -> Injected | Skipped:
    """A category with other spellings in some rows; a column of numbers or booleans gets texts."""
    values = scene.values(name)
    rows = rows & scene.holds(name, list(mapping))
    if not rows.any():
        return Skipped("it would change no value here")
    words = np.array([mapping.get(known, known) for known in values.names] or [""], object)
    texts = pa.array(words[np.maximum(values.codes, 0)].tolist(), pa.large_string())
    column = scene.table.column(name)
    if pa.types.is_large_string(column.type):
        return edited(scene, {name: put(column, rows, texts)}, note, strength)
    return Injected(scene.table, (name,), note, strength, rows, mixed={name: texts})


def _category(scene: Scene, rng: np.random.Generator, least: int) -> str | None:
    names = scene.pick([n for n in scene.categories if len(scene.spellings(n)) >= least], rng)
    return names[0] if names else None


def category_renamed(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Categories get other names: a rarer one, the commonest, all."""
    name = _category(scene, rng, 2)
    if name is None:
        return Skipped("it takes a category of two or more values")
    words, rename = RENAMES[int(rng.integers(len(RENAMES)))]
    ranked = scene.spellings(name)
    middle = [s for s, share in ranked[1:] if 0.03 <= share <= 0.3] or [ranked[-1][0]]
    rare = middle[int(rng.integers(len(middle)))]
    which = ([rare], [ranked[0][0]], [s for s, _ in ranked])[severity - 1]
    what = ("one category", "the commonest category", "every category")[severity - 1]
    share = sum(p for s, p in ranked if s in which)
    mapping = {s: rename(s) for s in which}
    return _respelled(scene, name, scene.rows(rng, 1.0), mapping, f"{what} {words}", share)


def encoding_permuted(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Categories change places in a circle: two of them, the commoner half, all."""
    name = _category(scene, rng, 3)
    if name is None:
        return Skipped("it takes a category of three or more values")
    ranked = [s for s, _ in scene.spellings(name)]
    if severity == 1:
        moved = ranked[1:3]
    else:
        moved = ranked if severity == 3 else ranked[: max(3, (len(ranked) + 1) // 2)]
    mapping = dict(zip(moved, moved[1:] + moved[:1], strict=True))
    column = scene.table.column(name)
    note = f"{len(moved)} of {len(ranked)} categories change places"
    share = sum(p for s, p in scene.spellings(name) if s in mapping)
    if pa.types.is_large_string(column.type):
        return _respelled(scene, name, scene.rows(rng, 1.0), mapping, note, share)
    values = {str(v): v for v in column.unique().to_pylist() if v is not None}
    known = scene.values(name)
    spelled = [mapping.get(s, s) for s in known.names]
    if not set(spelled) <= values.keys():
        return Skipped("the categories are no texts and cannot be told apart")
    others = pa.array([values[s] for s in spelled], column.type)
    codes = pa.array(np.maximum(known.codes, 0))
    rows = scene.rows(rng, 1.0) & (known.codes >= 0)
    return edited(scene, {name: put(column, rows, others.take(codes))}, note, share)


def category_garbled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Texts arrive in a wrong character encoding."""
    name = _category(scene, rng, 1)
    if name is None:
        return Skipped("it takes a category")
    share = GARBLED[severity - 1]
    mapping = {s: f"{s}\u00c3\u00a9" for s, _ in scene.spellings(name)}
    note = f"garbled in {share:.0%} of the rows"
    return _respelled(scene, name, scene.rows(rng, share), mapping, note, share)


def dtype_change(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number arrives as text."""
    names = scene.pick([n for n in scene.numbers if len(scene.known(n))], rng)
    if not names:
        return Skipped("it takes a number")
    [name] = names
    share = TEXTS[severity - 1]
    words, write = NUMBERS[int(rng.integers(len(NUMBERS)))]
    x = scene.number(name)
    rows = scene.rows(rng, share) & np.isfinite(x)
    if not rows.any():
        return Skipped("it would change no value here")
    texts = pa.array(
        [write(v) if hit else "" for v, hit in zip(x.tolist(), rows.tolist(), strict=True)],
        pa.large_string(),
    )
    note = f"as text {words} in {share:.0%} of the rows"
    return Injected(scene.table, (name,), note, share, rows, mixed={name: texts})


_LIST = "the list of categories in the contract"

FAULTS = (
    Fault(
        name="category_renamed", kind="category_renamed", inject=category_renamed,
        says="categories get other names upstream", visible=_LIST,
    ),
    Fault(
        name="encoding_permuted", kind="encoding_permuted", inject=encoding_permuted,
        says="categories change places",
        visible="watching the shares of the categories, or a dependency rule with another column",
    ),
    Fault(
        name="category_garbled", kind="category_renamed", inject=category_garbled,
        says="texts arrive in a wrong character encoding", visible=_LIST,
    ),
    Fault(
        name="dtype_change", kind="dtype_change", inject=dtype_change,
        says="a number arrives as text",
        visible="a type rule for the column in the contract",
    ),
)  # fmt: skip
