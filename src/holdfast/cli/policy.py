"""``holdfast policy``: check the retraining policy, show every clause, explain what it decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from holdfast.retraining.deciding import Decision

app = table.new("When a model is trained again, and why or why not.")

Config = Annotated[Path, typer.Option("--config", help="The project's settings.", metavar="PATH")]


@app.callback()
def policy() -> None:
    """When a model is trained again, and why or why not."""


@app.command()
def check(
    config: Config = Path("holdfast.toml"),
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Check the table [policy] of the settings: keys, units, and clauses that contradict."""
    output.known_format(format)
    from holdfast.app.policy import policy_of
    from holdfast.reports.document import Document

    found = policy_of(config)
    what = "is also done" if found.automatic else "is only told: automatic = false"
    document = Document(
        title="Retraining policy",
        summary=f"{config.name} can be used. What it decides {what}.",
        passed=True,
        data={"automatic": found.automatic},
    )
    output.emit(document, format, json=json)


@app.command()
def show(
    config: Config = Path("holdfast.toml"),
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show every clause with its value, and whether the file says it or it is the default."""
    output.known_format(format)
    from holdfast.app.policy import policy_of
    from holdfast.reports.document import Column, Document, Table
    from holdfast.retraining.showing import shown

    found = shown(policy_of(config), config.read_text("utf-8"))
    document = Document(
        title="Retraining policy",
        summary=f"{sum(clause.given for clause in found)} of {len(found)} clauses are given in "
        f"{config.name}, the others are defaults.",
        blocks=(
            Table(
                columns=(Column(name="clause"), Column(name="value"), Column(name="from")),
                rows=tuple((c.key, c.value, config.name if c.given else "default") for c in found),
            ),
        ),
        data={
            "clauses": [{"key": c.key, "value": c.value, "given": c.given} for c in found],
        },
    )
    output.emit(document, format, json=json)


@app.command()
def explain(
    config: Config = Path("holdfast.toml"),
    store: options.Store = None,
    model: options.Model = None,
    at: Annotated[
        int | None, typer.Option("--at", help="The decision that stood at this control event.")
    ] = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Say which clause asks for a retraining, forbids it, or could not be told: now or then.

    Nothing is changed and nothing is trained.
    """
    output.known_format(format)
    from holdfast.app.basics import now_us
    from holdfast.app.home import opened
    from holdfast.app.policy import decision_at, decision_now, policy_of
    from holdfast.diagnosis.words import moment

    with opened(store, read_only=True) as home:
        name = home.model(model)
        if at is None:
            decision, when = decision_now(home, name, policy_of(config), now_us()), "now"
        else:
            decision, then = decision_at(home.store, name, at)
            when = f"at event {at}, decided {moment(then)}"
    output.emit(_told(name, decision, when), format, json=json)


_WORDS = {
    "retrain": "Retrain", "recalibrate": "Recalibrate", "wait": "Nothing is to be done",
    "vetoed": "A retraining is asked for, and forbidden",
    "could_not_tell": "Whether to retrain could not be told",
}  # fmt: skip
_HOLDS = {
    ("when", True): "asks", ("when", False): "does not ask",
    ("unless", True): "forbids", ("unless", False): "does not forbid",
    ("limit", True): "limits", ("limit", False): "does not limit",
}  # fmt: skip


def _told(model: str, decision: Decision, when: str) -> Any:
    from holdfast.app.policy import as_payload
    from holdfast.reports.document import Column, Document, Table

    rows = tuple(
        (
            clause.name,
            "could not be told"
            if clause.holds is None
            else _HOLDS[clause.role.value, clause.holds],
            clause.sentence,
        )
        for clause in decision.clauses
    )
    return Document(
        title=f"Retraining of {model}, {when}",
        summary=f"{_WORDS[decision.outcome.value]}: {'; '.join(decision.why)}.",
        blocks=(
            Table(
                columns=(Column(name="clause"), Column(name="says"), Column(name="why")), rows=rows
            ),
        ),
        data={"model": model, **as_payload(decision)},
    )
