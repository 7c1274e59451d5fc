"""The command-line reference page, walked from the commands."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from holdfast.cli.table import COMMANDS, load, root

HEAD = """# Command-line reference

Made from the commands by `make docs`; edit the commands, not this page.

Exit codes: 0 passed as far as tested; 1 findings at or above `--fail-on`, or could not tell;
2 usage or data error. Files given to a command are Parquet, CSV, NDJSON or Arrow.
`HOLDFAST_DEBUG=1` shows the trace of an unexpected error.
"""


def page() -> str:
    """The whole page as Markdown."""
    top = typer.Context(root(), info_name="holdfast")
    lines = [HEAD]
    for name in COMMANDS:
        lines += _pages(load(name), top, name, depth=2)
    return "\n".join(lines).rstrip() + "\n"


def _pages(command: Any, parent: Any, name: str, depth: int) -> list[str]:
    context = typer.Context(command, info_name=name, parent=parent)
    lines = [f"{'#' * depth} `{context.command_path}`", "", *_prose(command.help or ""), ""]
    if isinstance(command, TyperGroup):
        for sub in command.list_commands(context):
            lines += _pages(command.get_command(context, sub), context, sub, depth + 1)
        return lines
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines += ["```", usage, "```", ""]
    rows = [row for parameter in command.get_params(context) if (row := _row(parameter, context))]
    return [*lines, "| | |", "|---|---|", *rows, ""] if rows else lines


def _prose(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\b", "").strip().splitlines()]


def _row(parameter: Any, context: Any) -> str:
    if "--help" in parameter.opts:
        return ""
    record = parameter.get_help_record(context)
    if record is None:
        return ""
    name, text = record
    return f"| `{name}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
