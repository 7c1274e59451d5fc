"""A decorator that puts a guard in front of any ``predict(row)`` function.

Example:
    >>> from holdfast.contracts import model as m
    >>> age = m.Field(
    ...     name="age", kind=m.Kind.INTEGER, rules=(m.NullRule(),), policy=m.Policy.REJECT
    ... )
    >>> @guarded(m.ContractData(fields=(age,)), on_reject=lambda verdict: "ask a person")
    ... def predict(row):
    ...     return row["age"] > 30
    >>> predict({"age": 40}), predict({})
    (True, 'ask a person')
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from holdfast.contracts.model import Outcome, Verdict
from holdfast.errors import DataError
from holdfast.integrations.sources import guard_of

_Function = TypeVar("_Function", bound=Callable[..., Any])
_REFUSED = frozenset({Outcome.ABSTAINED, Outcome.REJECTED})


class RowRefusedError(DataError):
    """A row that the contract rejects, or asks a person about; `verdict` says why."""

    default_code = "HF-E-DATA-ROW"

    def __init__(self, verdict: Verdict) -> None:
        marks = ", ".join(f"{v.field}: {v.code}" for v in verdict.violations if not v.note)
        super().__init__(
            f"the row was {verdict.outcome.value} by its contract",
            expected="a row that meets the contract",
            got=marks,
            remedy="mend the row, or give `guarded` an on_reject that answers it",
        )
        self.verdict = verdict


def guarded(
    contract: Any,
    *,
    on_reject: Callable[[Verdict], Any] | None = None,
    on_fallback: Callable[[Mapping[str, Any], tuple[str, ...]], Any] | None = None,
    on_verdict: Callable[[Verdict], Any] | None = None,
    mode: str = "enforce",
    on_error: str = "closed",
) -> Callable[[_Function], _Function]:
    """Guards a function whose first argument is a row; plain and ``async`` functions alike.

    The function sees the row as repaired by the contract. It never sees a row that the contract
    rejects or abstains from, nor one that only a fallback model may answer.

    Args:
        contract: a `Contract`, its data, or the path of a ``contract.json``.
        on_reject: answers rejected and abstained rows; `RowRefusedError` is raised without it.
        on_fallback: answers rows that lack fields, given the row and the names it lacks; without
            it such a row is refused like an abstained one, since nothing may be guessed.
        on_verdict: is told every verdict that has violations, for counting or logging.
        mode: ``enforce``, or ``shadow`` (the function sees every row as it came).
        on_error: what a failure of the guard itself means, ``closed`` or ``open``.

    Raises:
        ContractError: when the contract cannot be read; at decoration, not at the first row.
    """
    guard = guard_of(contract, mode=mode, on_error=on_error)

    def judge(row: Any) -> tuple[Verdict, Callable[[], Any] | None]:
        """The verdict, and the answer where the function is not to be asked."""
        verdict = guard(row)
        if verdict.violations and on_verdict is not None:
            on_verdict(verdict)
        if verdict.outcome in _REFUSED:
            return verdict, lambda: _refuse(verdict, on_reject)
        if verdict.missing:
            if on_fallback is None:
                return verdict, lambda: _refuse(verdict, on_reject)
            return verdict, lambda: on_fallback(verdict.values, verdict.missing)
        return verdict, None

    def decorate(function: _Function) -> _Function:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asked(row: Any, *args: Any, **kwargs: Any) -> Any:
                verdict, answer = judge(row)
                if answer is None:
                    return await function(_given(row, verdict), *args, **kwargs)
                answered = answer()
                return await answered if inspect.isawaitable(answered) else answered

        else:

            @functools.wraps(function)
            def asked(row: Any, *args: Any, **kwargs: Any) -> Any:
                verdict, answer = judge(row)
                if answer is None:
                    return function(_given(row, verdict), *args, **kwargs)
                return answer()

        asked.guard = guard  # type: ignore[attr-defined]
        return asked  # type: ignore[return-value]

    def _given(row: Any, verdict: Verdict) -> Any:
        return row if mode == "shadow" else verdict.values

    return decorate


def _refuse(verdict: Verdict, on_reject: Callable[[Verdict], Any] | None) -> Any:
    if on_reject is None:
        raise RowRefusedError(verdict)
    return on_reject(verdict)
