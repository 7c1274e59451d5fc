"""``holdfast release promote``, ``rollback`` and the other moves of a release's lifecycle."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import options, output

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.app.home import Home

Id = Annotated[str, typer.Argument(help="Its id, the beginning of one, `champion` or `latest`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log of control events.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; you, unless told otherwise.")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="All models, not only this one.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands to those of ``holdfast release``."""
    for command in (
        promote, rollback, shadow, canary, reject, quarantine, retire, freeze, unfreeze, stages,
    ):  # fmt: skip
        app.command()(command)


def promote(
    release: Id = "latest",
    reason: Reason = "",
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Make a release the champion: servers take it over within a second.

    Its gate must be open. A shadow and a canary that it has not passed are waived by this, and the
    reason is kept. A frozen model refuses.
    """

    def move(home: Home, name: str, chosen: str) -> tuple[str, str]:
        home.registry.promote(name, chosen, reason=reason, by=_who(by))
        return chosen, "Promoted"

    _moved(move, release, store, model, format, json=json)


def rollback(
    reason: Reason = "",
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Go back to the champion before this one, whole bundle and all.

    The champion is quarantined. No freeze stops this, and nothing but the store is needed.
    """

    def move(home: Home, name: str, _: str) -> tuple[str, str]:
        return home.registry.rollback(name, reason=reason, by=_who(by)), "Rolled back to"

    _moved(move, None, store, model, format, json=json)


def shadow(
    release: Id,
    reason: Reason = "tried beside the champion",
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Let a release whose gate is open answer beside the champion; nobody acts on its answers."""

    def move(home: Home, name: str, chosen: str) -> tuple[str, str]:
        from holdfast.releases.lifecycle import Stage

        lifecycle, how = home.registry.lifecycle(name), _how(reason, by)
        with home.store.transaction():
            if lifecycle.state().stage(chosen) is Stage.CANDIDATE:
                lifecycle.audit(chosen, **how)
            lifecycle.shadow(chosen, **how)
        return chosen, "In shadow:"

    _moved(move, release, store, model, format, json=json)


def canary(
    release: Id,
    share: Annotated[
        float, typer.Option("--share", help="Share of the requests that it answers, up to 1.")
    ],
    reason: Reason = "tried on some of the requests",
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Let a release in shadow answer a share of the requests, or change the canary's share."""

    def move(home: Home, name: str, chosen: str) -> tuple[str, str]:
        home.registry.lifecycle(name).canary(chosen, share, **_how(reason, by))
        return chosen, f"Canary with {share:.1%} of the requests:"

    _moved(move, release, store, model, format, json=json)


def reject(
    release: Id,
    reason: Reason,
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Say that a release will not become champion; a canary stops at once. For good."""
    _one("reject", "Rejected", release, reason, by, store, model, format, json=json)


def quarantine(
    release: Id,
    reason: Reason,
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Set a release aside that may have done harm; not the champion, see `rollback`. For good."""
    _one("quarantine", "Quarantined", release, reason, by, store, model, format, json=json)


def retire(
    release: Id,
    reason: Reason = "no longer kept ready",
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Say that the standby is no longer kept ready: there is nothing to roll back to then."""
    _one("retire", "Retired", release, reason, by, store, model, format, json=json)


def freeze(
    reason: Reason,
    everywhere: Everywhere = False,
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Stop promotions, shadows, canaries and the loop; a rollback is never frozen."""
    _freezing("freeze", "Frozen", everywhere, reason, by, store, model, format, json=json)


def unfreeze(
    reason: Reason,
    everywhere: Everywhere = False,
    by: By = None,
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Lift the freeze of this model, or with --everywhere the one of all; the other one stays."""
    _freezing("unfreeze", "Unfrozen", everywhere, reason, by, store, model, format, json=json)


def stages(
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show where each release stands, the canary's share, checks, freezes, and who serves what."""
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.app.stages import stages_of
    from holdfast.reports.document import Column, Document, Format, Heading, Table

    with opened(store, read_only=True) as home:
        found = stages_of(home.store, home.model(model))
    frozen = f" Frozen: {', '.join(found['frozen'])}." if found["frozen"] else ""
    live = f" {len(found['live'])} servers answer with the champion." if found["live"] else ""
    blocks: list[Any] = [
        Table(
            columns=(Column(name="release"), Column(name="stage"), Column(name="added")),
            rows=tuple((r["id"][:12], r["stage"], r["added"]) for r in found["releases"]),
        )
    ]
    if found["checks"]:
        blocks += [
            Heading(text="Checks"),
            Table(
                columns=(
                    Column(name="release"), Column(name="check"), Column(name="passed"),
                    Column(name="expires", format=Format.PLAIN),
                ),
                rows=tuple(
                    (c["release"][:12], c["name"], "yes" if c["passed"] else "no", c["expires"])
                    for c in found["checks"]
                ),
            ),
        ]  # fmt: skip
    share = "" if found["share"] is None else f" The canary answers {found['share']:.1%}."
    document = Document(
        title=f"Model {found['model']}",
        summary=f"Revision {found['rev']} of its lifecycle.{share}{live}{frozen}",
        blocks=tuple(blocks),
        data=found,
    )
    output.emit(document, format, json=json)


def _who(by: str | None) -> str:
    return getpass.getuser() if by is None else by


def _how(reason: str, by: str | None) -> Any:
    from holdfast.app.basics import now_us

    return {"at": now_us(), "by": _who(by), "reason": reason}


def _one(
    kind: str,
    verb: str,
    release: str,
    reason: str,
    by: str | None,
    store: Path | None,
    model: str | None,
    format: str,  # noqa: A002
    *,
    json: bool,
) -> None:
    def move(home: Home, name: str, chosen: str) -> tuple[str, str]:
        getattr(home.registry.lifecycle(name), kind)(chosen, **_how(reason, by))
        return chosen, verb

    _moved(move, release, store, model, format, json=json)


def _freezing(
    kind: str,
    verb: str,
    everywhere: bool,
    reason: str,
    by: str | None,
    store: Path | None,
    model: str | None,
    format: str,  # noqa: A002
    *,
    json: bool,
) -> None:
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.reports.document import Document

    with opened(store) as home:
        name = home.model(model)
        lifecycle = home.registry.lifecycle(name)
        getattr(lifecycle, kind)(everywhere=everywhere, **_how(reason, by))
        frozen = list(lifecycle.state().frozen)
    document = Document(
        title="Every model" if everywhere else f"Model {name}",
        summary=f"{verb}." + (f" Frozen: {', '.join(frozen)}." if frozen else ""),
        data={"model": name, "frozen": frozen},
    )
    output.emit(document, format, json=json)


def _moved(
    move: Callable[[Home, str, str], tuple[str, str]],
    release: str | None,
    store: Path | None,
    model: str | None,
    format: str,  # noqa: A002
    *,
    json: bool,
) -> None:
    """Makes a move and says where the release stands then."""
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.reports.document import Document

    with opened(store) as home:
        name, chosen = (home.model(model), "") if release is None else home.find(model, release)
        moved, verb = move(home, name, chosen)
        state = home.registry.lifecycle(name).state()
    document = Document(
        title=f"Model {name}",
        summary=f"{verb} release {moved[:12]}.",
        data={
            "model": name,
            "release": moved,
            "stage": state.stage(moved).value,
            "champion": state.stage(moved).value == "champion",
            "rev": state.rev,
        },
    )
    output.emit(document, format, json=json)
