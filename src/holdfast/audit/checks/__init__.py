"""The leakage checks, one file each; one more is one file and one line here."""

from __future__ import annotations

from holdfast.audit.base import Check
from holdfast.audit.checks.availability import Availability
from holdfast.audit.checks.duplicates import Duplicates
from holdfast.audit.checks.groups import Groups
from holdfast.audit.checks.ids import Ids
from holdfast.audit.checks.joint import Joint
from holdfast.audit.checks.look_ahead import LookAhead
from holdfast.audit.checks.near_duplicates import NearDuplicates
from holdfast.audit.checks.near_text import NearText
from holdfast.audit.checks.null_pattern import NullPattern
from holdfast.audit.checks.post_outcome import PostOutcome
from holdfast.audit.checks.preprocessing import Preprocessing
from holdfast.audit.checks.resampling import Resampling
from holdfast.audit.checks.reuse import Reuse
from holdfast.audit.checks.row_order import RowOrder
from holdfast.audit.checks.target_encoding import TargetEncoding
from holdfast.audit.checks.time_split import TimeSplit
from holdfast.audit.checks.too_good import TooGood

#: in the order they run: a column that one check suspects is left out by those after it, and
#: splits are measured last, on the columns that nobody suspects
CHECKS: tuple[Check, ...] = (
    Availability(),
    LookAhead(),
    TargetEncoding(),
    NullPattern(),
    Ids(),
    Joint(),
    PostOutcome(),
    TooGood(),
    RowOrder(),
    Preprocessing(),
    Duplicates(),
    NearDuplicates(),
    NearText(),
    Resampling(),
    Groups(),
    TimeSplit(),
    Reuse(),
)
