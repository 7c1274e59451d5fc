"""A store with releases in every stage, made from one real release."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from holdfast.releases.bundle import MANIFEST, seal, staging, verify
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store

HOW = {"by": "a test", "reason": "tried"}


class Releases:
    """A model of a store, whose releases differ in their seed and nothing else."""

    def __init__(self, store: Store, model: str, bundle: Path) -> None:
        self.store, self.model, self._bundle = store, model, bundle
        self.lifecycle = Lifecycle(store, model)
        self._at = 1_700_000_000_000_000

    def how(self) -> Any:
        """The keywords of a move; a minute later each time."""
        self._at += 60_000_000
        return {"at": self._at, **HOW}

    def audited(self, seed: int) -> str:
        """A release whose gate is open; gives its id."""
        release = self.sealed(seed)
        how = self.how()
        self.lifecycle.add(release, **how)
        self.store.decide_gate(self.model, release, "passed", at=how["at"])
        self.lifecycle.audit(release, **self.how())
        return release

    def sealed(self, seed: int) -> str:
        """The files of a release in the store; nothing is known of it yet."""
        folder = staging(self.store.files / "releases")
        shutil.copytree(self._bundle, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        _, manifest = verify(self._bundle)
        changed = msgspec.structs.replace(manifest, seed=seed)
        return seal(folder, self.store.files / "releases", changed)[0]

    def promoted(self, seed: int) -> str:
        """A new release that is champion; gives its id."""
        release = self.audited(seed)
        self.lifecycle.promote(release, waived={"shadow": "test", "canary": "test"}, **self.how())
        return release
