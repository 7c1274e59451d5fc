"""The command line: one file a command; each is imported only when it is asked for.

>>> from holdfast.cli import main
>>> main(["--version"])
holdfast 0.1.0
0
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main", "reference"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: words of the command line; None takes those of the process.

    Returns:
        0 passed as far as tested, 1 findings at or above ``--fail-on`` or could not tell, 2 usage
        or data error.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        from holdfast import __version__

        sys.stdout.write(f"holdfast {__version__}\n")
        return 0
    from holdfast.cli.run import run

    return run(words)


def reference() -> str:
    """The command-line reference as Markdown, made from the commands themselves."""
    from holdfast.cli.reference import page

    return page()
