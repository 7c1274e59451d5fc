"""Every way into the store that a promotion could come by, but the server's."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import holdfast as hf
from benchmarks.lifecycle import forging
from benchmarks.lifecycle.forbidden import CONDITIONS, SHUT, bundles
from holdfast.cli import main as holdfast
from holdfast.errors import HoldfastError, ReleaseError
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store
from holdfast.storage.lifecycle import MoveRow

LATER = forging.LATER
HOW: dict[str, Any] = {"by": "ada", "reason": "attempt"}


#: what a door raises that is shut: by the product, or by a trigger in plain SQL
SHUT_BY = (HoldfastError, sqlite3.IntegrityError)


class Door(NamedTuple):
    """A way in.

    Attributes:
        attempt: takes the store, the id of a release, and whether the checks are waived.
        conditions: those that it is tried with.
        weight: how often, against the others.
    """

    attempt: Callable[[Store, str, bool], None]
    conditions: tuple[str, ...] = CONDITIONS
    weight: float = 1.0


def by_lifecycle(store: Store, release: str, waive: bool) -> None:
    """The move itself."""
    waived = {"shadow": "attempt", "canary": "attempt"} if waive else {}
    Lifecycle(store, "loan").promote(release, waived=waived, at=LATER, **HOW)


def by_old_key(store: Store, release: str, waive: bool) -> None:
    """The key of a promotion that was made."""
    Lifecycle(store, "loan").promote(release, at=LATER, key="crowned", **HOW)


def by_catalog(store: Store, release: str, waive: bool) -> None:
    """The store's own compare-and-set."""
    champion = store.catalog.champion("loan")
    revision = champion.revision if champion else 0
    store.catalog.compare_and_set("loan", revision, release, at=LATER)


def by_old_event(store: Store, release: str, waive: bool) -> None:
    """The tables of the lifecycle, with the event of a promotion that was made."""
    old = store.control.events("loan", ["lifecycle.promote"])[-1]
    move = MoveRow("loan", store.lifecycle.rev("loan") + 1, old.seq, "promote", release, None)
    with store.transaction():
        store.lifecycle.add_move(move)
        store.lifecycle.set_stages(move, [(release, "champion")])


def by_registry(store: Store, release: str, waive: bool) -> None:
    """A person's promotion in Python, which waives shadow and canary."""
    with hf.Registry(store.path) as registry:
        registry.promote("loan", release[: 8 if waive else None], **HOW)


def by_adding_again(store: Store, release: str, waive: bool) -> None:
    """The same bundle as if it were a new one, and its promotion."""
    with hf.Registry(store.path) as registry:
        registry.add("loan", hf.Release.open(bundles().folder / release))
        registry.promote("loan", release, **HOW)


def by_rollback(store: Store, release: str, waive: bool) -> None:
    """A rollback, where no standby is left to go back to."""
    with hf.Registry(store.path) as registry:
        registry.rollback("loan", **HOW)


def command(store: Store, verb: str, release: str) -> list[str]:
    """The words of a move on the command line."""
    words = ["release", verb, *([] if verb == "rollback" else [release])]
    share = ["--share", "1"] if verb == "canary" else []
    return [*words, *share, "--store", str(store.path), "--model", "loan", "--reason", "attempt"]


def by_command(verb: str) -> Callable[[Store, str, bool], None]:
    """A command, in this process."""

    def attempt(store: Store, release: str, waive: bool) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = holdfast(command(store, verb, release))
        _refused(code)

    return attempt


def by_process(store: Store, release: str, waive: bool) -> None:
    """The same command in a process of its own."""
    words = [sys.executable, "-m", "holdfast", *command(store, "promote", release)]
    _refused(subprocess.run(words, capture_output=True, check=False).returncode)


def _refused(code: int) -> None:
    if code:
        raise ReleaseError("the command refused", got=f"exit code {code}")


def by_sql(statement: str) -> Callable[[Store, str, bool], None]:
    """Plain SQL in a connection of its own."""

    def attempt(store: Store, release: str, waive: bool) -> None:
        connection = sqlite3.connect(store.path)
        try:
            with connection:
                connection.execute(statement, {"release": release})
        finally:
            connection.close()

    return attempt


DOORS: dict[str, Door] = {
    "lifecycle": Door(by_lifecycle),
    "old key": Door(by_old_key),
    "old event": Door(by_old_event),
    "compare-and-set": Door(by_catalog),
    "Registry.promote": Door(by_registry, SHUT),
    "Registry.add, promote": Door(by_adding_again, SHUT),
    "Registry.rollback": Door(by_rollback),
    "holdfast release promote": Door(by_command("promote"), SHUT),
    "holdfast release rollback": Door(by_command("rollback"), weight=0.3),
    "holdfast release shadow": Door(by_command("shadow"), SHUT, 0.3),
    "holdfast release canary": Door(by_command("canary"), SHUT, 0.3),
    "holdfast as a process": Door(by_process, SHUT, 0.05),
    "forged promotion": Door(forging.by_event("promote")),
    "forged rollback": Door(forging.by_event("rollback")),
    "forged adoption": Door(forging.by_event("adopt")),
    "forged gate, UPDATE": Door(
        forging.by_gate(
            "UPDATE gates SET state = 'passed', event = :event WHERE release = :release"
        ),
        ("gate failed",),
    ),
    "forged gate, REPLACE": Door(
        forging.by_gate("REPLACE INTO gates VALUES ('loan', :release, 'passed', :event)"),
        ("gate failed",),
    ),
    "event rewritten": Door(forging.by_rewriting),
    "UPDATE champions": Door(
        by_sql("UPDATE champions SET release = :release, revision = revision + 1")
    ),
    "REPLACE champions": Door(
        by_sql(
            "REPLACE INTO champions SELECT model, :release, revision + 1, changed_at FROM champions"
        )
    ),
    "UPDATE stages": Door(by_sql("UPDATE stages SET stage = 'champion' WHERE release = :release")),
    "REPLACE stages": Door(
        by_sql(
            "REPLACE INTO stages SELECT model, release, 'champion', rev, event FROM stages "
            "WHERE release = :release"
        )
    ),
    "DELETE stages": Door(by_sql("DELETE FROM stages WHERE release = :release")),
    "UPDATE gates": Door(by_sql("UPDATE gates SET state = 'passed' WHERE release = :release")),
}
