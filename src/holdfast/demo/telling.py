"""What came of the story: the verdict as one record, with all that the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.demo.replay import Stack, first_flag
from holdfast.demo.score import Measure, measure, recovered
from holdfast.demo.story import Story


class Cause(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """The incident in four words."""

    kind: str
    class_: str
    feature: str
    action: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the demo; ``holdfast demo loan --json`` prints exactly this.

    Attributes:
        naive, holdfast: what each stack's answers were worth before, during and after the fault.
        requests_until_flagged: requests from the first NULL on until one was answered with the
            violation named; 1 is the NULL's own request. None: never.
        requests_until_incident: the same until the monitor had seen enough. None: never.
        incident: the incident, None if none was opened.
        recovered_cost_share: of the expected cost that the naive stack lost during the fault,
            against the same applications with the field in place, the share that Holdfast kept.
        false_incidents: incidents opened outside the fault.
        report: path of the HTML report.
    """

    naive: dict[str, Measure]
    holdfast: dict[str, Measure]
    requests_until_flagged: int | None
    requests_until_incident: int | None
    incident: Cause | None
    recovered_cost_share: float
    false_incidents: int
    report: str


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and what stands behind it.

    Attributes:
        verdict: the outcome.
        healthy: the same model on the applications of the fault, with the field in place.
        training_accuracy, cv_accuracy: of the model, where it was trained.
        incidents: every incident as the server tells it.
        closed: whether the incident was closed after the pipe was mended.
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
    right: dict[str, list[bool]]
    labels: int
    url: str
    release: str


def guilty(incident: dict[str, Any], story: Story, during: range) -> bool:
    """Whether an incident is the story's own: opened during the fault, naming the field."""
    return incident["opened_row"] > during.start and story.field in incident["features"]


def judge(
    story: Story,
    stacks: dict[str, Stack],
    bad: npt.NDArray[np.bool_],
    when: dict[str, range],
    *,
    approve: str,
    healthy: Measure,
    incidents: Sequence[dict[str, Any]],
    report: str,
) -> Verdict:
    """The verdict, from the answers, the truth and the incidents."""
    measures = {
        name: {
            phase: measure(
                stack.approved(approve)[rows.start : rows.stop],
                bad[rows.start : rows.stop],
                story.costs,
            )
            for phase, rows in when.items()
        }
        for name, stack in stacks.items()
    }
    during = when["during"]
    own = [i for i in incidents if during.start < i["opened_row"] <= during.stop]
    named = [i for i in own if story.field in i["features"]]
    incident = named[0] if named else None
    return Verdict(
        naive=measures["naive"],
        holdfast=measures["holdfast"],
        requests_until_flagged=first_flag(stacks["holdfast"].answers, story.field, during.start),
        requests_until_incident=incident["opened_row"] - during.start if incident else None,
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
        false_incidents=len(incidents) - len(own),
        report=report,
    )
