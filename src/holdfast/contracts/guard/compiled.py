"""Compiling a contract to its guard, and the guard's outer manners: modes, failures, cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from holdfast.contracts.canonical import canonical_json, from_json
from holdfast.contracts.guard.crosses import cross_handler
from holdfast.contracts.guard.fields import handler
from holdfast.contracts.guard.marks import NOTHING, Effect, Marks, effect, shadow_verdict, verdict
from holdfast.contracts.guard.source import write
from holdfast.contracts.model import (
    SERVING_ROLES,
    ContractData,
    Outcome,
    Policy,
    Verdict,
    Violation,
)
from holdfast.contracts.rules import fields_of
from holdfast.contracts.validate import validate
from holdfast.errors import UsageError

#: anything row-like; the guard itself never raises, whatever it is given
Check = Callable[[Any], Verdict]

#: at most this many unknown keys of one row are named
MAX_UNKNOWN = 32


class Guard:
    """A compiled contract: call it with a row, get a `Verdict`; it never raises.

    Attributes:
        mode: ``enforce`` or ``shadow`` (same marks, outcome always ok, values untouched).
        on_error: what a failure of the guard itself means: ``closed`` (rejected) or ``open``.
        fields: names of the fields it looks at, in order.
    """

    __slots__ = ("_check", "fields", "mode", "on_error", "source")

    def __init__(
        self, check: Check, *, mode: str, on_error: str, fields: tuple[str, ...], source: str
    ) -> None:
        self._check = check
        self.mode = mode
        self.on_error = on_error
        self.fields = fields
        self.source = source

    def __call__(self, row: Mapping[str, Any]) -> Verdict:
        """The verdict on one row; the row is never modified."""
        try:
            return self._check(row)
        except Exception:  # noqa: BLE001 - a guard that raises would be the outage it prevents
            return _failed(row, self.on_error, self.mode)

    def batch(self, rows: Iterable[Mapping[str, Any]]) -> list[Verdict]:
        """The verdicts on many rows, in order."""
        check, rows = self._check, list(rows)
        try:
            return [check(row) for row in rows]
        except Exception:  # noqa: BLE001 - one row failed: each one is asked by itself
            return [self(row) for row in rows]

    def __repr__(self) -> str:
        return f"<Guard of {len(self.fields)} fields, {self.mode}, fail-{self.on_error}>"


def compile_guard(data: ContractData, *, mode: str = "enforce", on_error: str = "closed") -> Guard:
    """Compiles a contract to its guard; the same contract is compiled once per process.

    Fields that are absent at serving (target, post-outcome, ignored) are not looked at, nor are
    cross-field rules that need them.

    Args:
        data: the contract.
        mode: ``enforce`` or ``shadow``.
        on_error: ``closed`` (a failing guard rejects the row) or ``open`` (it lets it pass, with
            a violation ``guard_error``).

    Raises:
        ContractError: when the contract contradicts itself.
        UsageError: for an unknown mode.
    """
    if mode not in {"enforce", "shadow"} or on_error not in {"closed", "open"}:
        raise UsageError(
            "the guard has no such mode",
            expected="mode 'enforce' or 'shadow', on_error 'closed' or 'open'",
            got=f"mode={mode!r}, on_error={on_error!r}",
        )
    return _compiled(canonical_json(data), mode, on_error)


@lru_cache(maxsize=64)
def _compiled(text: bytes, mode: str, on_error: str) -> Guard:
    data = from_json(text)
    validate(data)
    fields = tuple(field for field in data.fields if field.role in SERVING_ROLES)
    by_name = {field.name: field for field in fields}
    crosses = [
        (rule, cross_handler(rule, by_name, data.cross_policy))
        for rule in data.cross
        if by_name.keys() >= set(fields_of(rule))
    ]
    source, namespace = write(
        fields,
        [handler(field) for field in fields],
        crosses,
        unknown=data.unknown_fields is not Policy.ALLOW,
    )
    namespace |= {
        "finish": verdict if mode == "enforce" else shadow_verdict,
        "unknown": _unknown_keys(
            frozenset(field.name for field in data.fields), data.unknown_fields
        ),
        "as_row": _as_row,
        "__builtins__": {},
    }
    exec(compile(source, "<guard>", "exec"), namespace)  # noqa: S102 - text holds numbers only
    return Guard(
        namespace["check"],
        mode=mode,
        on_error=on_error,
        fields=tuple(by_name),
        source=source,
    )


class _NotARowError(TypeError):
    """What was handed in is no row at all."""


def _as_row(row: Any) -> dict[str, Any]:
    if isinstance(row, (dict, Mapping)):
        return dict(row)
    raise _NotARowError


def _failed(row: Any, on_error: str, mode: str) -> Verdict:
    """The verdict when the guard itself failed, or was not given a row."""
    code = "guard_error"
    if not isinstance(row, (dict, Mapping)):
        row, code, on_error = {}, "type", "closed"
    if on_error == "open" or mode == "shadow":
        return Verdict(Outcome.OK, row, (Violation("", code, Policy.ALLOW),))
    return Verdict(Outcome.REJECTED, row, (Violation("", code, Policy.REJECT),))


def _key_text(key: Any) -> str:
    text = key if key.__class__ is str else f"{key.__class__.__name__} key"
    return str(text[:80].encode("utf-8", "replace"), "utf-8")


def _unknown_keys(
    known: frozenset[str], policy: Policy
) -> Callable[[dict[str, Any], Marks | None], Marks | None]:
    found: Effect = effect("", "unknown_field", policy, imputable=False)

    def look(row: dict[str, Any], marks: Marks | None) -> Marks | None:
        named = 0
        for key in row:
            if key in known:
                continue
            marks = [] if marks is None else marks
            violation = Violation(_key_text(key), "unknown_field", found.violation.policy)
            marks.append((violation, found.rank, NOTHING, None, None))
            named += 1
            if named == MAX_UNKNOWN:
                break
        return marks

    return look
