"""The rules of the lifecycle once more, in plain dictionaries, to hold the machine against."""

from __future__ import annotations

UP = ("audit", "shadow", "canary", "promote")


class Book:
    """What the lifecycle should say: stage, gate, checks, freezes, in plain dictionaries."""

    def __init__(self) -> None:
        self.stage: dict[str, str] = {}
        self.gate: dict[str, str] = {}
        self.check: dict[tuple[str, str], tuple[bool, int]] = {}
        self.frozen: set[str] = set()
        self.rev = 0

    def who(self, stage: str) -> str | None:
        return next((r for r, s in self.stage.items() if s == stage), None)

    def can(self, kind: str, r: str, now: int, waive: bool = False, to: str = "") -> bool:
        s = self.stage.get(r)
        if kind == "add":
            return s is None
        if kind == "freeze":
            return to not in self.frozen
        if kind == "unfreeze":
            return to in self.frozen
        if kind == "rollback":
            return bool(self.who("champion") and self.who("standby"))
        if s is None or (kind in UP and self.frozen):
            return False
        if kind == "check":
            return s == to
        if kind == "audit":
            return s == "candidate" and self.gate.get(r) == "passed"
        if kind == "canary":
            return s == "canary" or (s == "shadow" and not self.who("canary"))
        if kind == "promote":
            good = {n: self.check.get((r, n), (False, 0)) for n in ("shadow", "canary")}
            held = all(passed and now < expires for passed, expires in good.values())
            excused = waive or not self.who("champion")
            return s in ("audited", "shadow", "canary") and (held or excused)
        return (
            s
            in {
                "shadow": ["audited"],
                "reject": ["candidate", "audited", "shadow", "canary"],
                "retire": ["standby"],
                "quarantine": ["candidate", "audited", "shadow", "canary", "standby"],
            }[kind]
        )

    def do(self, kind: str, r: str, to: str = "", check: tuple[bool, int] = (False, 0)) -> None:
        self.rev += 1
        new = {"add": "candidate", "audit": "audited", "shadow": "shadow", "canary": "canary",
               "reject": "rejected", "retire": "retired", "quarantine": "quarantined"}  # fmt: skip
        if kind in new:
            self.stage[r] = new[kind]
        elif kind == "promote":
            old, spare = self.who("champion"), self.who("standby")
            self.stage |= {spare: "retired"} if spare else {}
            self.stage |= {old: "standby"} if old else {}
            self.stage[r] = "champion"
        elif kind == "rollback":
            old, spare = self.who("champion"), self.who("standby")
            self.stage |= {str(old): "quarantined", str(spare): "champion"}
        elif kind == "check":
            self.check[r, to] = check
        elif kind == "freeze":
            self.frozen.add(to)
        elif kind == "unfreeze":
            self.frozen.discard(to)
