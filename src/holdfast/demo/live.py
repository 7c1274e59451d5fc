"""The live table: both stacks side by side while the replay runs, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from holdfast.demo.replay import Stack
from holdfast.demo.score import measure
from holdfast.demo.story import Story

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_SECONDS = 0.15


@contextlib.contextmanager
def table(
    story: Story,
    stacks: dict[str, Stack],
    bad: npt.NDArray[np.bool_],
    when: dict[str, range],
    approve: str,
    url: str,
) -> Iterator[Callable[[int], None]]:
    """Gives the function that `replay.send` tells its progress; draws on standard error."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    last = 0.0
    with Live(console=console, auto_refresh=False) as live:

        def seen(done: int) -> None:
            nonlocal last
            if time.monotonic() - last < REFRESH_SECONDS and done < len(bad):
                return
            last = time.monotonic()
            live.update(_draw(story, stacks, bad, when, approve, url, done), refresh=True)

        yield seen


def _draw(
    story: Story,
    stacks: dict[str, Stack],
    bad: npt.NDArray[np.bool_],
    when: dict[str, range],
    approve: str,
    url: str,
    done: int,
) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    phase = next(name for name, rows in when.items() if done - 1 in rows)
    fault = phase == "during"
    grid = Table(
        title=Text(f"request {done:,} of {len(bad):,}   dashboard {url}"),
        caption=Text(
            _arrives(story, fault=fault),
            style="red" if fault else "green",
        ),
        box=box.SIMPLE_HEAD,
    )
    for name in ("phase", "stack", "requests", "accuracy", "approved", "cost", "last verdict"):
        grid.add_column(name, justify="left" if name in ("phase", "stack") else "right")
    for name, rows in when.items():
        stop = min(rows.stop, done)
        if stop <= rows.start:
            continue
        for label, stack in stacks.items():
            m = measure(
                stack.approved(approve)[rows.start : stop], bad[rows.start : stop], story.costs
            )
            grid.add_row(
                name,
                label,
                f"{m.requests:,}",
                f"{m.accuracy:.1%}",
                f"{m.approval_rate:.1%}",
                f"{m.expected_cost:.3g}",
                str(stack.answers[stop - 1].get("verdict", "–")),
            )
    return grid


def _arrives(story: Story, *, fault: bool) -> str:
    if not fault:
        return f"`{story.field}` arrives as it should"
    how = "NULL" if story.fault == "null" else f"filled with `{story.default}`"
    return f"`{story.field}` arrives {how}"
