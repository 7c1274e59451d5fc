"""``holdfast retrain``: train the project's model again; the champion stays what it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table
from holdfast.errors import UsageError

if TYPE_CHECKING:
    from holdfast.app.retrain import Retrained
    from holdfast.reports.document import Document

app = table.new()

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BYTES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_TITLES = {
    "made": "A candidate was made",
    "already": "The candidate was made before",
    "rejected": "Rejected",
    "vetoed": "Vetoed: nothing was trained",
    "idle": "Nothing to do",
    "busy": "Nothing was trained",
}


@app.command()
def retrain(
    now: Annotated[bool, typer.Option("--now", help="Train now.")] = False,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Train only if an open incident asks for it.")
    ] = False,
    config: Annotated[
        Path, typer.Option("--config", help="The project's settings.", metavar="PATH")
    ] = Path("holdfast.toml"),
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Another training table.", metavar="TABLE"),
    ] = None,
    since_log: Annotated[
        bool, typer.Option("--since-log", help="Add logged rows whose label has come.")
    ] = False,
    time: Annotated[
        str, typer.Option("--time", help="Longest time: 90s, 30m, 2h.", metavar="TIME")
    ] = "30m",
    memory: Annotated[
        str, typer.Option("--memory", help="Most address space: 800MB, 4GB.", metavar="SIZE")
    ] = "4GB",
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the event.")] = "",
    override: Annotated[
        str, typer.Option("--override", help="Train in spite of a veto: why; kept in the event.")
    ] = "",
    key: Annotated[
        str, typer.Option("--key", help="Names this retraining; with the same key it runs once.")
    ] = "",
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Train the project's model again in a limited process and build a candidate release.

    Nothing is promoted, whatever happens. An open incident of class pipeline or unknown vetoes it:
    the rows themselves are in doubt. Exits 0 with a candidate, 1 when it was rejected, 3 when
    nothing was run: no need, a veto, or another retrain is running.
    """
    output.known_format(format)
    if now is if_needed:
        raise UsageError("train now, or only if needed?", expected="--now or --if-needed")
    from holdfast.app.retrain import Ask
    from holdfast.app.retrain import retrain as run
    from holdfast.retraining.job import Limits

    ask = Ask(
        if_needed=if_needed,
        data=data,
        since_log=since_log,
        override=override.strip(),
        reason=reason.strip(),
        key=key,
        limits=Limits(
            seconds=_measured(time, _SECONDS, "--time"),
            memory=int(_measured(memory, _BYTES, "--memory")),
        ),
    )
    with output.steps("retraining") as step:
        done = run(config, ask, step)
    output.emit(_shown(done), format, json=json)
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _measured(text: str, units: dict[str, int], flag: str) -> float:
    """A number with its unit, in the smallest of them.

    >>> _measured("1.5h", _SECONDS, "--time")
    5400.0
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)", text.strip())
    value = float(parts[1]) * units.get(parts[2], 0) if parts else 0.0
    if not value:
        raise UsageError(
            f"{flag} cannot be read",
            expected=f"a number above 0 with one of {', '.join(units)}",
            got=repr(text[:40]),
        )
    return value


def _shown(done: Retrained) -> Document:
    import msgspec

    from holdfast.reports.document import Block, Code, Document, KeyValues, Text

    blocks: list[Block] = [Text(text=f"{line[:1].upper()}{line[1:]}") for line in done.why]
    facts: list[tuple[str, str | float | None]] = [("incidents", ", ".join(done.incidents))]
    if done.key:
        facts += [("key", done.key), ("release", done.release), ("gate", done.gate)]
    if done.run is not None:
        peak = done.run.peak_memory
        facts += [("seconds", round(done.run.seconds, 1))]
        facts += [("peak memory", f"{peak / 1e6:.0f} MB" if peak else None)]
    blocks.append(KeyValues(items=tuple(fact for fact in facts if fact[1])))
    if done.outcome == "rejected" and done.run is not None and done.run.log_tail:
        blocks.append(Code(text=done.run.log_tail))
    if done.outcome == "vetoed":
        blocks.append(Text(text="Close the incident, or say why it does not count: --override."))
    return Document(
        title=f"Retraining {done.model}",
        summary=f"{_TITLES[done.outcome]}.",
        blocks=tuple(blocks),
        passed=done.outcome != "rejected",
        data=msgspec.to_builtins(done),
    )
