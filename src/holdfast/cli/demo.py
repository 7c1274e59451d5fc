"""``holdfast demo``: stories told by the real program."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from holdfast.cli import options, output, table

app = table.new("Watch a model survive its broken pipeline, end to end.")


@app.callback()
def demo() -> None:
    """Watch a model survive its broken pipeline, end to end."""


@app.command()
def loan(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Real loans (credit scoring data of L. Belanche).", metavar="PATH"
        ),
    ] = None,
    fault: Annotated[
        Literal["null", "prefilled"],
        typer.Option(
            "--fault",
            help="null: the field arrives NULL. prefilled: the feature service fills it, so that "
            "no NULL is seen.",
        ),
    ] = "null",
    seed: options.Seed = 0,
    requests: Annotated[
        int | None, typer.Option("--requests", help="Applications to replay, 40 or more.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where to write the HTML report.")
    ] = Path("holdfast-demo-loan.html"),
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            help="Keep store and release in this new folder, and serve until Ctrl-C.",
            metavar="DIR",
        ),
    ] = None,
    no_drill: Annotated[
        bool, typer.Option("--no-drill", help="Leave out the drill at the end.")
    ] = False,
    full_loop: Annotated[
        bool,
        typer.Option(
            "--full-loop",
            help="The whole loop instead: veto, repair, drift, retraining, canary, rollback.",
        ),
    ] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """A loan model loses the employment type: a naive stack and Holdfast, side by side.

    Trains a model, builds a release, starts the real server and a naive one, replays applications
    through HTTP, breaks the pipe in the middle, mends it, and says what each stack was worth. Ends
    with the diagnosis and a short drill of the release.
    With --full-loop a project is served and looks after itself: the broken pipe vetoes retraining,
    a real drift leads to it, the challenger goes through shadow and canary, and a rollback is
    forced at the end.
    Without --data the applications are generated.
    """
    output.known_format(format)
    if full_loop:
        _full_loop(data, seed, keep, format, json=json)
        return
    from holdfast.demo import run, story

    told = story.generated(seed, fault) if data is None else story.real(data, seed, fault)
    quiet = json or format != "text"

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    def stay(url: str) -> None:
        typer.echo(f"The dashboard stays at {url} until Ctrl-C.", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            typer.echo("", err=True)

    document = run.tell(
        told,
        out=out,
        requests=requests,
        keep=keep,
        drilled=not no_drill,
        say=say,
        **({} if quiet else {"working": output.steps}),
        stay=stay if keep is not None else None,
    )
    if not quiet:
        typer.echo(f"Report: {out}\n", err=True)
    output.emit(document, format, json=json)


def _full_loop(
    data: Path | None,
    seed: int,
    keep: Path | None,
    format: str,  # noqa: A002
    *,
    json: bool,
) -> None:
    """Plays the loop in a folder of its own and tells what the store's events say of it."""
    import tempfile

    from holdfast.demo import full_loop, loop_story, loop_telling

    told = loop_story.generated(seed) if data is None else loop_story.real(data, seed)
    quiet = json or format != "text"

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        found = full_loop.play(told, keep.resolve(), say)
    else:
        with tempfile.TemporaryDirectory(prefix="holdfast-loop-") as folder:
            found = full_loop.play(told, Path(folder), say)
    output.emit(loop_telling.document(found), format, json=json)
