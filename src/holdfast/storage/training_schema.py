"""The schema of what releases learned from, and of the rows that nothing may learn from.

Times are event times in microseconds since 1970 (UTC); an interval is [since, until), and without
an end while the trouble goes on. As in the lifecycle, each row names the sealed control event that
tells it, and plain SQL can neither take an interval back nor promote what learned from one.
"""

from __future__ import annotations

from holdfast.storage.lifecycle_schema import never, refuses, says, text

_FOREVER = "9223372036854775807"

_KNOWN_SPOILED = """EXISTS (
    SELECT 1 FROM spoiled
    WHERE model = NEW.model AND incident = NEW.incident AND episode = NEW.episode)"""

_KNOWN_TRAINED = """EXISTS (
    SELECT 1 FROM trained
    WHERE model = NEW.model AND release = NEW.release AND since = NEW.since)"""

_SPOILED_UNTOLD = f"""NEW.standing <> 1 OR NOT EXISTS (
    SELECT 1 FROM control
    WHERE seq = NEW.event AND model = NEW.model AND kind = 'rows.spoiled'
      AND {says("incident", text("NEW.incident"))} AND {says("episode", text("NEW.episode"))}
      AND {says("since", "NEW.since", ",")}
      AND {says("until", "coalesce(NEW.until, 'null')", "}")})"""  # noqa: S608

_CLEARED_UNTOLD = f"""NEW.since <> OLD.since OR NEW.until IS NOT OLD.until OR NOT EXISTS (
    SELECT 1 FROM control
    WHERE seq = NEW.event AND seq > OLD.event AND model = NEW.model AND kind = 'rows.cleared'
      AND {says("incident", text("NEW.incident"))})"""  # noqa: S608

_TRAINED_UNTOLD = f"""NOT EXISTS (
    SELECT 1 FROM control
    WHERE seq = NEW.event AND model = NEW.model AND kind = 'release.trained'
      AND {says("release", text("NEW.release"))}
      AND instr(payload, '[' || NEW.since || ',' || NEW.until || ']') > 0)"""  # noqa: S608


def overlapping(since: str, until: str) -> str:
    """SQL: a standing spoiled interval `s` of the model meets [since, until)."""
    return f"s.standing = 1 AND s.since < {until} AND {since} < coalesce(s.until, {_FOREVER})"


_LEARNS_SPOILED = f"""EXISTS (
    SELECT 1 FROM spoiled AS s
    WHERE s.model = NEW.model AND {overlapping("NEW.since", "NEW.until")})"""  # noqa: S608

_TAINTED = f"""EXISTS (
    SELECT 1 FROM trained AS t JOIN spoiled AS s ON s.model = t.model
    WHERE t.model = NEW.model AND t.release = NEW.release
      AND {overlapping("t.since", "t.until")})"""  # noqa: S608

#: once a model's releases have stages, its champion is the one of that stage and no other
_NOT_BY_LIFECYCLE = """EXISTS (SELECT 1 FROM stages WHERE model = NEW.model) AND NOT EXISTS (
    SELECT 1 FROM stages
    WHERE model = NEW.model AND release = NEW.release AND stage = 'champion')"""

TRAINING: tuple[str, ...] = (
    """CREATE TABLE spoiled (
        model TEXT NOT NULL,
        incident TEXT NOT NULL,
        episode TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER CHECK (until > since),
        standing INTEGER NOT NULL CHECK (standing IN (0, 1)),
        event INTEGER NOT NULL,
        PRIMARY KEY (model, incident, episode))""",
    """CREATE TABLE trained (
        model TEXT NOT NULL,
        release TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL CHECK (until > since),
        event INTEGER NOT NULL,
        PRIMARY KEY (model, release, since),
        FOREIGN KEY (model, release) REFERENCES releases (model, id))""",
    refuses(
        "spoiled_are_told_on_insert",
        "INSERT ON spoiled",
        f"{_KNOWN_SPOILED} OR {_SPOILED_UNTOLD}",
        "spoiled rows need their event",
    ),
    refuses(
        "spoiled_are_told_on_update",
        "UPDATE ON spoiled",
        "OLD.model <> NEW.model OR OLD.incident <> NEW.incident OR OLD.episode <> NEW.episode "
        f"OR (NEW.standing = 1 AND (NEW.event <= OLD.event OR {_SPOILED_UNTOLD})) "
        f"OR (NEW.standing = 0 AND ({_CLEARED_UNTOLD}))",
        "spoiled rows need their event",
    ),
    never("spoiled", "DELETE"),
    refuses(
        "trained_are_told",
        "INSERT ON trained",
        f"{_KNOWN_TRAINED} OR {_TRAINED_UNTOLD}",
        "what a release learned from needs its event",
    ),
    refuses(
        "trained_leave_spoiled_rows_out",
        "INSERT ON trained",
        _LEARNS_SPOILED,
        "a release does not learn from spoiled rows",
    ),
    never("trained", "UPDATE"),
    never("trained", "DELETE"),
    *(
        refuses(
            f"champions_learned_from_sound_rows_on_{verb.lower()}",
            f"{verb} ON champions",
            _TAINTED,
            "a release that learned from spoiled rows does not answer",
        )
        for verb in ("INSERT", "UPDATE")
    ),
    *(
        refuses(
            f"champions_are_set_by_their_lifecycle_on_{verb.lower()}",
            f"{verb} ON champions",
            _NOT_BY_LIFECYCLE,
            "a champion is set by a move of its lifecycle",
        )
        for verb in ("INSERT", "UPDATE")
    ),
    refuses(
        "stages_learned_from_sound_rows",
        "UPDATE ON stages",
        f"NEW.stage IN ('audited', 'shadow', 'canary', 'champion') AND {_TAINTED}",
        "a release that learned from spoiled rows goes no further",
    ),
)
