"""The schema of what a promotion must show, to plain SQL and to forged events too.

An event can be written by hand and sealed with the right hash. So what a promotion rests on is
looked up in the tables: no freeze stands, and shadow and canary have passed last or the event of
the promotion says that they were waived. Rows of the history are added at its end and nowhere else.
"""

from __future__ import annotations

from holdfast.storage.lifecycle_schema import refuses, says

#: SQL: how a text begins in JSON
_TEXT = "'\"'"

#: a champion of before there were stages is brought into line; it answers already
_ADOPTED = """EXISTS (
    SELECT 1 FROM control AS c JOIN champions AS a ON a.model = c.model
    WHERE c.seq = NEW.event AND c.kind = 'lifecycle.adopt'
      AND a.model = NEW.model AND a.release = NEW.release)"""

_FROZEN = f"""NEW.stage IN ('audited', 'shadow', 'canary', 'champion') AND OLD.stage <> 'standby'
    AND EXISTS (SELECT 1 FROM freezes WHERE scope IN ('all', 'model:' || NEW.model))
    AND NOT {_ADOPTED}"""  # noqa: S608


def _lacks(check: str) -> str:
    """SQL: the last outcome of a check does not count, and the event does not waive it."""
    return f"""(NOT EXISTS (
        SELECT 1 FROM control WHERE seq = NEW.event AND {says(check, _TEXT)})
    AND NOT EXISTS (
        SELECT 1 FROM checks AS k JOIN control AS c ON c.seq = NEW.event
        WHERE k.passed = 1 AND (k.expires IS NULL OR c.at < k.expires) AND k.event = (
            SELECT max(event) FROM checks
            WHERE model = NEW.model AND release = NEW.release AND name = '{check}')))"""  # noqa: S608


_UNCHECKED = f"""NEW.stage = 'champion' AND OLD.stage <> 'standby' AND NOT {_ADOPTED}
    AND ({_lacks("shadow")} OR {_lacks("canary")})"""

_OUT_OF_ORDER = """NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM control)
    OR EXISTS (SELECT 1 FROM control WHERE key = NEW.key)"""

_FAILED_BEFORE = """NEW.state <> 'failed' AND EXISTS (
    SELECT 1 FROM gates
    WHERE model = NEW.model AND release = NEW.release AND state = 'failed')"""

PROMOTION: tuple[str, ...] = (
    refuses(
        "stages_stand_still_under_a_freeze",
        "UPDATE ON stages",
        _FROZEN,
        "upward moves are frozen",
    ),
    refuses(
        "champions_have_passed_their_checks",
        "UPDATE ON stages",
        _UNCHECKED,
        "a promotion needs its checks, or an event that waives them",
    ),
    refuses(
        "control_grows_at_its_end",
        "INSERT ON control",
        _OUT_OF_ORDER,
        "control events are appended, each once",
    ),
    refuses(
        "gates_that_failed_are_not_replaced",
        "INSERT ON gates",
        _FAILED_BEFORE,
        "a gate that failed stays failed",
    ),
)
