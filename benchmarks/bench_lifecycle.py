"""The closed loop: what the long runs found, from their result files.

`benchmarks/lifecycle` (soak, attempts, killing, mutants, rollback, triggers, storm) and
`benchmarks/loop` (replays of real streams) run for minutes each, by themselves; this topic puts
their last results into the table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def row(
    what: str, value: Any, unit: str, target: str, reached: bool | None, how: str
) -> dict[str, Any]:
    names = ("what", "value", "unit", "target", "reached", "how")
    return dict(zip(names, (what, value, unit, target, reached, how), strict=True))


def kept(*parts: str) -> dict[str, Any]:
    """A result file; empty where it was not run yet."""
    path = HERE.joinpath(*parts)
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def run(quick: bool) -> list[dict[str, Any]]:
    """Every row of the numbers table that speaks of the loop."""
    return [*_lifecycle(), *_triggers(), *_storm(), *_rollback(), *_clean(), *_faults()]


def _lifecycle() -> list[dict[str, Any]]:
    rows = []
    if found := kept("lifecycle", "soak.json"):
        steps, wrong = found["steps"], int(found["difference"] is not None)
        rows.append(
            row("random moves against a dictionary", f"{wrong} differences", "",
                "0 in 1,000,000", wrong == 0 and steps >= 1_000_000,
                f"{steps:,} steps, `make soak`")
        )  # fmt: skip
    if found := kept("lifecycle", "attempts.json"):
        through = sum(found["succeeded"].values())
        rows.append(
            row("promotions that must not succeed", f"{through} did", "", "0 of 10,000",
                through == 0 and found["attempts"] >= 10_000,
                f"{found['attempts']:,} attempts, {len(found['refused'])} ways in (a server's "
                "once for each role)")
        )  # fmt: skip
    if found := kept("lifecycle", "killing.json"):
        rows.append(
            row("kill -9: acknowledged events lost", len(found["wrong"]), "", "0 in 300 kills",
                not found["wrong"] and found["kills"] >= 300,
                f"{found['kills']} kills, {found['acknowledged']:,} acknowledged moves, slowest "
                f"opening {found['slowest_opening_seconds']} s (aim: < 2)")
        )  # fmt: skip
    if found := kept("lifecycle", "mutants.json"):
        rows.append(
            row("mutants of lifecycle and gates killed", found["share"], "", ">= 0.95",
                found["share"] >= 0.95,
                f"{found['killed']} of {found['tried']} drawn of {found['mutants']}")
        )  # fmt: skip
    return rows


def _triggers() -> list[dict[str, Any]]:
    found = kept("lifecycle", "triggers.json")
    if not found:
        return []
    claims, windows = found["claims"], found["windows"]
    once = claims["retrained_once"] + windows["retrained_once"]
    answers = claims["answers"]
    return [
        row("two schedulers: causes retrained exactly once", once, "",
            "each of 1,000", once == claims["triggers"] + windows["windows"] >= 1_000,
            f"{claims['triggers']:,} claims with a job that trains nothing, {claims['kills']} "
            f"kills, clocks set ahead {answers.get('clock set ahead', 0)} times, "
            f"{answers.get('HF-E-STORE-FENCED', 0)} leases stolen; {windows['windows']} windows "
            "trained by two commands at once")
    ]  # fmt: skip


def _storm() -> list[dict[str, Any]]:
    rows = []
    for fault in ("null", "shift"):
        if found := kept("lifecycle", f"storm_{fault}.json"):
            retrains, seen, told = found["retrains"], found["storms"], found["outbox_rows"]
            rows.append(
                row(f"storm from one source ({fault}): retrains, storms, notices",
                    f"{retrains}, {seen}, {told}", "", "<= 3, 1, <= 5 of 500 models",
                    retrains <= 3 and seen == 1 and told <= 5 and found["models"] >= 500,
                    f"{found['models_that_alarmed']} of {found['models']} models alarmed, "
                    f"{found['asked_for_a_retraining']} were due to be trained")
            )  # fmt: skip
    return rows


def _rollback() -> list[dict[str, Any]]:
    found = kept("lifecycle", "rollback.json")
    if not found:
        return []
    how = (
        f"{found['trials']} trials, {found['clients']} clients, two workers, "
        f"{found['answers']:,} answers, p50 {found['p50']} s, max {found['max']} s"
    )
    enough = found["trials"] >= 200
    return [
        row("rollback under load, p99", found["p99"], "s", "< 1", found["p99"] < 1 and enough, how),
        row("answers that mix two releases", found["mixed"], "", "0", found["mixed"] == 0, how),
    ]


def _clean() -> list[dict[str, Any]]:
    rows = []
    for name, plans in kept("loop", "results", "clean.json").items():
        ours, best = plans["holdfast"], min(p["cost"] for p in plans.values())
        others = min(p["cost"] for n, p in plans.items() if n != "holdfast")
        ratio = round(ours["cost"] / others, 3)
        retrains = f"{ours['retrains']} of {plans['always']['retrains']}"
        few = ours["retrains"] * 3 <= plans["always"]["retrains"]
        rows.append(
            row(f"clean replay {name}: cost against the best fixed plan", ratio, "x",
                "<= 1.02, with a third of the retrains", ratio <= 1.02 and few,
                f"cost {ours['cost']:,.0f}, best {best:,.0f}; retrains {retrains}, "
                f"AUC {ours['auc']:.3f}, promotions {ours['promotions']}, "
                f"rollbacks {ours['rollbacks']}, vetoes {ours['vetoes']}")
        )  # fmt: skip
    return rows


def _faults() -> list[dict[str, Any]]:
    streams = kept("loop", "results", "faults.json")
    if not streams:
        return []
    rows = [_with_faults(name, list(played.values())) for name, played in streams.items()]
    every = [one for played in streams.values() for one in played.values()]
    ours, always, alarm = (_excess(every, plan) for plan in ("holdfast", "always", "alarm"))
    least = min(always, alarm)
    ratio = round(ours / least, 3) if least > 0 else None
    rows.append(
        row("broken replays: excess cost against training in every window, and on any alarm", ratio,
            "x", "<= 0.3", ratio is not None and ratio <= 0.3,
            f"{len(every)} faults; excess {ours:,.0f}, every window {always:,.0f}, alarms "
            f"{alarm:,.0f}; rows of the faults themselves among them")
    )  # fmt: skip
    return rows


def _with_faults(name: str, played: list[dict[str, Any]]) -> dict[str, Any]:
    wrong = {plan: sum(one[plan]["wrongful"] for one in played) for plan in ("always", "holdfast")}
    excess = {plan: _excess(played, plan) for plan in ("always", "alarm", "holdfast")}
    return row(
        f"broken replay {name}: retrains on broken rows", wrong["holdfast"], "", "0",
        wrong["holdfast"] == 0,
        f"{len(played)} faults; training in every window: {wrong['always']}; excess cost "
        f"{excess['holdfast']:,.0f}, every window {excess['always']:,.0f}, alarms "
        f"{excess['alarm']:,.0f}",
    )  # fmt: skip


def _excess(played: list[dict[str, Any]], plan: str) -> float:
    """Cost beyond the plan's own clean cost, over all faults."""
    return float(sum(_all(one[plan], "") - _all(one[plan], "clean_") for one in played))


def _all(found: dict[str, Any], which: str) -> float:
    """Cost of the rows of a fault and of all others that were played."""
    return float(found[f"{which}cost"] + found[f"{which}during"])
