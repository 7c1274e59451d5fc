"""The table of commands: one more command is one file and one line here.

The top group lists from the table and imports a command's module only when it is asked for, so
that ``holdfast --help`` loads none of them.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

#: command -> (module with a Typer named ``app``, what it does in one line)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("holdfast.cli.demo", "Watch a model survive its broken pipeline, end to end."),
    "init": ("holdfast.cli.init", "Start a project for your own table."),
    "contract": ("holdfast.cli.contract", "Learn, check and compare contracts."),
    "audit": ("holdfast.cli.audit", "Look for leakage in a table or a training script."),
    "evaluate": ("holdfast.cli.evaluate", "What predictions were worth, with intervals."),
    "backtest": ("holdfast.cli.backtest", "What the model would have scored over time."),
    "compare": ("holdfast.cli.compare", "What changed between two tables, and whether it matters."),
    "release": ("holdfast.cli.release", "Build, list, show, promote and roll back releases."),
    "policy": ("holdfast.cli.policy", "When a model is trained again, and why or why not."),
    "retrain": ("holdfast.cli.retrain", "Train the model again, safely; the champion stays."),
    "serve": ("holdfast.cli.serve", "Serve predictions, the dashboard and the monitor."),
    "predict": ("holdfast.cli.predict", "Score a file through the same guard and log."),
    "why": ("holdfast.cli.why", "Which release answered, what it came from, what was known then."),
    "incidents": ("holdfast.cli.incidents", "List, show and resolve incidents."),
    "monitor": ("holdfast.cli.monitor", "Run the monitor over the store."),
    "drill": ("holdfast.cli.drill", "Break your own rows on purpose: what would be caught?"),
    "mirror": ("holdfast.cli.mirror", "Write stages and metrics to an MLflow registry."),
    "doctor": ("holdfast.cli.doctor", "Check this installation and a store."),
}


def new(help: str | None = None) -> typer.Typer:  # noqa: A002 - Typer's own name
    """A Typer set up as every command of Holdfast is."""
    return typer.Typer(
        help=help,
        no_args_is_help=help is not None,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def load(name: str) -> Any:
    """The command of that name, imported now."""
    command = typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)
    command.name = name
    return command


class Commands(TyperGroup):
    """The top of the command line."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command, or None."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in the help, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def root() -> Any:
    """The ``holdfast`` command itself."""
    app = typer.Typer(
        cls=Commands,
        name="holdfast",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def holdfast(
        version: bool = typer.Option(False, "--version", "-V", help="Print the version and stop."),
    ) -> None:
        """The reliability layer for machine-learning models in production.

        Exit code 0: passed as far as tested. 1: findings at or above --fail-on, or could not
        tell. 2: usage or data error.
        """
        if version:
            from holdfast import __version__

            typer.echo(f"holdfast {__version__}")
            raise typer.Exit

    return typer.main.get_command(app)
