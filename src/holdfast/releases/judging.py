"""Audit and evaluation become the gate of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from holdfast import frames
from holdfast.audit.record import AuditReport, Verdict
from holdfast.audit.run import audit
from holdfast.contracts.contract import Contract
from holdfast.contracts.model import Role
from holdfast.evaluation.record import Evaluation
from holdfast.frames.table import Table
from holdfast.models.base import Label
from holdfast.releases.gate import Gate, Question

#: roles whose columns the audit is shown besides the model's inputs
_SHOWN = (Role.TARGET, Role.EVENT_TIME, Role.ENTITY, Role.GROUP, Role.ID)


def audited(
    train: pa.Table,
    validation: pa.Table | None,
    contract: Contract,
    *,
    features: Sequence[str],
    positive: Label,
    known_at: Mapping[str, Any],
    seed: int,
) -> AuditReport:
    """The leakage audit of what a model was trained on: its inputs and the columns with roles.

    Args:
        train: the training table.
        validation: rows the model has not seen; None where they were held out of `train`.
        contract: says which column is what.
        features: the model's inputs.
        positive: label of the positive class.
        known_at: feature → column with the time its value became known, or a lag.
        seed: of everything random.
    """
    wanted = {*features, *(f.name for f in contract.fields if f.role in _SHOWN)}
    wanted |= {at for at in known_at.values() if isinstance(at, str)}

    def shown(table: pa.Table) -> Table:
        return frames.read(table.select([n for n in table.column_names if n in wanted]))

    return audit(
        shown(train),
        None if validation is None else shown(validation),
        contract=contract,
        positive=str(positive),
        known_at=known_at or None,
        seed=seed,
    )


def gate_of(report: AuditReport | None, evaluation: Evaluation) -> Gate:
    """What audit and evaluation say together: what forbids promotion, and what waits.

    Args:
        report: of the audit; None where none was made, which forbids promotion.
        evaluation: with the requirements it was held against.
    """
    required = evaluation.requirements
    failed = [c.sentence for c in required if c.passed is False]
    unsettled = [c.sentence for c in required if c.passed is None]
    if report is None:
        return Gate(audited=False, failures=tuple(failed), unsettled=tuple(unsettled))
    proven = [f.sentence for f in report.findings if f.verdict is Verdict.PROVEN]
    unsettled += [
        f"{n.type} was asked for and could not be tested: it needs {n.needs}"
        for n in report.not_tested
        if n.requested
    ]
    return Gate(
        audited=True,
        failures=(*proven, *failed),
        unsettled=tuple(unsettled),
        questions=tuple(
            Question(code=f.code, columns=f.columns, sentence=f.sentence)
            for f in report.findings
            if f.verdict is Verdict.SUSPECT and not f.answer
        ),
        not_tested=tuple(f"{n.type}: needs {n.needs}" for n in report.not_tested),
    )
