"""``holdfast audit``: whether a table, or a training script, leaks what a model cannot know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from collections.abc import Callable

app = table.new()


@app.command()
def audit(
    train: Annotated[
        Path | None, typer.Argument(metavar="[TRAIN]", help="The training table.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", help="The test table.", metavar="PATH")
    ] = None,
    target: options.Target = None,
    positive: options.Positive = None,
    contract: options.ContractFile = None,
    event_time: options.EventTime = None,
    entity: Annotated[
        str | None, typer.Option("--entity", help="Column that names whom the row is about.")
    ] = None,
    group: options.Groups = None,
    id: options.Ids = None,  # noqa: A002 - the flag's name
    known_at: Annotated[
        list[str] | None,
        typer.Option(
            "--known-at",
            metavar="FEATURE=COLUMN",
            help="Column with the time a feature became known; may be repeated.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="Table of feature rows as they were served.", metavar="PATH"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="FILE.py:NAME",
            help="Function of (train, test) tables that predicts test; the file is run.",
        ),
    ] = None,
    code: Annotated[
        Path | None,
        typer.Option("--code", help="Training script or notebook; read, not run.", metavar="PATH"),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", help="Only the check of this code; may be repeated."),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Look for leakage: whether the table tells a model what it could not know in use.

    Every leak says what it is worth: the score with it and without it. Statistics alone make a
    SUSPECT, which asks a person; rows, times or a run make it PROVEN. What was not tested is
    listed with the input it would need. Exits 1 for both, and when a check that was asked for
    could not be made.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast.errors import UsageError

    if train is None and code is None:
        raise UsageError(
            "there is nothing to audit",
            expected="a training table, --code, or both",
            got="neither",
            remedy="holdfast audit train.parquet --target T",
        )
    text = None if code is None else _text(code)
    if train is None:
        from holdfast.audit.run import audit_code

        found = audit_code(text or "")
        output.emit(found.document(code.name if code else ""), format, json=json, fail_on=fail_on)
        return
    from holdfast.audit import audit as audited
    from holdfast.contracts import Contract

    with output.progress("auditing"):
        found = audited(
            train,
            test,
            target=target,
            positive=positive,
            contract=None if contract is None else Contract.load(contract),
            event_time=event_time,
            entity=entity,
            groups=group or (),
            ids=id or (),
            known_at=dict(_pair(text) for text in known_at or ()),
            log=log,
            model=None if model is None else _procedure(model),
            code=text,
            checks=check or None,
            seed=seed,
        )
    output.emit(found.document(train.name), format, json=json, fail_on=fail_on)


def _pair(text: str) -> tuple[str, str]:
    """FEATURE=COLUMN as a pair."""
    feature, found, column = text.partition("=")
    if not (feature and found and column):
        from holdfast.errors import UsageError

        raise UsageError(
            "cannot read --known-at",
            expected="FEATURE=COLUMN, for example --known-at balance=balance_at",
            got=f"known_at={text!r}",
        )
    return feature, column


def _text(path: Path) -> str:
    """The text of a script or notebook."""
    from holdfast.errors import DataError

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "cannot read the training code",
            expected="a Python script or a notebook in UTF-8",
            got=f"path={str(path)!r}",
        ) from error


def _procedure(text: str) -> Callable[..., Any]:
    """The function a user names by file and name; the file is run, as the user asked."""
    import runpy

    from holdfast.errors import UsageError

    path, _, name = text.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        raise UsageError(
            "cannot read --model",
            expected="FILE.py:NAME of a function of (train, test)",
            got=f"model={text!r}",
        )
    found = runpy.run_path(path, run_name="holdfast_audit").get(name)
    if found is None:
        raise UsageError(
            "the file has no such name",
            expected=f"a function or model called {name!r}",
            got=f"model={text!r}",
        )
    made: Callable[..., Any] = found
    return made
