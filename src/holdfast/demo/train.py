"""The model's own numbers: in training, and in cross-validation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from holdfast.demo.story import Story
from holdfast.models.base import Model

FOLDS = 5


def training_accuracy(story: Story, model: Model) -> float:
    """Accuracy on the rows it was trained on, at the threshold that the costs ask for."""
    bad = model.predict_table(story.train) >= story.costs.threshold
    return float((bad == story.truth(story.train)).mean())


def cv_accuracy(story: Story) -> float:
    """Accuracy in five-fold cross-validation, folds drawn with the story's seed."""
    rows = story.train.num_rows
    order = np.random.default_rng(story.seed).permutation(rows)
    right = 0
    for fold in range(FOLDS):
        held = np.sort(order[fold::FOLDS])
        kept = np.setdiff1d(np.arange(rows), held)
        model = story.fit(story.train.take(pa.array(kept)), story.features)
        test = story.train.take(pa.array(held))
        bad = model.predict_table(test) >= story.costs.threshold
        right += int((bad == story.truth(test)).sum())
    return float(right / rows)
