"""The moves of a model's lifecycle: who may ask for what, and which rule decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Unpack

from holdfast.releases.lifecycle import rules
from holdfast.releases.lifecycle.fold import read
from holdfast.releases.lifecycle.ledger import How, Ledger, Move
from holdfast.releases.lifecycle.rules import Plan, refusal
from holdfast.releases.lifecycle.stage import ALLOWED, Stage
from holdfast.releases.lifecycle.state import State
from holdfast.storage import Store
from holdfast.storage.lifecycle import EVERY_MODEL, scope_of


class Lifecycle:
    """The lifecycle of one model's releases.

    Every move takes the keywords of `How` and gives a `Move`. It happens whole or not at all,
    and raises ``HF-E-LIFECYCLE`` where the rules forbid it, ``HF-E-LIFECYCLE-FROZEN`` while
    upward moves are frozen, ``HF-E-STORE-REVISION`` if `expected` is no longer the revision,
    ``HF-E-STORE-FENCED`` if the lease is lost, and ``HF-E-STORE-KEY`` if the key was used for
    another move.

    Releases are named by their full id. A release of before there was a lifecycle is a
    candidate. While a champion stands that was set elsewhere, releases move only after `adopt`.

    Args:
        store: an open store.
        model: name of the model.
        required: checks that a promotion asks for.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         loan = Lifecycle(store, "loan")
        ...         _ = loan.add("a1", at=0, by="ada", reason="built")
        ...         store.decide_gate("loan", "a1", "passed", at=0)
        ...         _ = loan.audit("a1", at=1, by="ada", reason="no leak found")
        ...         move = loan.promote("a1", at=2, by="ada", reason="first release")
        >>> move.rev, move.stage.value
        (3, 'champion')
    """

    def __init__(
        self, store: Store, model: str, *, required: Collection[str] = ("shadow", "canary")
    ) -> None:
        self._store = store
        self.model = model
        self.required = tuple(required)
        self._move = Ledger(store, model).move

    def state(self) -> State:
        """How things stand now."""
        return read(self._store, self.model)

    def share(self) -> float | None:
        """The share of requests the canary answers; None without a canary."""
        with self._store.lifecycle.snapshot():
            canary = self.state().holder(Stage.CANARY)
            events = self._store.control.events(self.model, ["lifecycle.canary"])
        shares = [e.payload["share"] for e in events if e.payload["release"] == canary]
        return float(shares[-1]) if shares else None

    # -- up -----------------------------------------------------------------------------------

    def add(
        self, release: str, *, details: dict[str, Any] | None = None, **how: Unpack[How]
    ) -> Move:
        """A release becomes a candidate; `details` are kept in the catalog."""

        def plan(state: State) -> Plan:
            if release in state.stages:
                raise refusal(
                    f"release {release[:12]} was added before",
                    expected="a new release",
                    got=f"stage={state.stage(release).value}",
                    remedy="go on from there",
                )
            catalog, control = self._store.catalog, self._store.control
            catalog.add_release(self.model, release, at=how["at"], details=details)
            told = f"added:{self.model}:{release}"
            control.append(
                "release.added", self.model, {"release": release}, at=how["at"], key=told
            )
            return rules.step(state, release)

        return self._move("add", release, plan, how)

    def audit(self, release: str, **how: Unpack[How]) -> Move:
        """A candidate whose gate is open counts as audited."""

        def plan(state: State) -> Plan:
            gate = self._store.catalog.gate(self.model, release)
            if gate != "passed":
                raise refusal(
                    f"the gate of release {release[:12]} is not open",
                    expected="gate=passed",
                    got=f"gate={gate}",
                    remedy="answer what the gate asks, or reject the release",
                )
            return rules.step(state, release, Stage.AUDITED)

        return self._move("audit", release, plan, how)

    def shadow(self, release: str, **how: Unpack[How]) -> Move:
        """An audited release answers beside the champion; nobody acts on its answers."""
        return self._step("shadow", release, Stage.SHADOW, how)

    def canary(self, release: str, share: float, **how: Unpack[How]) -> Move:
        """A release in shadow answers a share of the requests; the canary gets another share.

        Args:
            release: id of the release.
            share: share of the requests, 0 < share <= 1.
            how: see `How`.
        """

        def plan(state: State) -> Plan:
            if not 0 < share <= 1:
                raise refusal(
                    "this is no share of the requests",
                    expected="0 < share <= 1",
                    got=f"share={share}",
                    remedy="begin with 0.01",
                )
            if state.stage(release) is Stage.CANARY:
                return Plan(release, ())
            other = state.holder(Stage.CANARY)
            if other is not None:
                raise refusal(
                    f"release {other[:12]} is the canary",
                    expected="no canary",
                    got="one canary",
                    remedy="promote, reject or quarantine it first",
                )
            return rules.step(state, release, Stage.CANARY)

        return self._move("canary", release, plan, how, share=share)

    def promote(
        self, release: str, *, waived: Mapping[str, str] | None = None, **how: Unpack[How]
    ) -> Move:
        """A release becomes champion, the champion standby, the standby before it is retired.

        Every required check must have passed last and not be expired, or be waived. Shadow and
        canary are waived for the first release; audit and gate for none.

        Args:
            release: id of the release; audited, in shadow or canary.
            waived: check → why it is not asked for; kept in the event.
            how: see `How`.
        """
        return self._move(
            "promote",
            release,
            lambda state: rules.promote(state, release, how["at"], self.required, waived or {}),
            how,
        )

    # -- down ---------------------------------------------------------------------------------

    def rollback(self, **how: Unpack[How]) -> Move:
        """The standby answers again and the champion is quarantined; no freeze stops that."""
        return self._move("rollback", None, rules.rollback, how)

    def quarantine(self, release: str, **how: Unpack[How]) -> Move:
        """A release is set aside for good; not the champion, see `rollback`."""
        return self._move(
            "quarantine", release, lambda state: rules.quarantine(state, release), how
        )

    def reject(self, release: str, **how: Unpack[How]) -> Move:
        """A release that is not yet champion will not become it."""
        return self._step("reject", release, Stage.REJECTED, how)

    def retire(self, release: str, **how: Unpack[How]) -> Move:
        """The standby is no longer kept ready."""
        return self._step("retire", release, Stage.RETIRED, how)

    # -- beside -------------------------------------------------------------------------------

    def adopt(self, **how: Unpack[How]) -> Move:
        """Bring the stages into line with a champion that was set outside of the lifecycle."""

        def plan(state: State) -> Plan:
            champion = self._store.catalog.champion(self.model)
            if champion is None or state.holder(Stage.CHAMPION) == champion.release:
                raise refusal(
                    "there is no champion to adopt",
                    expected="a champion set outside of the lifecycle",
                    got="none",
                    remedy="nothing needs to be done",
                )
            return rules.adopt(state, champion.release)

        return self._move("adopt", None, plan, how)

    def record_check(
        self,
        release: str,
        name: str,
        passed: bool,
        *,
        expires: int | None = None,
        **how: Unpack[How],
    ) -> Move:
        """Keep the outcome of a check; the last one counts.

        Args:
            release: id of the release. What is named ``shadow`` or ``canary`` is recorded while
                the release is at that stage.
            name: what was checked.
            passed: whether it passed.
            expires: from when it no longer counts, microseconds since 1970 (UTC); None for never.
            how: see `How`.
        """

        def plan(state: State) -> Plan:
            stage = state.stage(release)
            here = name == stage or name not in (Stage.SHADOW, Stage.CANARY)
            if not (name.strip() and ALLOWED[stage] and here):
                raise refusal(
                    f"this check says nothing of release {release[:12]}",
                    expected="a name, and a release still in play at the stage of that name",
                    got=f"name={name!r}, stage={stage.value}",
                    remedy="bring the release to the stage first",
                )
            if expires is not None and expires <= how["at"]:
                raise refusal(
                    "this check is expired already",
                    expected=f"expires > {how['at']}",
                    got=f"expires={expires}",
                    remedy="check again",
                )
            return Plan(
                release, () if release in state.stages else rules.step(state, release).stages
            )

        return self._move("check", release, plan, how, name=name, passed=passed, expires=expires)

    def freeze(self, *, everywhere: bool = False, **how: Unpack[How]) -> Move:
        """Stop upward moves of this model, or of all; rollbacks go on."""
        return self._freeze("freeze", everywhere, how)

    def unfreeze(self, *, everywhere: bool = False, **how: Unpack[How]) -> Move:
        """Lift the freeze of this model, or the one of all; the other one stays."""
        return self._freeze("unfreeze", everywhere, how)

    def _freeze(self, kind: str, everywhere: bool, how: How) -> Move:
        scope = EVERY_MODEL if everywhere else scope_of(self.model)

        def plan(state: State) -> None:
            if (scope in state.frozen) == (kind == "freeze"):
                raise refusal(
                    f"there is nothing to {kind}",
                    expected="frozen" if kind == "unfreeze" else "not frozen",
                    got=f"frozen={list(state.frozen)}",
                    remedy="nothing needs to be done",
                )

        return self._move(kind, None, plan, how, scope=EVERY_MODEL if everywhere else "model")

    def _step(self, kind: str, release: str, to: Stage, how: How) -> Move:
        return self._move(kind, release, lambda state: rules.step(state, release, to), how)
