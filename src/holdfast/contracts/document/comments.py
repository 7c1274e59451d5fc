"""Comments carried from one version of a document to the next.

A comment belongs to the entry it stands beside, or to the entry below it; entries are known by
their path (`fields`, `Age`, `range`), never by their line. So comments survive whatever else is
added, removed or moved. Comments of an entry that is gone stay with the entry that held it, and
go with a field that is gone.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Path = tuple[str, ...]
#: the path of what stands after the last entry
_END: Path = ("", "end")
_BESIDE = re.compile(r"(?:^|\s)(#.*)$")


class _Places(NamedTuple):
    """Where the entries of a text stand."""

    paths: dict[int, Path]  # line -> the outermost entry that begins on it
    ends: dict[int, int]  # line -> column after its last value
    inside: set[int]  # lines in the middle of a text that spans several


class _Comments(NamedTuple):
    above: dict[Path, list[str]]
    beside: dict[Path, list[str]]


def carry(old: str, new: str) -> str:
    r"""`new` with the comments of `old`; both are documents that `load_yaml` takes.

    >>> old = "# ask Ana\nversion: 1\nfields:\n  Age:  # years\n    kind: integer\n"
    >>> print(carry(old, "version: 1\nrows: 9\nfields:\n  Age:\n    kind: numeric"), end="")
    # ask Ana
    version: 1
    rows: 9
    fields:
      Age:  # years
        kind: numeric
    """
    places = _places(new)
    comments = _homed(_comments(old), set(places.paths.values()) | {_END})
    written: list[str] = []
    for number, line in enumerate(new.removesuffix("\n").split("\n")):
        path = places.paths.get(number)
        indent = line[: len(line) - len(line.lstrip())]
        above = comments.above.get(path, []) if path is not None else []
        written += [f"{indent}{text}" if text else "" for text in above]
        beside = comments.beside.get(path, []) if path is not None else []
        written += [f"{indent}{text}" for text in beside[1:]]
        written.append(f"{line}  {beside[0]}" if beside else line)
    written += comments.above.get(_END, [])
    return "\n".join(written) + "\n"


def _homed(comments: _Comments, known: set[Path]) -> _Comments:
    """Comments whose entry is gone move to the entry that held it, or go with their field."""
    homed = _Comments({}, {})
    for path, texts in comments.above.items():
        home = _home(path, known)
        if home is not None:
            kept = texts if home == path else [text for text in texts if text]
            homed.above.setdefault(home, []).extend(kept)
    for path, texts in comments.beside.items():
        home = _home(path, known)
        if home == path:
            homed.beside.setdefault(home, []).extend(texts)
        elif home is not None:
            homed.above.setdefault(home, []).extend(texts)
    return homed


def _home(path: Path, known: set[Path]) -> Path | None:
    while path not in known:
        path = path[:-1]
        if len(path) < 2:
            return None
    return path


def _comments(text: str) -> _Comments:
    places = _places(text)
    found = _Comments({}, {})
    waiting: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number in places.inside:
            continue
        stripped = line.strip()
        path = places.paths.get(number)
        if path is None and number not in places.ends:
            if stripped.startswith("#") or not stripped:
                waiting.append(stripped)
            continue
        if path is not None and waiting:
            found.above.setdefault(path, []).extend(waiting)
            waiting = []
        beside = _BESIDE.search(line[places.ends.get(number, 0) :])
        if beside:
            waiting_or_path = path if path is not None else _last(places, number)
            found.beside.setdefault(waiting_or_path, []).append(beside[1])
    while waiting and not waiting[-1]:
        waiting.pop()
    if waiting:
        found.above[_END] = waiting
    return found


def _last(places: _Places, number: int) -> Path:
    """The entry whose value goes on in this line."""
    earlier = [line for line in places.paths if line <= number]
    return places.paths[max(earlier)] if earlier else _END


def _places(text: str) -> _Places:
    from ruamel.yaml import YAML

    places = _Places({}, {}, set())
    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if type(event).__name__ in {"MappingStartEvent", "SequenceStartEvent"}:
            _walk(event, events, (), places)
    return places


def _mark(event: Any, path: Path | None, places: _Places) -> None:
    start, end = event.start_mark, event.end_mark
    if path is not None:
        places.paths.setdefault(start.line, path)
    if type(event).__name__ == "ScalarEvent":
        places.inside.update(range(start.line + 1, end.line + (end.column > 0)))
        if end.line > start.line and event.style in {"'", '"', None}:
            places.inside.discard(end.line)
    if (start.line, start.column) != (end.line, end.column):
        places.ends[end.line] = max(places.ends.get(end.line, 0), end.column)


def _walk(start: Any, events: Any, path: Path, places: _Places) -> None:
    """Notes where the entries of one mapping or list stand; `start` is its first event."""
    mapping = type(start).__name__ == "MappingStartEvent"
    if start.flow_style:
        _mark(start, None, places)
    number = 0
    for event in events:
        kind = type(event).__name__
        if kind in {"MappingEndEvent", "SequenceEndEvent"}:
            if start.flow_style:
                _mark(event, None, places)
            return
        if mapping:
            own = (*path, str(event.value))
            _mark(event, own, places)
            event = next(events)
            kind = type(event).__name__
            place = None
        else:
            own = (*path, f"- {event.value}" if kind == "ScalarEvent" else f"- {number}")
            place = own
            number += 1
        if kind == "ScalarEvent":
            _mark(event, place, places)
        else:
            if place is not None:
                places.paths.setdefault(event.start_mark.line, place)
            _walk(event, events, own, places)
