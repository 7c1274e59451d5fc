"""The family of binary metrics: each declares its unit and direction and gives an Estimate."""

from __future__ import annotations

from holdfast.evaluation.costs import row_costs
from holdfast.evaluation.metrics import decided, ordered, valued
from holdfast.evaluation.metrics.base import Metric
from holdfast.evaluation.metrics.sample import Confusion, Sample

__all__ = ["METRICS", "Confusion", "Metric", "Sample", "row_costs"]

#: name -> metric: the members of the family
METRICS: dict[str, Metric] = {
    m.name: m for m in (*decided.MEMBERS, *valued.MEMBERS, *ordered.MEMBERS)
}
