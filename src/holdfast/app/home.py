"""A store as the commands see it: which model, which release, which incidents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.basics import now_us, open_store
from holdfast.app.settings import Settings, load_settings, named_model
from holdfast.errors import ReleaseError, UsageError

if TYPE_CHECKING:
    from holdfast.app.cases import Case
    from holdfast.records import Incident
    from holdfast.releases import Registry, Release
    from holdfast.storage import Store


class Home:
    """An open store with its registry.

    Args:
        store: the open store.
        settings: what the operator chose.
        named: the model that holdfast.toml names, if it names one.
    """

    def __init__(self, store: Store, settings: Settings, named: str | None) -> None:
        from holdfast.releases import Registry

        self.store = store
        self.settings = settings
        self.path = Path(settings.store)
        self.registry: Registry = Registry(store)
        self._named = named

    def model(self, name: str | None) -> str:
        """The model meant: the one named, else the project's, else the only one."""
        known = self.store.catalog.models()
        wanted = name if name is not None else self._named
        if wanted is None and len(known) == 1:
            return known[0]
        if wanted is None or wanted not in known:
            raise UsageError(
                "which model?" if wanted is None else "there is no such model in the store",
                expected=f"--model, one of {', '.join(known)}" if known else "a store with models",
                got=f"model={wanted!r}, store={str(self.path)!r}",
                remedy="`holdfast release build` makes the first" if not known else None,
            )
        return wanted

    def find(self, model: str | None, text: str) -> tuple[str, str]:
        """Model and release id, from an id, the beginning of one, ``champion`` or ``latest``."""
        name = self.model(model)
        known = [row.id for row in self.store.catalog.releases(name)]
        if text == "champion":
            champion = self.store.catalog.champion(name)
            if champion is None:
                raise ReleaseError(
                    "no release of this model has been promoted",
                    expected="a champion",
                    got=f"model={name!r}",
                    remedy="`holdfast release promote latest`",
                )
            return name, champion.release
        found = known[-1:] if text == "latest" else [r for r in known if r.startswith(text)]
        if len(found) != 1:
            raise ReleaseError(
                "this beginning fits several releases" if found else "there is no such release",
                expected="the id of one release, `champion` or `latest`",
                got=f"release={text!r}, {len(known)} releases of model {name!r}",
                remedy="`holdfast release list` shows them",
            )
        return name, found[0]

    def release(self, model: str | None, text: str) -> tuple[str, Release]:
        """Model name and the release itself, opened and verified."""
        name, found = self.find(model, text)
        return name, self.registry.open(found, allow=self.settings.allow_models)

    def incidents(self, model: str | None) -> list[Incident]:
        """Incidents of a model or of all, the newest first."""
        from holdfast.app.cases import incidents

        return incidents(self.store, model)

    def case(self, text: str) -> Case:
        """One incident with its history, by its id or the beginning of it."""
        from holdfast.app.cases import case

        return case(self.store, text)

    def decide(
        self, text: str, verb: str, reason: str, *, by: str, until: int | None = None
    ) -> Case:
        """Keep a person's decision about an incident: who, when and why stay in its history."""
        from holdfast.app.cases import act
        from holdfast.diagnosis.decisions import Verb

        return act(self.store, text, Verb(verb), reason=reason, by=by, at=now_us(), until=until)


@contextlib.contextmanager
def opened(
    store: Path | None = None, *, read_only: bool = False, config: Path | None = None
) -> Iterator[Home]:
    """The store that flags, environment and holdfast.toml name, closed at the end of the block.

    Args:
        store: path given on the command line.
        read_only: refuse to create a store where there is none.
        config: another settings file.
    """
    settings = load_settings({"store": str(store) if store is not None else None}, config=config)
    if read_only and not Path(settings.store).exists():
        raise UsageError(
            "there is no store here",
            expected="a store made by `holdfast release build` or `holdfast serve`",
            got=f"path={settings.store!r}",
            remedy="name it with --store, or run this in the project's folder",
        )
    with open_store(settings, read_only=read_only) as found:
        yield Home(found, settings, named_model(config))
