"""The run of an audit: the case is made, every check is made or told why not, leaks are sized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast import frames
from holdfast.audit.base import Check
from holdfast.audit.case import Case, Roles
from holdfast.audit.checks import CHECKS
from holdfast.audit.checks.look_ahead import lag
from holdfast.audit.record import Answer, AuditReport, LeakFinding, NotTested, Verdict, plain
from holdfast.audit.scoring import worth
from holdfast.audit.targets import Target, read_target
from holdfast.audit.words import expect
from holdfast.errors import DataError, UsageError
from holdfast.findings import Severity
from holdfast.frames.table import Table
from holdfast.reports.naming import names

#: what the scan of the code looks for, in words
_IN_CODE = "fit, selection or resampling before the split, in the training code"


def audit(
    train: Any,
    test: Any = None,
    *,
    target: str | None = None,
    positive: str | None = None,
    contract: Any = None,
    model: Any = None,
    log: Any = None,
    event_time: str | None = None,
    entity: str | None = None,
    groups: Sequence[str] = (),
    ids: Sequence[str] = (),
    known_at: Mapping[str, Any] | None = None,
    code: str | None = None,
    history: Any = None,
    checks: Sequence[str] | None = None,
    seed: int = 0,
    answers: Mapping[tuple[str, tuple[str, ...]], str] | Iterable[Answer] = (),
) -> AuditReport:
    """Look for leakage: whether the table tells a model what it could not know in use.

    Args:
        train: the training table, anything `holdfast.frames.read` takes.
        test: the test table with the same columns, or None.
        target: column to predict; without it only checks of rows can be made.
        positive: label of the class scored; for more than two labels, that one against the rest.
        contract: a `Contract`, whose roles are taken where no argument says otherwise.
        model: an estimator (``fit`` and ``predict``), or a procedure: a function of
            (train, test) tables that gives a prediction for each row of test.
        log: feature rows as they were served, with the entity and the time of the decision.
        event_time: column with the time of the decision.
        entity: column that names whom the row is about.
        groups: columns whose rows belong together.
        ids: columns that name the row.
        known_at: feature -> column with the time its value became known, or a lag.
        code: text of the training script, for the scan of the code.
        history: how often this test table was used before.
        checks: codes of the checks to make; None makes all. One that is asked for and cannot be
            made leaves `passed` at None.
        seed: of everything random; the same table and seed give the same report.
        answers: answers of persons to suspects, ``{(code, columns): explanation}`` or `Answer`s.

    Returns:
        The report. Statistics alone never prove a leak: they make a SUSPECT, which asks a person.

    Raises:
        DataError: a table or column is missing, empty or cannot be read.
        UsageError: an unknown check, or a column with two roles.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 2, 1000)
        >>> rows = {"a": rng.normal(size=1000) + y, "settled": y * 3.0 + rng.normal(size=1000) / 9,
        ...         "b": rng.normal(size=1000), "y": y}
        >>> found = audit(rows, target="y")
        >>> found.passed, found.findings[0].columns
        (None, ('settled',))
    """
    case = make_case(
        train, test, target=target, positive=positive, contract=contract, model=model, log=log,
        event_time=event_time, entity=entity, groups=groups, ids=ids, known_at=known_at,
        history=history, seed=seed,
    )  # fmt: skip
    found: list[LeakFinding] = []
    not_tested: list[NotTested] = []
    tested: list[str] = []
    for check in _chosen(checks):
        asked = checks is not None or any(_given(case, name) for name in check.asked_by)
        needed = check.needs(case)
        if needed is None:
            try:
                made = check.run(case)
                found += made
                case.suspected |= {c for f in made for c in f.columns} & set(case.features)
                tested.append(check.type)
                continue
            except DataError as error:
                needed = f"a table this check can read: {error.message}"
                asked = True
        not_tested.append(NotTested(type=check.type, needs=needed, requested=asked))
    if code is not None:
        from holdfast.audit.code import scan, unread

        found += scan(code)
        not_tested += unread(code)
        tested.append(_IN_CODE)
    else:
        not_tested.append(
            NotTested(
                type=_IN_CODE,
                needs="the training script or notebook (--code)",
            )
        )
    found = [msgspec.structs.replace(f, evidence=plain(f.evidence)) for f in found]
    findings, score = settle(case, found)
    findings = _answered(findings, answers)
    return AuditReport(
        passed=_passed(findings, not_tested),
        findings=tuple(findings),
        not_tested=tuple(not_tested),
        tested=tuple(tested),
        rows=case.n,
        test_rows=0 if case.test is None else case.test.num_rows,
        task=case.task,
        target=target or (case.target.name if case.target else ""),
        features=case.features,
        score=score,
        peel=case.peel(case.features) if case.peeled else None,
    )


def audit_code(
    code: str, answers: Mapping[tuple[str, tuple[str, ...]], str] | Iterable[Answer] = ()
) -> AuditReport:
    """The scan of a training script or notebook alone, without any table.

    Args:
        code: its text; it is read, never run.
        answers: as in `audit`.

    Raises:
        DataError: the text is neither Python nor a notebook.
    """
    from holdfast.audit.code import scan, unread

    findings = _answered(scan(code), answers)
    not_tested = unread(code)
    not_tested += [NotTested(type=check.type, needs="a training table") for check in CHECKS]
    return AuditReport(
        passed=_passed(findings, not_tested),
        findings=tuple(findings),
        not_tested=tuple(not_tested),
        tested=(_IN_CODE,),
    )


def _passed(findings: Sequence[LeakFinding], not_tested: Sequence[NotTested]) -> bool | None:
    """False with a PROVEN leak; None with an open suspect or an impossible check; else True."""
    if any(f.verdict is Verdict.PROVEN for f in findings):
        return False
    if any(not f.answer for f in findings) or any(n.requested for n in not_tested):
        return None
    return True


def make_case(
    train: Any,
    test: Any = None,
    *,
    target: str | None = None,
    positive: str | None = None,
    contract: Any = None,
    model: Any = None,
    log: Any = None,
    event_time: str | None = None,
    entity: str | None = None,
    groups: Sequence[str] = (),
    ids: Sequence[str] = (),
    known_at: Mapping[str, Any] | None = None,
    history: Any = None,
    seed: int = 0,
) -> Case:
    """The case of an audit; arguments and errors as in `audit`."""
    table = frames.read(train)
    if not table.num_rows:
        raise DataError("the training table has no rows", expected="at least one row", got="rows=0")
    other = None if test is None else frames.read(test)
    if other is not None and not other.num_rows:
        raise DataError(
            "the test table has no rows",
            expected="at least one row",
            got="rows=0",
            remedy="leave the test table out, or give the one the model was scored on",
        )
    if contract is not None:
        from holdfast.contracts.model import Role

        def having(role: Role) -> tuple[str, ...]:
            fields = getattr(contract, "data", contract).fields
            return tuple(f.name for f in fields if f.role is role)

        target = target or next(iter(having(Role.TARGET)), None)
        event_time = event_time or next(iter(having(Role.EVENT_TIME)), None)
        entity = entity or next(iter(having(Role.ENTITY)), None)
        groups = tuple(groups) or having(Role.GROUP)
        ids = tuple(ids) or having(Role.ID)
        ignored = having(Role.IGNORED) + having(Role.POST_OUTCOME)
    else:
        ignored = ()
    roles = Roles(
        event_time=event_time,
        entity=entity,
        groups=_listed(groups, "groups"),
        ids=_listed(ids, "ids"),
        known_at={f: _when(f, at, table) for f, at in (known_at or {}).items()},
        ignored=tuple(name for name in ignored if name in table),
    )
    for name in sorted(roles.names | set(roles.known_at)):
        table.column(name)
    if target is not None and target in roles.names:
        raise UsageError(
            f"the target {target!r} has another role too",
            expected="a target that is no time, entity, group or id",
            got=f"target={target!r}",
        )
    rows, test_rows = table.num_rows, 0 if other is None else other.num_rows
    wanted, table = _target(table, target, positive, None)
    if wanted is not None and other is not None and target in other:
        other_target, other = _target(other, target, positive, wanted)
    else:
        other_target = None
    features = [n for n in table.names if n != target and n not in roles.names]
    return Case(
        table,
        test=other,
        target=wanted if wanted is not None and wanted.task != "none" else None,
        test_target=other_target,
        features=features,
        roles=roles,
        log=None if log is None else frames.read(log),
        model=model,
        history=history,
        sources=(
            train if table.num_rows == rows else None,
            test if other is not None and other.num_rows == test_rows else None,
        ),
        seed=seed,
    )


def _when(feature: str, at: Any, table: Table) -> Any:
    """A known-at column as it is, a lag as a number of microseconds."""
    return at if isinstance(at, str) and at in table else lag(feature, at)


def _target(
    table: Table, name: str | None, positive: str | None, like: Target | None
) -> tuple[Target | None, Table]:
    """The target, and the table without the rows that have none."""
    if name is None:
        return None, table
    found = read_target(table.column(name), positive=positive, like=like)
    if len(found.kept) and len(found.kept) < table.num_rows:
        table = table.take(found.kept)
    return found, table


def _listed(columns: Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        raise UsageError(
            "columns must be given as a list",
            expected=f"{what}=[{columns!r}]",
            got=f"{what}={columns!r}",
            remedy="put brackets around it",
        )
    return tuple(columns)


def _chosen(codes: Sequence[str] | None) -> tuple[Check, ...]:
    if codes is None:
        return CHECKS
    known = {check.code: check for check in CHECKS}
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise UsageError(
            "there is no such leakage check",
            expected=f"some of {', '.join(known)}",
            got=f"checks={', '.join(unknown)}",
        )
    return tuple(check for check in CHECKS if check.code in set(codes))


def _given(case: Case, name: str) -> bool:
    """Whether the caller gave that input: an attribute of the case or of its roles."""
    value = getattr(case, name) if hasattr(case, name) else getattr(case.roles, name)
    return value is not None and not (hasattr(value, "__len__") and len(value) == 0)


def settle(case: Case, found: Sequence[LeakFinding]) -> tuple[list[LeakFinding], Any]:
    """Each column under one finding, each leak sized, the proven and the dearest first.

    A suspect whose columns another finding already holds is noted there as ``also``. Findings
    about feature columns are sized against the columns that nobody suspects: `without` is then
    the honest score, and the sentence says what to expect.

    Returns:
        The findings, and the worth of all suspected columns together (None without any).
    """
    kept: list[LeakFinding] = []
    for finding in sorted(found, key=lambda f: f.verdict is not Verdict.PROVEN):
        columns = set(finding.columns)
        holder = next(
            (i for i, other in enumerate(kept) if columns and columns <= set(other.columns)), None
        )
        if finding.verdict is Verdict.PROVEN or holder is None:
            kept.append(finding)
        elif kept[holder].code != finding.code:
            also = [*kept[holder].evidence.get("also", []), finding.code]
            evidence = {**kept[holder].evidence, "also": list(dict.fromkeys(also))}
            kept[holder] = msgspec.structs.replace(kept[holder], evidence=evidence)
    features = set(case.features)
    blocks = [set(f.columns) for f in kept if f.columns and set(f.columns) <= features]
    suspected = set().union(*blocks) if blocks else set()
    honest = [name for name in case.features if name not in suspected]
    large = case.larger() if suspected else case
    sized = [_sized(large, f, honest, features) for f in kept]
    score = None
    if suspected and case.task != "none":
        score = worth(large, case.features, honest)
    elif any(f.worth is not None for f in sized):
        score = max((f.worth for f in sized if f.worth is not None), key=lambda w: w.gain)
    order = sorted(
        sized,
        key=lambda f: (
            f.verdict is not Verdict.PROVEN,
            -f.severity.rank,
            -(f.worth.gain if f.worth is not None else 0.0),
        ),
    )
    return order, score


def _sized(
    case: Case, finding: LeakFinding, honest: Sequence[str], features: set[str]
) -> LeakFinding:
    if finding.worth is not None or case.task == "none":
        return finding
    if not finding.columns or not set(finding.columns) <= features:
        return finding
    measured = worth(case, [*honest, *finding.columns], honest)
    if measured is None or not np.isfinite(measured.gain):
        return finding
    told = f"{finding.sentence}; without {names(finding.columns)} {expect(measured)}"
    return msgspec.structs.replace(finding, worth=measured, sentence=told)


def _answered(
    findings: Sequence[LeakFinding],
    answers: Mapping[tuple[str, tuple[str, ...]], str] | Iterable[Answer],
) -> list[LeakFinding]:
    """Suspects with the answers that persons gave to exactly their code and columns: notes now."""
    if isinstance(answers, Mapping):
        told = {(code, frozenset(columns)): text for (code, columns), text in answers.items()}
    else:
        told = {(a.code, frozenset(a.columns)): a.explanation for a in answers}
    return [
        msgspec.structs.replace(f, answer=told[key], severity=Severity.NOTE)
        if f.verdict is Verdict.SUSPECT
        and (key := (f.code, frozenset(f.columns))) in told
        and told[key].strip()
        else f
        for f in findings
    ]
