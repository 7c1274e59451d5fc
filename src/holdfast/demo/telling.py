"""What came of the story: the verdict as one record, with all that the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.demo.replay import Stack, by_fallback, first, flags_null, named
from holdfast.demo.score import Measure, measure, recovered
from holdfast.demo.story import Fault, Story
from holdfast.drill import DrillReport


class Cause(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """The incident in four words."""

    kind: str
    class_: str
    feature: str
    action: str


class Drilled(msgspec.Struct, frozen=True):
    """The drill in four numbers.

    Attributes:
        faults: injected ones that should raise an alarm.
        caught: of them, those that did.
        named: of those, how many with the right kind, column and action.
        silent: whether the same rows without any fault raised nothing.
    """

    faults: int
    caught: int
    named: int
    silent: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the demo; ``holdfast demo loan --json`` prints exactly this.

    Attributes:
        fault: how the field broke: ``null`` or ``prefilled``.
        kind, culprit: what the incident says it is, and the field it names first; None without one.
        naive, holdfast: what each stack's answers were worth before, during and after the fault.
        on_fallback: the same for the requests of the fault from the first fallback answer on; None
            without one.
        requests_until_flagged: requests from the first NULL on until one was answered with the
            violation named; 1 is the NULL's own request. None: never; a value that looks right is
            not flagged.
        requests_until_incident: requests from the first broken one until the evidence sufficed,
            the one that completed it included. None: never.
        requests_until_fallback: requests from the first broken one until one was answered by the
            fallback, that one included. None: never.
        requests_until_back: requests from the mend until the field counted again. None: never.
        incident: the incident, None if none was opened.
        recovered_cost_share: of the expected cost that the naive stack lost during the fault,
            against the same applications with the field in place, the share that Holdfast kept.
        false_incidents: incidents opened outside the fault.
        drill: what a short drill of the release showed; None without one.
        report: path of the HTML report.
    """

    fault: Fault
    kind: str | None
    culprit: str | None
    naive: dict[str, Measure]
    holdfast: dict[str, Measure]
    on_fallback: dict[str, Measure] | None
    requests_until_flagged: int | None
    requests_until_incident: int | None
    requests_until_fallback: int | None
    requests_until_back: int | None
    incident: Cause | None
    recovered_cost_share: float
    false_incidents: int
    drill: Drilled | None
    report: str


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and what stands behind it.

    Attributes:
        verdict: the outcome.
        healthy: the same model on the applications of the fault, with the field in place.
        training_accuracy, cv_accuracy: of the model, where it was trained.
        incidents: every incident as the server tells it, with its history; the newest first.
        closed: whether the incident was closed after the pipe was mended.
        off: whether the field was still switched off then.
        drill: the whole drill, if there was one.
        right: for each stack, whether each answer was right, in order.
        labels: outcomes sent afterwards.
        url: of the dashboard.
        release: id of the release.
    """

    verdict: Verdict
    healthy: Measure
    training_accuracy: float
    cv_accuracy: float
    incidents: list[dict[str, Any]]
    closed: bool
    off: bool
    drill: DrillReport | None
    right: dict[str, list[bool]]
    labels: int
    url: str
    release: str


def own_incident(
    incidents: Sequence[dict[str, Any]], story: Story, during: range
) -> dict[str, Any] | None:
    """The story's own incident: the first that was opened during the fault and names the field."""
    own = [
        i
        for i in incidents
        if during.start < i["opened_row"] <= during.stop and story.field in i["features"]
    ]
    return min(own, key=lambda i: i["opened_row"], default=None)


def judge(
    story: Story,
    stacks: dict[str, Stack],
    bad: npt.NDArray[np.bool_],
    when: dict[str, range],
    *,
    approve: str,
    healthy: Measure,
    incidents: Sequence[dict[str, Any]],
    drill: DrillReport | None = None,
    report: str,
) -> Verdict:
    """The verdict, from the answers, the truth and the incidents."""

    def worth(stack: Stack, rows: range) -> Measure:
        part = slice(rows.start, rows.stop)
        return measure(stack.approved(approve)[part], bad[part], story.costs)

    measures = {
        name: {phase: worth(stack, rows) for phase, rows in when.items()}
        for name, stack in stacks.items()
    }
    during, answers = when["during"], stacks["holdfast"].answers
    incident = own_incident(incidents, story, during)
    switched = first(answers, during, lambda a: by_fallback(a, story.field))
    covered = None if switched is None else range(during.start + switched - 1, during.stop)
    return Verdict(
        fault=story.fault,
        kind=incident["kind"] if incident else None,
        culprit=incident["features"][0] if incident else None,
        naive=measures["naive"],
        holdfast=measures["holdfast"],
        on_fallback=None
        if covered is None
        else {name: worth(stack, covered) for name, stack in stacks.items()},
        requests_until_flagged=first(answers, during, lambda a: flags_null(a, story.field)),
        requests_until_incident=incident["opened_row"] - during.start if incident else None,
        requests_until_fallback=switched,
        requests_until_back=first(answers, when["after"], lambda a: not named(a, story.field)),
        incident=Cause(
            kind=incident["kind"],
            class_=incident["class"],
            feature=incident["features"][0],
            action=incident["action"],
        )
        if incident
        else None,
        recovered_cost_share=recovered(
            measures["naive"]["during"].expected_cost,
            measures["holdfast"]["during"].expected_cost,
            healthy.expected_cost,
        ),
        false_incidents=sum(not during.start < i["opened_row"] <= during.stop for i in incidents),
        drill=None
        if drill is None
        else Drilled(
            faults=len(drill.expected),
            caught=len(drill.caught),
            named=sum(o.named for o in drill.caught),
            silent=drill.control.silent,
        ),
        report=report,
    )
