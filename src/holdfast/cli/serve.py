"""``holdfast serve``: predictions, dashboard and monitor on one port."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import options, table

app = table.new()


@app.command()
def serve(
    store: options.Store = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; 127.0.0.1 by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="8000 by default; 0 takes a free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Worker processes.")] = None,
    ack: Annotated[
        str | None,
        typer.Option("--ack", help="durable: an answer is on disk. fast: it may not be yet."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Tokens with roles; needed beyond this machine."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A Host name to accept besides the address; repeatable."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="Which of several labels counts: last, first or reject."),
    ] = None,
    retain_days: Annotated[
        float | None,
        typer.Option("--retain-days", help="Days after which logged rows go; kept by default."),
    ] = None,
    new_token: Annotated[
        str | None,
        typer.Option(
            "--new-token", help="Make a token NAME:ROLE in the token file, print it, stop."
        ),
    ] = None,
    monitor: Annotated[
        bool | None, typer.Option("--monitor/--no-monitor", help="Run the monitor as well.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False incidents that the monitor may raise.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="A file that gets the URL when ready.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings; holdfast.toml by default.")
    ] = None,
) -> None:
    """Serve predictions, the dashboard and the monitor on one port, until Ctrl-C.

    Settings come from these flags, else HOLDFAST_* variables, else the table [serve] of
    holdfast.toml. The first line of output is the URL.
    """
    from holdfast import app as house
    from holdfast.errors import UsageError

    flags = {
        "store": str(store) if store is not None else None,
        "host": host,
        "port": port,
        "workers": workers,
        "ack": ack,
        "token_file": str(token_file) if token_file is not None else None,
        "allow_hosts": allow_host or None,
        "labels": labels,
        "retain_days": retain_days,
        "monitor": monitor,
        "budget": budget,
        "ready_file": str(ready_file) if ready_file is not None else None,
    }
    settings = house.load_settings(flags, config=config)
    if new_token is not None:
        name, colon, role = new_token.partition(":")
        if not colon or not name or not role:
            raise UsageError(
                "a token needs a name and a role",
                expected="NAME:ROLE, for example app-ios:client",
                got=f"{new_token!r}",
            )
        typer.echo(house.new_token(settings, name, role))
        return
    code = house.serve(settings)
    if code:
        raise typer.Exit(code)
