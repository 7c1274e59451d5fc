"""The guard: a contract compiled to one function, row to `Verdict`. Standard library and msgspec.

Example:
    >>> from holdfast.contracts import model
    >>> age = model.Field(
    ...     name="age",
    ...     kind=model.Kind.INTEGER,
    ...     rules=(model.NullRule(), model.TypeRule(), model.RangeRule(low=18, high=99)),
    ...     policy=model.Policy.ABSTAIN,
    ... )
    >>> guard = compile_guard(model.ContractData(fields=(age,)))
    >>> guard({"age": 40}).outcome
    <Outcome.OK: 'ok'>
    >>> verdict = guard({"age": 400})
    >>> verdict.outcome.value, [v.code for v in verdict.violations]
    ('abstained', ['range'])
"""

from holdfast.contracts.guard.compiled import Guard, compile_guard
from holdfast.contracts.guard.load import load_guard

__all__ = ["Guard", "compile_guard", "load_guard"]
