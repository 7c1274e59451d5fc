"""The policy as ``holdfast.toml`` writes it: typed, no code; an error names line, form and key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from holdfast.errors import ConfigError
from holdfast.retraining.contradictions import contradictions
from holdfast.retraining.policy import METRICS, Policy
from holdfast.retraining.units import DURATION_FORM, RATE_FORM, duration, rate

#: classes of incidents that a policy may name
CLASSES = ("pipeline", "label", "model", "covariate", "prior", "concept", "harmless", "unknown")


class Clause(NamedTuple):
    """One key.

    Attributes:
        form: what it expects, in words.
        read: from the TOML value to the value; raises ValueError, TypeError or KeyError.
        name: of the field in the record.
    """

    form: str
    read: Callable[[Any], Any]
    name: str


def _number(low: float, high: float, *, open_low: bool = False) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if not (low < value if open_low else low <= value) or not value <= high:
            raise ValueError
        return float(value)

    return read


def _whole(low: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if value < low:
            raise ValueError
        return value

    return read


def _text(reader: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError
        return reader(value)

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _one_of(known: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    return read


def _list(reader: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(reader(item) for item in value)

    return read


def _or_off(reader: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        return None if value is False else reader(value)

    return read


_SHARE = "a share above 0 and up to 1, such as 0.05"
_CONFIDENCE = "a number above 0.5 and below 1, such as 0.95"
_WHOLE = "a whole number, 1 or more"
_TIME = Clause(DURATION_FORM, _text(duration), "")


def _whole_clause(name: str, low: int = 1) -> Clause:
    return Clause(f"a whole number, {low} or more", _whole(low), name)


def _rate_of_errors() -> Clause:
    return Clause("a share from 0 to 1, such as 0.001", _number(0, 1), "max_error_rate")


#: dotted key → what it is; a key that is a table here has its own entries
CLAUSES: Mapping[str, Clause] = {
    "automatic": Clause("true or false", _flag, "automatic"),
    "screening": Clause("true or false", _flag, "screening"),
    "metric": Clause(f"one of {', '.join(METRICS)}", _one_of(METRICS), "metric"),
    "when.incident": Clause("true or false", _flag, "incident"),
    "when.loss_increase.min": Clause(_SHARE, _number(0, 100, open_low=True), "min"),
    "when.loss_increase.confidence": Clause(
        _CONFIDENCE, _number(0.5, 0.999999, open_low=True), "confidence"
    ),
    "when.loss_increase.for": _TIME._replace(name="lasting"),
    "when.growth": Clause(
        "a number above 1, such as 1.3, or false", _or_off(_number(1, 1e6, open_low=True)), "growth"
    ),
    "when.schedule": Clause(f"{DURATION_FORM}, or false", _or_off(_text(duration)), "schedule"),
    "when.maturity": _TIME._replace(name="maturity"),
    "when.recalibrate_first": Clause("true or false", _flag, "recalibrate_first"),
    "unless.open_incident": Clause(
        f"a list of {', '.join(CLASSES)}", _list(_one_of(CLASSES)), "open_incident"
    ),
    "unless.matured_labels": _whole_clause("matured_labels"),
    "unless.cooldown": _TIME._replace(name="cooldown"),
    "unless.storm": _whole_clause("storm", 2),
    "limits.per_model": Clause(RATE_FORM, _text(rate), "per_model"),
    "limits.at_once": _whole_clause("at_once"),
    "limits.attempts": _whole_clause("attempts"),
    "gates.by": Clause("a number, 0 or more", _number(0, 1e12), "by"),
    "gates.confidence": Clause(_CONFIDENCE, _number(0.5, 0.999999, open_low=True), "confidence"),
    "gates.decide_at": _whole_clause("decide_at"),
    "gates.held_back": _whole_clause("held_back", 0),
    "gates.slice_drop": Clause("a share, 0 or more, such as 0.03", _number(0, 100), "slice_drop"),
    "gates.slice_support": _whole_clause("slice_support"),
    "shadow.min": _TIME._replace(name="min"),
    "shadow.requests": _whole_clause("requests"),
    "shadow.max_error_rate": _rate_of_errors(),
    "shadow.max_p99": _TIME._replace(name="max_p99"),
    "canary.steps": Clause(
        "a list of shares above 0 and up to 1, such as [0.01, 0.25]",
        _list(_number(0, 1, open_low=True)),
        "steps",
    ),
    "canary.min": _TIME._replace(name="min"),
    "canary.requests": _whole_clause("requests"),
    "canary.max_error_rate": _rate_of_errors(),
    "canary.max_p99": _TIME._replace(name="max_p99"),
    "rollback.automatic": Clause("true or false", _flag, "automatic"),
    "rollback.keep_standby": _TIME._replace(name="keep_standby"),
}
#: tables that `false` switches off
_SWITCHED = {"when.loss_increase"}
_TABLES = {key.rpartition(".")[0] for key in CLAUSES} | {"when"} - {""}


def read_policy(text: str, name: str = "holdfast.toml") -> Policy:
    r"""The policy in the table ``[policy]`` of a settings file; the default where there is none.

    Args:
        text: the whole file.
        name: of the file, for errors.

    Raises:
        ConfigError: ``HF-E-POLICY``: unknown keys, wrong units or types, clauses that contradict
            one another; every one of them, each with its line.

    Example:
        >>> read_policy('[policy.unless]\ncooldown = "2d"').unless.cooldown == duration("2d")
        True
    """
    try:
        table = tomllib.loads(text).get("policy", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "the settings file cannot be read", expected="TOML", got=f"{name}: {error}"
        ) from None
    troubles: list[Trouble] = []
    found = _record(table, "", troubles)
    if not troubles:
        policy = msgspec.convert(found, Policy)
        troubles = [Trouble(key, said, remedy) for key, said, remedy in contradictions(policy)]
        if not troubles:
            return policy
    lines = [f"line {line_of(text, ('policy', *t.key.split('.')))}: {t.said}" for t in troubles]
    raise ConfigError(
        f"the policy in {name} cannot be used: {'; '.join(lines)}",
        code="HF-E-POLICY",
        expected="; ".join(dict.fromkeys(t.expected for t in troubles)),
        got=f"{len(troubles)} wrong {'clause' if len(troubles) == 1 else 'clauses'}",
        remedy="`holdfast policy show` prints every clause with its default",
    )


class Trouble(NamedTuple):
    """One thing that is wrong: the key, what it is, what is expected."""

    key: str
    said: str
    expected: str


def _record(table: Any, prefix: str, troubles: list[Trouble]) -> dict[str, Any]:
    """The fields of a record from its table; what is wrong is added to `troubles`."""
    if not isinstance(table, dict):
        troubles.append(Trouble(prefix, f"{prefix or 'policy'} is no table", "a table of clauses"))
        return {}
    found: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}.{key}" if prefix else key
        if path in _TABLES:
            off = value is False and path in _SWITCHED
            found[key] = None if off else _record(value, path, troubles)
        elif path in CLAUSES:
            clause = CLAUSES[path]
            try:
                found[clause.name] = clause.read(value)
            except (ValueError, TypeError):
                troubles.append(
                    Trouble(path, f"{path} = {_shown(value)}", f"{path}: {clause.form}")
                )
        else:
            near = nearest(path)
            troubles.append(Trouble(path, f"there is no key {path}", f"{near}, the nearest key"))
    return found


def _shown(value: Any) -> str:
    """A value as the file would write it, cut short."""
    return repr(value)[:60] if not isinstance(value, bool) else str(value).lower()


def nearest(path: str) -> str:
    """The key that a mistyped one is most like, by its last part and the whole of it.

    >>> nearest("unless.cool_down"), nearest("cooldown")
    ('unless.cooldown', 'unless.cooldown')
    """
    known = [*CLAUSES, *sorted(_TABLES - {""})]
    last = path.rpartition(".")[2]

    def likeness(key: str) -> tuple[float, str]:
        whole = difflib.SequenceMatcher(None, path, key).ratio()
        part = difflib.SequenceMatcher(None, last, key.rpartition(".")[2]).ratio()
        return whole + 2 * part, key

    return max(known, key=likeness)


_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int:
    r"""The line of a settings file that says a key, or the nearest table around it; from 1.

    Example:
        >>> line_of('model = "a"\n[policy.when]\ngrowth = 1', ("policy", "when", "growth"))
        3
        >>> line_of('[policy]\nwhen = { growth = 1 }', ("policy", "when", "growth"))
        2
    """
    header: tuple[str, ...] = ()
    best, best_length = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        told = _HEADER.match(line)
        if told:
            header = _parts(told[1])
        key = None if told else _KEY.match(line)
        here = header if told else (*header, *_parts(key[1])) if key else ()
        if here and path[: len(here)] == here and len(here) > best_length:
            best, best_length = number, len(here)
    return best


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
