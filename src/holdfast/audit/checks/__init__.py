"""The leakage checks, one file each; one more is one file and one line here."""

from __future__ import annotations

from holdfast.audit.base import Check
from holdfast.audit.checks.post_outcome import PostOutcome

#: in the order they run: evidence of rows and times first, statistics after
CHECKS: tuple[Check, ...] = (PostOutcome(),)
