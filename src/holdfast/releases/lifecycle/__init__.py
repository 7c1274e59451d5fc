"""The lifecycle of a model's releases: from candidate to champion, to standby, and out.

Every move is one transaction with one sealed control event; the tables are a fold over these
events, and `verify` says whether they still are.
"""

from __future__ import annotations

from holdfast.releases.lifecycle.fold import fold, read, verify
from holdfast.releases.lifecycle.ledger import Move
from holdfast.releases.lifecycle.machine import Lifecycle
from holdfast.releases.lifecycle.stage import ALLOWED, Stage
from holdfast.releases.lifecycle.state import State

__all__ = ["ALLOWED", "Lifecycle", "Move", "Stage", "State", "fold", "read", "verify"]
