"""What ``holdfast evaluate --task`` does beside binary decisions: read tables, name columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.evaluation.task_record import TaskEvaluation

Train = Annotated[
    Path | None,
    typer.Option(
        "--train",
        help="Training rows: baselines and unseen labels; of ranking the interactions.",
        metavar="PATH",
    ),
]
Test = Annotated[
    Path | None,
    typer.Option("--test", help="Ranking: test interactions; PREDICTIONS are the lists."),
]
User = Annotated[str, typer.Option("--user", help="Ranking: column with users.")]
Item = Annotated[str, typer.Option("--item", help="Ranking: column with items.")]
K = Annotated[
    list[int] | None, typer.Option("--k", help="Ranking: length of the lists; may be repeated.")
]
Relevance = Annotated[
    str | None, typer.Option("--relevance", help="Ranking: column with relevance.")
]
RelevantFrom = Annotated[
    float | None, typer.Option("--relevant-from", help="Ranking: relevant from this value on.")
]
CostTable = Annotated[
    Path | None,
    typer.Option(
        "--cost-table",
        metavar="PATH",
        help="Classes: table with columns truth, decision, cost; pairs left out cost 1.",
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option("--score-prefix", help="Classes: columns PREFIX<class> hold probabilities."),
]
Confidence = Annotated[
    str | None, typer.Option("--confidence", help="Text: column that says how sure it is.")
]
TargetError = Annotated[
    float | None, typer.Option("--target-error", help="Text: error wanted where it answers.")
]
Quantiles = Annotated[
    list[str] | None,
    typer.Option("--quantile", help="Regression: LEVEL=COLUMN; may be repeated."),
]
Interval = Annotated[
    str | None, typer.Option("--interval", help="Regression: columns LOW,HIGH of an interval.")
]
IntervalLevel = Annotated[
    float | None, typer.Option("--interval-level", help="Regression: coverage it claims; else 0.9.")
]


def refuse(task: str, flags: set[str]) -> None:
    """Refuses flags that the task does not have.

    Raises:
        UsageError: there are some.
    """
    if flags:
        raise UsageError(
            f"{', '.join(sorted(flags))} cannot be used in an evaluation of this task",
            expected="flags of the task",
            got=f"--task {task}",
            remedy="leave it out; see docs/evaluation-tasks.md",
        )


def ranking(
    lists: pa.Table,
    *,
    test: Path | None,
    train: Path | None,
    score: str,
    user: str,
    item: str,
    k: list[int] | None,
    champion: str | None,
    **options: Any,
) -> TaskEvaluation:
    """Evaluates lists against a file of test interactions; the champion is a file of lists.

    Raises:
        UsageError: no test interactions.
    """
    from holdfast import frames
    from holdfast.evaluation import evaluate_task

    if test is None:
        raise UsageError(
            "against what are the lists evaluated?",
            expected="--test with the interactions that came after training",
            got="none",
        )
    return evaluate_task(
        "ranking", frames.read(test), lists, user=user, item=item, k=k or 10, score=score,
        train=None if train is None else frames.read(train),
        champion=None if champion is None else frames.read(Path(champion)), **options,
    )  # fmt: skip


def predictions(
    task: str,
    rows: pa.Table,
    *,
    target: str | None,
    train: Path | None,
    quantile: list[str] | None,
    interval: str | None,
    entity: list[str] | None,
    cost_table: Path | None,
    **options: Any,
) -> TaskEvaluation:
    """Evaluates a table of labels or numbers predicted.

    Raises:
        UsageError: no target, or a flag that cannot be read.
    """
    from holdfast import frames
    from holdfast.evaluation.tasks import evaluate_table

    if target is None:
        raise UsageError("which column holds the truth?", expected="--target", got="none")
    past = None
    if train is not None:
        past = frames.read(train, columns=[target]).arrow().column(target)
    if task == "regression":
        options |= {"quantiles": _quantiles(quantile), "interval": _interval(interval)}
    elif quantile or interval:
        raise UsageError(
            "--quantile and --interval are for numbers", expected="--task regression", got=task
        )
    if cost_table is not None:
        if task == "regression":
            refuse(task, {"--cost-table"})
        options["costs"] = _costs(cost_table)
    if entity and len(entity) > 1:
        rows, entity = _together(rows, entity)
    options["entity"] = entity[0] if entity else None
    return evaluate_table(task, rows, target=target, trained_on=past, **options)


def _costs(path: Path) -> dict[tuple[str, str], float]:
    """What a file says of each (truth, decision), labels as texts.

    Raises:
        UsageError: it lacks a column, or a pair twice, or a cost that is no number.
    """
    from holdfast import frames

    table = frames.read(path).arrow()
    wanted = ["truth", "decision", "cost"]
    if not set(wanted) <= set(table.column_names):
        raise UsageError(
            "the table of costs lacks a column",
            expected=f"columns {', '.join(wanted)}",
            got=f"columns {', '.join(table.column_names[:12])}",
        )
    listed = [table.column(name).to_pylist() for name in wanted]
    found: dict[tuple[str, str], float] = {}
    for truth, decision, cost in zip(*listed, strict=True):
        pair = (str(truth), str(decision))
        if pair in found or not isinstance(cost, int | float):
            raise UsageError(
                "cannot read the table of costs",
                expected="one number for each pair of truth and decision",
                got=f"rows={table.num_rows}",
            )
        found[pair] = float(cost)
    return found


def _together(rows: pa.Table, names: list[str]) -> tuple[pa.Table, list[str]]:
    """The table with one more column, numbers of the distinct values of several."""
    from holdfast.errors import DataError
    from holdfast.evaluation.inputs import as_codes

    absent = [name for name in names if name not in rows.column_names]
    if absent:
        raise DataError("the table lacks a column that is needed", got=", ".join(absent))
    import pyarrow as pa

    codes = as_codes([rows.column(name) for name in names], rows.num_rows, "entity")
    label = " and ".join(names)
    return rows.append_column(label, pa.array(codes)), [label]


def _quantiles(asked: list[str] | None) -> dict[float, str] | None:
    found = {}
    for text in asked or ():
        level, _, name = text.partition("=")
        try:
            found[float(level)] = name
        except ValueError:
            name = ""
        if not name:
            raise UsageError(
                "cannot read the quantile", expected="LEVEL=COLUMN, as 0.9=q90", got=text
            )
    return found or None


def _interval(asked: str | None) -> tuple[str, str] | None:
    if asked is None:
        return None
    low, _, high = asked.partition(",")
    if not low.strip() or not high.strip():
        raise UsageError("cannot read the interval", expected="LOW,HIGH columns", got=asked)
    return low.strip(), high.strip()
