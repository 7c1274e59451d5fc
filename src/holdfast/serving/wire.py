"""What travels: request bodies decoded and checked, answers encoded. msgspec does the work.

A malformed body is one `RequestError` that names the row and what was expected. Values of a row
never appear in it (they may be personal); the names of fields do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from holdfast.errors import RequestError
from holdfast.serving.limits import Limits
from holdfast.serving.scan import colons_in, duplicate_key, nesting

INT_MIN, INT_MAX = -(2**63), 2**63 - 1

_Int = Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)]
_Scalar = None | bool | _Int | float | str
_Row = dict[str, _Scalar | list[_Scalar]]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/models/{model}/predict`."""

    rows: list[Raw]
    ids: list[_Name] | UnsetType | None = UNSET
    source: _Name | UnsetType | None = UNSET
    at: list[str] | UnsetType | None = UNSET


class LabelIn(msgspec.Struct, forbid_unknown_fields=True):
    """One label: the outcome of the prediction `id`, known since `known_at`."""

    id: _Name
    value: bool | _Int | float | Annotated[str, Meta(max_length=200)]
    known_at: str | None = None


class LabelsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/models/{model}/labels`."""

    labels: list[LabelIn]


class LoggedLine(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the NDJSON body of `POST /v1/models/{model}/predictions`.

    `propensity` is the probability with which a decision that was drawn was given.
    """

    id: _Name
    features: Raw
    score: float | None = None
    decision: Annotated[str, Meta(max_length=200)] | None = None
    at: str | None = None
    source: _Name | None = None
    release: _Name | None = None
    propensity: Annotated[float, Meta(gt=0, le=1)] | None = None


class ViolationOut(msgspec.Struct):
    """One violation as answered."""

    field: str
    code: str
    policy: str


class PredictionOut(msgspec.Struct):
    """One prediction as answered; the last two fields where decisions are explored."""

    id: str
    release: str
    score: float | None
    decision: str | None
    verdict: str
    fallback: tuple[str, ...] | None = None
    violations: Sequence[ViolationOut] = ()
    explored: bool | UnsetType = UNSET
    propensity: float | UnsetType = UNSET


class Parsed(msgspec.Struct):
    """A predict body after decoding: rows as dicts and as the bytes that were received."""

    rows: list[dict[str, Any]]
    raws: list[Raw]
    ids: list[str] | None
    source: str | None
    at: list[int] | None


_predict = msgspec.json.Decoder(PredictBody)
_labels = msgspec.json.Decoder(LabelsBody)
_row = msgspec.json.Decoder(_Row)
_line = msgspec.json.Decoder(LoggedLine)
encoder = msgspec.json.Encoder()


def _refuse(
    message: str, *, expected: str, got: str, code: str, remedy: str = "correct it and send again"
) -> RequestError:
    return RequestError(
        message, status=422, code=code, expected=expected, got=got[:300], remedy=remedy
    )


def malformed(error: Exception, body: bytes, limits: Limits, where: str = "the body") -> Exception:
    """Turn what a decoder raised into one clear error.

    Example:
        >>> error = ValueError("odd")
        >>> malformed(error, b"x", Limits()) is error
        True
    """
    if isinstance(error, RecursionError) or nesting(body, limits.depth) > limits.depth:
        return _refuse(
            f"{where} is nested too deeply",
            expected=f"at most {limits.depth} levels",
            got=f"more than {limits.depth} levels",
            code="HF-E-REQUEST-DEPTH",
            remedy="a row is a flat JSON object; flatten it",
        )
    if isinstance(error, UnicodeDecodeError):
        return _refuse(
            f"{where} is not UTF-8",
            expected="JSON in UTF-8",
            got=f"byte 0x{error.object[error.start]:02x} where none may be",
            code="HF-E-REQUEST-UTF8",
        )
    if isinstance(error, msgspec.ValidationError):
        return _refuse(
            f"{where} does not have the right form",
            expected="what the OpenAPI document describes (GET /openapi.json)",
            got=str(error),
            code="HF-E-REQUEST-SCHEMA",
        )
    if isinstance(error, msgspec.DecodeError):
        return _refuse(
            f"{where} is not JSON",
            expected="JSON; NaN and Infinity are not JSON, a missing number is null",
            got=str(error),
            code="HF-E-REQUEST-JSON",
        )
    return error


def _name_the_culprit(raw: bytes) -> str:
    """Which field of a refused row is at fault, and how; slow, used for errors only."""
    try:
        pairs = json.loads(raw, object_pairs_hook=list, parse_int=lambda text: text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(pairs, list):
        return ""
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            return ""
        key, value = pair
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, (list, tuple)):
                return f"field {key!r} holds a nested object or list"
            if isinstance(item, float) and not math.isfinite(item):
                return f"field {key!r} holds a number beyond 1.8e308"
        if isinstance(value, str) and len(value) > 18 and value.lstrip("-").isdigit():
            return f"field {key!r} holds an integer of {len(value)} digits"
    return ""


def decode_row(raw: Raw | bytes, where: str, limits: Limits) -> dict[str, Any]:
    """Decode one row, a flat JSON object.

    Raises:
        RequestError: naming the row, and the field where it can be told.
    """
    try:
        row: dict[str, Any] = _row.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        found = malformed(error, bytes(raw), limits, where)
        if isinstance(found, RequestError) and found.code == "HF-E-REQUEST-SCHEMA":
            found.expected = (
                "a flat JSON object: texts, booleans, nulls, 64-bit integers, finite numbers, "
                "lists of these"
            )
            found.got = _name_the_culprit(bytes(raw)) or found.got
        raise found from None
    if len(row) > limits.keys:
        raise _refuse(
            f"{where} has too many keys",
            expected=f"at most {limits.keys} keys in one row",
            got=f"keys={len(row)}",
            code="HF-E-REQUEST-KEYS",
        )
    return row


def _check_duplicates(body: bytes, keys: int, texts: int) -> None:
    """Refuse a body in which an object holds one key twice (see `scan`).

    `keys` is the number of keys decoded, `texts` the number of colons inside decoded texts; with
    escapes in the body that number says nothing, so the exact test decides.
    """
    if body.count(b":") - texts == keys and (texts == 0 or b"\\" not in body):
        return
    key = duplicate_key(body)
    if key is not None:
        raise _refuse(
            "an object holds the same key twice",
            expected="every key once",
            got=f"key={key!r}",
            code="HF-E-REQUEST-DUPLICATE-KEY",
            remedy="decide which of the values is meant and send only that",
        )


def _check_count(what: str, count: int, limits: Limits) -> None:
    if not 1 <= count <= limits.rows:
        raise _refuse(
            f"there are no {what}" if count == 0 else f"there are too many {what}",
            expected=f"1 to {limits.rows} {what}",
            got=f"{what}={count}",
            code="HF-E-REQUEST-EMPTY" if count == 0 else "HF-E-REQUEST-ROWS",
            remedy="send at least one" if count == 0 else "split them over several requests",
        )


def parse_time(text: str, now: int, limits: Limits, where: str) -> int:
    """Microseconds since 1970 (UTC) of an ISO-8601 text; a time without a zone is UTC.

    Args:
        text: the time as sent.
        now: the server's clock, to refuse times from a clock that runs far ahead.
        limits: gives how far ahead is too far.
        where: where the text stands, for the error.

    Raises:
        RequestError: when it is no time, before 1970, or too far ahead.

    Example:
        >>> parse_time("1970-01-01T00:00:01Z", 0, Limits(), "at[0]")
        1000000
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _refuse(
            f"{where} is not a time",
            expected="ISO-8601, for example 2026-11-23T14:05:00Z",
            got=f"{text[:60]!r}",
            code="HF-E-REQUEST-TIME",
        ) from None
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if micros < 0 or micros > now + limits.ahead_seconds * 1_000_000:
        raise _refuse(
            f"{where} cannot be right",
            expected=f"a time since 1970, at most {limits.ahead_seconds:g} s ahead of the server",
            got=f"{text[:60]!r}",
            code="HF-E-REQUEST-CLOCK",
            remedy="check the sender's clock and time zone",
        )
    return micros


def decode_predict(body: bytes, now: int, limits: Limits) -> Parsed:
    """Decode and check the body of a predict request.

    Args:
        body: the bytes received.
        now: the server's clock in microseconds since 1970 (UTC).
        limits: what a body may be.

    Raises:
        RequestError: one clear error for whatever is wrong.

    Example:
        >>> parsed = decode_predict(b'{"rows": [{"Income": 900}], "ids": ["a1"]}', 0, Limits())
        >>> parsed.rows, parsed.ids
        ([{'Income': 900}], ['a1'])
    """
    try:
        asked = _predict.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, body, limits) from None
    raws = asked.rows
    count = len(raws)
    _check_count("rows", count, limits)
    if count == 1:
        rows = [decode_row(raws[0], "row 0", limits)]
        keys = len(rows[0]) + 1
    else:
        rows = [decode_row(raw, f"row {index}", limits) for index, raw in enumerate(raws)]
        keys = sum(map(len, rows)) + 1
    ids, source, at = asked.ids, asked.source, asked.at
    keys += (ids is not UNSET) + (source is not UNSET) + (at is not UNSET)
    if body.count(b":") != keys:
        texts = sum(colons_in(row.values()) + colons_in(row) for row in rows)
        texts += colons_in((ids or None, source or None, at or None))
        _check_duplicates(body, keys, texts)
    times = None
    if at:
        times = [parse_time(text, now, limits, f"at[{index}]") for index, text in enumerate(at)]
    for name, given in (("ids", ids), ("at", at)):
        if given and len(given) != count:
            raise _refuse(
                f"`{name}` and `rows` differ in length",
                expected=f"{count} {name}, one for each row",
                got=f"{len(given)} {name}",
                code="HF-E-REQUEST-LENGTH",
            )
    if ids and len(set(ids)) != count:
        raise _refuse(
            "an id stands twice in one request",
            expected="an id for each row, all different",
            got=f"{count - len(set(ids))} repeated",
            code="HF-E-REQUEST-DUPLICATE-ID",
        )
    return Parsed(rows, raws, ids or None, source or None, times)


def decode_labels(body: bytes, limits: Limits) -> list[LabelIn]:
    """Decode and check the body of a labels request.

    Example:
        >>> decode_labels(b'{"labels": [{"id": "a1", "value": 1}]}', Limits())[0].value
        1
    """
    try:
        labels = _labels.decode(body).labels
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, body, limits) from None
    _check_count("labels", len(labels), limits)
    texts = sum(colons_in((label.id, label.value, label.known_at)) for label in labels)
    keys = 1 + 2 * len(labels) + sum(label.known_at is not None for label in labels)
    _check_duplicates(body, keys, texts)
    return labels


def decode_lines(body: bytes, limits: Limits) -> tuple[list[LoggedLine], list[dict[str, Any]]]:
    """Decode an NDJSON body of logged predictions: the lines and their feature rows.

    Example:
        >>> lines, rows = decode_lines(b'{"id": "a", "features": {"x": 1}}', Limits())
        >>> lines[0].id, rows
        ('a', [{'x': 1}])
    """
    parts = [part for part in body.split(b"\n") if part and not part.isspace()]
    _check_count("rows", len(parts), limits)
    lines: list[LoggedLine] = []
    rows: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        where = f"line {index + 1}"
        try:
            line = _line.decode(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(error, part, limits, where) from None
        row = decode_row(line.features, where, limits)
        keys = (
            2
            + len(row)
            + (line.score is not None)
            + (line.decision is not None)
            + (line.at is not None)
            + (line.source is not None)
            + (line.release is not None)
            + (line.propensity is not None)
        )
        if part.count(b":") != keys:
            texts = colons_in(row.values()) + colons_in(row)
            texts += colons_in((line.id, line.decision, line.at, line.source, line.release))
            _check_duplicates(part, keys, texts)
        lines.append(line)
        rows.append(row)
    return lines, rows
