"""The story in sentences: what arrived, who noticed, and what was answered."""

from __future__ import annotations

from holdfast.demo.replay import UNHURRIED
from holdfast.demo.story import Story
from holdfast.demo.telling import Telling, Verdict


def summary(story: Story, told: Telling) -> str:
    """The answer in a few sentences."""
    verdict = told.verdict
    naive, kept = verdict.naive["during"], verdict.holdfast["during"]
    fell = f"fell from {verdict.naive['before'].accuracy:.1%} to {naive.accuracy:.1%} accuracy"
    if story.fault == "null":
        return (
            f"{story.origin} `{story.field}` arrived NULL. The naive stack filled in "
            f"`{story.default}` and {fell} without a word. Holdfast answered without the field, "
            f"kept {kept.accuracy:.1%}, and said what was broken."
        )
    begun = (
        f"{story.origin} `{story.field}` arrived as `{story.default}` for everybody, filled "
        f"upstream: no NULL was seen. The naive stack {fell} without a word. "
    )
    if verdict.requests_until_incident is None:
        return begun + "Holdfast did not notice."
    named = str(verdict.kind).replace("_", " ")
    noticed = f"Holdfast knew after {verdict.requests_until_incident:,} requests ({named})"
    if verdict.on_fallback is None:
        return f"{begun}{noticed}; no fallback answered."
    held = verdict.on_fallback["holdfast"].accuracy
    return (
        f"{begun}{noticed}, switched the field off after "
        f"{verdict.requests_until_fallback:,}, and answered {held:.1%} right from there on."
    )


def paragraphs(story: Story, told: Telling, when: dict[str, range]) -> list[str]:
    """What happened, in order."""
    v = told.verdict
    number = when["during"].start + 1
    trained = (
        f"The model was trained on {story.train.num_rows:,} rows: {told.training_accuracy:.1%} "
        f"accuracy in training, {told.cv_accuracy:.1%} in cross-validation. Then "
        f"{len(told.right['naive']):,} applications arrived at both stacks."
    )
    approvals = (
        f"approvals went from {v.naive['before'].approval_rate:.1%} to "
        f"{v.naive['during'].approval_rate:.1%}."
    )
    joined = (
        f"Afterwards {told.labels:,} outcomes were sent, and joined to their predictions by id."
    )
    if story.fault == "null":
        return [
            trained,
            f"From request {number:,} on the upstream system sent NULL in `{story.field}`. The "
            f"naive feature service filled in `{story.default}`, a value the model knows well: "
            f"nothing failed, nothing was logged, and {approvals}",
            "Holdfast's contract says that the field is never null. Every such answer came from a "
            "fallback made for this case when the release was built, was marked `degraded`, and "
            "named the field. The monitor opened the incident from the same marks.",
            joined,
        ]
    return [trained, *_filled(story, v, number, approvals), joined]


def _filled(story: Story, v: Verdict, number: int, approvals: str) -> list[str]:
    """The second story: what the monitor sees where the guard cannot."""
    return [
        f"From request {number:,} on the feature service sent `{story.default}` in "
        f"`{story.field}` for everybody, at both stacks. Each single row is in order, so no guard "
        f"objects to it: nothing failed, nothing was logged, and {approvals}",
        "Holdfast's monitor watches how often each value comes and how the fields go together, "
        "against rows of the training table that the model had not seen. Until its evidence "
        "sufficed, Holdfast answered as wrongly as the naive stack. Then the incident opened, and "
        "by the policy of `holdfast.toml` the field was switched off: the fallback made without it "
        "answered, marked `degraded`, whatever arrived.",
        "The rows went on arriving filled, and the monitor went on looking at them as they came. "
        "It closed the incident when the values had been normal for long enough, and the field "
        "counted again. Monitor and switch work by the clock (a look every 0.05 and 0.5 seconds), "
        f"so while the answers lagged behind, the replay sent at most {UNHURRIED:.0f} requests a "
        "second; else it is as fast as the stacks answer.",
    ]
