"""Runs one command line: every way to fail ends in one clear message and an exit code.

Typer keeps its parser's exceptions to itself (and their home has moved between versions), so they
are recognised by what they can do, not by their class.
"""

from __future__ import annotations

import itertools
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence

import typer

from holdfast.errors import HoldfastError, UsageError
from holdfast.reports.cells import clean

#: the trace of an unexpected error is shown when this is set
DEBUG = "HOLDFAST_DEBUG"


def run(words: Sequence[str]) -> int:
    """Parses and runs; gives the exit code."""
    from holdfast.cli.table import root

    as_json = "--json" in words or "--format=json" in words or _follows(words, "--format", "json")
    try:
        code = root()(list(words), prog_name="holdfast", standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("\nstopped\n")
        return 130
    except HoldfastError as error:
        _say(error, as_json)
        return error.exit_code
    except BrokenPipeError:
        # the reader of our output has gone: nothing is wrong with the work itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _parsing(error, as_json) or _unexpected(error, as_json)
    return code if isinstance(code, int) else 0


def _follows(words: Sequence[str], flag: str, value: str) -> bool:
    return any(pair == (flag, value) for pair in itertools.pairwise(words))


def _parsing(error: Exception, as_json: bool) -> int:
    """2 when the parser complained about the command line, else 0."""
    told = getattr(error, "format_message", None)
    if not callable(told):
        return 0
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{told()}\n")
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "holdfast"
    message = str(told()).rstrip(".").replace("'", "`")
    _say(UsageError(message, remedy=f"`{path} --help` shows what it takes"), as_json)
    return 2


def _unexpected(error: Exception, as_json: bool) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    said = HoldfastError(
        f"something went wrong that Holdfast did not foresee: {type(error).__name__}",
        code="HF-E-INTERNAL",
        remedy=f"run it again with {DEBUG}=1 to see the trace, and report it",
    )
    _say(said, as_json)
    return 2


def _say(error: HoldfastError, as_json: bool) -> None:
    """One paragraph on standard error, or one JSON object there."""
    if as_json:
        import msgspec

        sys.stderr.write(msgspec.json.encode({"error": error.to_dict()}).decode() + "\n")
        return
    parts = [
        error.message[:1].upper() + error.message[1:],
        f"Expected {error.expected}" if error.expected else "",
        f"Got {error.got}" if error.got else "",
        error.remedy[:1].upper() + error.remedy[1:] if error.remedy else "",
    ]
    ended = (part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)
    text = clean(" ".join(ended))
    sys.stderr.write(textwrap.fill(f"[{error.code}] {text}", 96, break_long_words=False) + "\n")
