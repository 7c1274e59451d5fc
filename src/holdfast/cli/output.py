"""What a command prints (documents to stdout, progress to stderr) and how it ends."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import typer

from holdfast.errors import UsageError
from holdfast.findings import Severity
from holdfast.reports import FORMATS, render
from holdfast.reports.document import Document


def emit(
    document: Document,
    format: str = "text",  # noqa: A002 - the flag's name
    *,
    json: bool = False,
    fail_on: str = "error",
) -> None:
    """Prints the document and ends the command with its exit code.

    Raises:
        typer.Exit: with 1 when there are findings at or above `fail_on`, or could not tell.
        UsageError: unknown format or severity.
    """
    known_severity(fail_on)
    name = "json" if json else format
    if name == "text" and sys.stdout.isatty():
        from rich.console import Console

        from holdfast.reports.to_text import show

        show(document, Console(highlight=False))
    else:
        sys.stdout.write(render(document, name))
    code = exit_code(document, fail_on)
    if code:
        raise typer.Exit(code)


def known_format(name: str) -> None:
    """Refuses an unknown format before any long work."""
    if name not in FORMATS:
        render(Document(title=""), name)


def known_severity(name: str) -> Severity:
    """The severity of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Severity(name)
    except ValueError:
        raise UsageError(
            "unknown severity",
            expected=f"one of {', '.join(Severity)}",
            got=f"fail_on={name!r}",
        ) from None


def exit_code(document: Document, fail_on: str) -> int:
    """0 or 1, by the findings and the verdict.

    >>> exit_code(Document(title="t", passed=None), "error")
    1
    """
    level = Severity(fail_on).rank
    found = any(finding.severity.rank >= level for finding in document.findings)
    return 1 if found or document.passed is None or (document.passed is False) else 0


@contextlib.contextmanager
def progress(label: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error, only where a person is watching.

    Yields a function that is given how much more was done.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)


@contextlib.contextmanager
def steps(label: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error that names the step at work, only where a person is watching."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(label) as status:
        yield lambda step: status.update(escape(step))
