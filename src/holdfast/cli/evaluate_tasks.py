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


def ranking(
    lists: pa.Table,
    *,
    test: Path | None,
    train: Path | None,
    score: str,
    user: str,
    item: str,
    k: list[int] | None,
    **options: Any,
) -> TaskEvaluation:
    """Evaluates lists against a file of test interactions.

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
        train=None if train is None else frames.read(train), **options,
    )  # fmt: skip


def predictions(
    task: str,
    rows: pa.Table,
    *,
    target: str | None,
    train: Path | None,
    quantile: list[str] | None,
    interval: str | None,
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
    return evaluate_table(task, rows, target=target, trained_on=past, **options)


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
