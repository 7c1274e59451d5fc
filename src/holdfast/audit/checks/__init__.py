"""The leakage checks, one file each; one more is one file and one line here."""

from __future__ import annotations

from holdfast.audit.base import Check
from holdfast.audit.checks.joint import Joint
from holdfast.audit.checks.null_pattern import NullPattern
from holdfast.audit.checks.order import Order
from holdfast.audit.checks.post_outcome import PostOutcome
from holdfast.audit.checks.preprocessing import Preprocessing
from holdfast.audit.checks.target_encoding import TargetEncoding
from holdfast.audit.checks.too_good import TooGood

#: in the order they run: evidence of rows and times first, statistics after
CHECKS: tuple[Check, ...] = (
    Preprocessing(),
    TargetEncoding(),
    NullPattern(),
    Order(),
    Joint(),
    PostOutcome(),
    TooGood(),
)
