"""``holdfast evaluate``: what predictions were worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import evaluate_tasks as other
from holdfast.cli import options, output, table
from holdfast.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

app = table.new()


@app.command()
def evaluate(
    source: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="A table with outcomes and scores.")
    ],
    target: Annotated[
        str | None, typer.Option("--target", help="Column with the outcome; not of ranking.")
    ] = None,
    score: options.Score = "score",
    positive: options.Positive = None,
    task: Annotated[
        str, typer.Option("--task", help="binary, multiclass, regression, ranking or text.")
    ] = "binary",
    cost_fp: Annotated[
        float, typer.Option("--cost-fp", help="Cost of deciding positive about a negative.")
    ] = 1.0,
    cost_fn: Annotated[
        float, typer.Option("--cost-fn", help="Cost of deciding negative about a positive.")
    ] = 1.0,
    cost_fp_column: Annotated[
        str | None, typer.Option("--cost-fp-column", help="Column with each row's own --cost-fp.")
    ] = None,
    cost_fn_column: Annotated[
        str | None, typer.Option("--cost-fn-column", help="Column with each row's own --cost-fn.")
    ] = None,
    capacity: Annotated[
        float | None,
        typer.Option("--capacity", help="Rows that can be reviewed: in all, or each period."),
    ] = None,
    capacity_period: Annotated[
        str | None,
        typer.Option("--capacity-period", help="hour, day, week or month of --event-time."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Positive from this score on; else the costs decide."),
    ] = None,
    entity: options.Entities = None,
    group: options.Groups = None,
    event_time: options.EventTime = None,
    accepted: Annotated[
        str | None,
        typer.Option("--accepted", help="Column, false where there is no outcome."),
    ] = None,
    champion: Annotated[
        str | None,
        typer.Option(
            "--champion",
            help="Column with the champion's scores or answers; of ranking a file of lists.",
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features",
            help="Columns for the simple rivals; repeat, or use commas; 'all' takes the rest.",
        ),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slices", help="Columns whose slices are searched; as --features."),
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            metavar="PATH",
            help="Contract; values of its fields with pii: no may be shown in slices.",
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="Must hold, such as 'recall>=0.5'; may be repeated."),
    ] = None,
    train: other.Train = None,
    test: other.Test = None,
    user: other.User = "user",
    item: other.Item = "item",
    k: other.K = None,
    relevance: other.Relevance = None,
    relevant_from: other.RelevantFrom = None,
    cost_table: other.CostTable = None,
    score_prefix: other.Prefix = None,
    confidence: other.Confidence = None,
    target_error: other.TargetError = None,
    quantile: other.Quantiles = None,
    interval: other.Interval = None,
    interval_level: other.IntervalLevel = None,
    seed: options.Seed = 0,
    fail_on: options.FailOn = "error",
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Evaluate predictions in shares and money, each number with its interval.

    Exits 1 when they are worse than a baseline, a requirement failed, or it could not be told
    whether they are better than one constant decision.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast import evaluation, frames

    rows = frames.read(source).arrow()
    agreed = None if contract is None else _contract(contract)
    if task != "binary":
        only = {
            "--positive": positive, "--cost-fp-column": cost_fp_column,
            "--cost-fn-column": cost_fn_column, "--capacity": capacity,
            "--capacity-period": capacity_period, "--threshold": threshold,
            "--accepted": accepted,
            "--cost-fp": None if cost_fp == 1.0 else cost_fp,
            "--cost-fn": None if cost_fn == 1.0 else cost_fn,
        }  # fmt: skip
        other.refuse(task, {flag for flag, value in only.items() if value is not None})
    if task == "ranking":
        unfit = {
            "--slices": slices,
            "--features": features,
            "--cost-table": cost_table,
            "--entity": entity or group,
        }
        other.refuse(task, {flag for flag, value in unfit.items() if value})
        report = other.ranking(
            rows, test=test, train=train, score=score, user=user, item=item, k=k,
            relevance=relevance, relevant_from=relevant_from, event_time=event_time,
            champion=champion, requirements=require, seed=seed,
        )  # fmt: skip
    elif task != "binary":
        owners = group or entity
        roles = [target, score, champion, event_time, confidence, *(owners or ())]
        used = [name for name in roles if name]
        if score_prefix is not None:
            used += [name for name in rows.column_names if name.startswith(score_prefix)]
        report = other.predictions(
            task, rows, target=target, train=train, quantile=quantile, interval=interval,
            score=score, score_prefix=score_prefix, champion=champion, event_time=event_time,
            entity=owners, confidence=confidence, target_error=target_error,
            interval_level=interval_level, cost_table=cost_table,
            slices=_columns(rows, slices, used, "--slices"), contract=agreed,
            features=_columns(rows, features, used, "--features"),
            requirements=require, seed=seed,
        )  # fmt: skip
    if task != "binary":
        output.emit(report.document(source.name), format, json=json, fail_on=fail_on)
        return
    if target is None:
        raise UsageError("which column holds the outcome?", expected="--target", got="none")
    roles = [target, score, cost_fp_column, cost_fn_column, event_time, accepted, champion]
    used = [name for name in (*roles, *(entity or ()), *(group or ())) if name]
    _require_columns(rows, used, target, score)
    more: dict[str, Any] = {}
    columns = {"false_positive": cost_fp_column, "false_negative": cost_fn_column}
    priced = {kind: rows.column(name) for kind, name in columns.items() if name}
    taken = {
        "features": _columns(rows, features, used, "--features"),
        "slices": _columns(rows, slices, used, "--slices"),
        "entity": _units(rows, entity),
        "group": _units(rows, group),
        "event_time": rows.column(event_time) if event_time else None,
        "accepted": rows.column(accepted) if accepted else None,
        "champion": rows.column(champion) if champion else None,
        "cost_columns": priced or None,
        "contract": agreed,
    }
    more |= {name: value for name, value in taken.items() if value is not None}
    found = evaluation.evaluate(
        rows.column(target),
        rows.column(score),
        costs=evaluation.Costs(cost_fp, cost_fn),
        capacity=capacity,
        capacity_period=capacity_period,
        threshold=threshold,
        positive=positive,
        requirements=require,
        seed=seed,
        **more,
    )
    output.emit(found.document(source.name), format, json=json, fail_on=fail_on)


def _contract(path: Path) -> Any:
    from holdfast.contracts import Contract

    return Contract.load(path)


def _require_columns(rows: pa.Table, names: list[str], target: str, score: str) -> None:
    from holdfast.errors import DataError

    absent = [name for name in names if name not in rows.column_names]
    if absent:
        raise DataError(
            "the table lacks a column that is needed",
            expected=f"columns {', '.join(repr(name) for name in names)}",
            got=f"columns {', '.join(rows.column_names[:12])}",
            remedy="name them with --target and --score"
            if {target, score} & set(absent)
            else f"check the spelling of {', '.join(repr(name) for name in absent)}",
        )


def _columns(
    rows: pa.Table, asked: list[str] | None, used: list[str], flag: str
) -> pa.Table | None:
    """The columns asked for, or every column that has no other role."""
    if not asked:
        return None
    from holdfast.errors import DataError

    names = [
        part.strip()
        for entry in asked
        for part in ([entry] if entry in rows.column_names else entry.split(","))
        if part.strip()
    ]
    if names == ["all"] and "all" not in rows.column_names:
        names = [name for name in rows.column_names if name not in used]
    absent = [name for name in names if name not in rows.column_names]
    if absent or not names:
        raise DataError(
            f"the table lacks a column named in {flag}",
            expected=f"some of {', '.join(rows.column_names[:12])}",
            got=f"columns {', '.join(absent)}",
        )
    return rows.select(list(dict.fromkeys(names)))


def _units(rows: pa.Table, names: list[str] | None) -> Any:
    if not names:
        return None
    columns = [rows.column(name) for name in names]
    return columns[0] if len(columns) == 1 else columns
