"""The schema of the lifecycle: stages, moves, checks and freezes, each told by a control event.

Tables hold nothing that the sealed events do not say: a trigger looks every row up in the event
that it names. So plain SQL, whoever runs it, can neither skip a stage nor invent a check.
"""

from __future__ import annotations

#: stage -> the stages a release may go to next; a release begins as a candidate
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "candidate": ("audited", "rejected", "quarantined"),
    "audited": ("shadow", "champion", "rejected", "quarantined"),
    "shadow": ("canary", "champion", "rejected", "quarantined"),
    "canary": ("champion", "rejected", "quarantined"),
    "champion": ("standby", "quarantined"),
    "standby": ("champion", "retired", "quarantined"),
    "retired": (),
    "rejected": (),
    "quarantined": (),
}
_LEGAL = " OR ".join(
    f"(OLD.stage = '{old}' AND NEW.stage = '{new}')"
    for old, following in TRANSITIONS.items()
    for new in following
)
_ALL = ", ".join(f"'{stage}'" for stage in TRANSITIONS)
_WITHDRAWN = ", ".join(f"'{stage}'" for stage, following in TRANSITIONS.items() if not following)


def refuses(name: str, when: str, condition: str, sentence: str) -> str:
    """A trigger that refuses what meets a condition; without one, all of it."""
    guard = f"WHEN {condition}" if condition else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {when} {guard} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def never(table: str, verb: str) -> str:
    """A trigger that refuses every such statement on a table."""
    name = f"{table}_allow_no_{verb.lower()}"
    return refuses(name, f"{verb} ON {table}", "", f"{table} are append-only: no {verb.lower()}")


def says(key: str, value: str, end: str = "") -> str:
    """SQL: the payload, canonical JSON, has this key; ``value`` is an SQL expression giving JSON.

    A quote inside a text is escaped there, so no reason or name can pass for a key. The JSON
    functions of SQLite are not used: a schema that is not trusted may not call them.
    """
    return f"instr(payload, '\"{key}\":' || {value} || '{end}') > 0"


def text(column: str) -> str:
    """SQL: a text column as JSON, null where it is null."""
    return f"coalesce('\"' || {column} || '\"', 'null')"


_TOLD = """NOT EXISTS (
    SELECT 1 FROM moves AS m JOIN control AS c ON c.seq = m.event
    WHERE m.model = NEW.model AND m.event = NEW.event AND m.rev = NEW.rev
      AND m.rev = (SELECT max(rev) FROM moves WHERE model = NEW.model)
      AND instr(c.payload, '["' || NEW.release || '","' || NEW.stage || '"]') > 0)"""

_GATE_SHUT = """NEW.stage = 'champion' AND NOT EXISTS (
    SELECT 1 FROM gates
    WHERE model = NEW.model AND release = NEW.release AND state = 'passed')"""

_MOVE_UNTOLD = f"""EXISTS (SELECT 1 FROM moves WHERE key = NEW.key) OR NOT EXISTS (
    SELECT 1 FROM control
    WHERE seq = NEW.event AND model = NEW.model AND kind = 'lifecycle.' || NEW.kind
      AND {says("rev", "NEW.rev", ",")} AND {says("release", text("NEW.release"))})"""  # noqa: S608

_MOVE_OUT_OF_ORDER = """NEW.rev <> 1 + (
    SELECT coalesce(max(rev), 0) FROM moves WHERE model = NEW.model)"""

_PASSED = "CASE NEW.passed WHEN 1 THEN 'true' ELSE 'false' END"
_CHECK_UNTOLD = f"""EXISTS (SELECT 1 FROM checks WHERE event = NEW.event) OR NOT EXISTS (
    SELECT 1 FROM control
    WHERE seq = NEW.event AND model = NEW.model AND kind = 'lifecycle.check' AND at = NEW.at
      AND {says("release", text("NEW.release"))} AND {says("name", text("NEW.name"))}
      AND {says("passed", _PASSED)}
      AND {says("expires", "coalesce(NEW.expires, 'null')", ",")})"""  # noqa: S608


def _switched(kind: str, row: str) -> str:
    """The number of the last event that froze or thawed the scope of a row; 0 for none."""
    return f"""(
    SELECT coalesce(max(seq), 0) FROM control
    WHERE kind = 'lifecycle.{kind}' AND (
      ({row}.scope = 'all' AND {says("scope", text("'all'"))})
      OR ({row}.scope = 'model:' || model AND {says("scope", text("'model'"))})))"""  # noqa: S608


_FREEZE_UNTOLD = f"""EXISTS (SELECT 1 FROM freezes WHERE scope = NEW.scope)
    OR NEW.event <> {_switched("freeze", "NEW")}
    OR NEW.event < {_switched("unfreeze", "NEW")}"""  # noqa: S608

_THAW_UNTOLD = f"OLD.event > {_switched('unfreeze', 'OLD')}"

_CHAMPION_WITHDRAWN = f"""EXISTS (
    SELECT 1 FROM stages
    WHERE model = NEW.model AND release = NEW.release AND stage IN ({_WITHDRAWN}))"""  # noqa: S608

#: champions of before there was a lifecycle come in as revision 1, told by no event (0); they are
#: the only such rows, as the triggers are made after them
LIFECYCLE: tuple[str, ...] = (
    f"""CREATE TABLE stages (
        model TEXT NOT NULL,
        release TEXT NOT NULL,
        stage TEXT NOT NULL CHECK (stage IN ({_ALL})),
        rev INTEGER NOT NULL,
        event INTEGER NOT NULL,
        PRIMARY KEY (model, release),
        FOREIGN KEY (model, release) REFERENCES releases (model, id))""",
    """CREATE TABLE moves (
        model TEXT NOT NULL,
        rev INTEGER NOT NULL CHECK (rev >= 1),
        event INTEGER NOT NULL,
        kind TEXT NOT NULL,
        release TEXT,
        key TEXT UNIQUE,
        UNIQUE (model, rev),
        UNIQUE (model, event))""",
    """CREATE TABLE checks (
        model TEXT NOT NULL,
        release TEXT NOT NULL,
        name TEXT NOT NULL,
        passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
        at INTEGER NOT NULL,
        expires INTEGER,
        event INTEGER PRIMARY KEY,
        FOREIGN KEY (model, release) REFERENCES releases (model, id))""",
    "CREATE INDEX checks_by_release ON checks (model, release, name, event)",
    "CREATE TABLE freezes (scope TEXT PRIMARY KEY, event INTEGER NOT NULL)",
    *(
        f"CREATE UNIQUE INDEX one_{stage} ON stages (model) WHERE stage = '{stage}'"
        for stage in ("champion", "standby", "canary")
    ),
    "INSERT INTO moves (model, rev, event, kind, release, key) "
    "SELECT model, 1, 0, 'migrated', release, 'migrated:' || model FROM champions",
    "INSERT INTO stages (model, release, stage, rev, event) "
    "SELECT model, release, 'champion', 1, 0 FROM champions",
    refuses(
        "stages_begin_as_candidate",
        "INSERT ON stages",
        "NEW.stage <> 'candidate' OR EXISTS (SELECT 1 FROM stages "
        "WHERE model = NEW.model AND release = NEW.release)",
        "a release begins as a candidate, once",
    ),
    refuses(
        "stages_follow_the_rules",
        "UPDATE ON stages",
        f"OLD.model <> NEW.model OR OLD.release <> NEW.release OR NOT ({_LEGAL})",
        "no release goes from this stage to that one",
    ),
    refuses(
        "stages_are_told_on_insert",
        "INSERT ON stages",
        _TOLD,
        "a stage needs the event of its move",
    ),
    refuses(
        "stages_are_told_on_update",
        "UPDATE ON stages",
        _TOLD,
        "a stage needs the event of its move",
    ),
    refuses(
        "stages_pass_the_gate",
        "UPDATE ON stages",
        _GATE_SHUT,
        "the gate of this release is not open",
    ),
    never("stages", "DELETE"),
    refuses(
        "moves_are_told",
        "INSERT ON moves",
        _MOVE_UNTOLD,
        "a move needs its event, and a key of its own",
    ),
    refuses(
        "moves_leave_no_gap", "INSERT ON moves", _MOVE_OUT_OF_ORDER, "a move is the last plus one"
    ),
    never("moves", "UPDATE"),
    never("moves", "DELETE"),
    refuses("checks_are_told", "INSERT ON checks", _CHECK_UNTOLD, "a check needs its event"),
    never("checks", "UPDATE"),
    never("checks", "DELETE"),
    refuses("freezes_are_told", "INSERT ON freezes", _FREEZE_UNTOLD, "a freeze needs its event"),
    refuses("thaws_are_told", "DELETE ON freezes", _THAW_UNTOLD, "a thaw needs its event"),
    never("freezes", "UPDATE"),
    *(
        refuses(
            f"champions_are_not_withdrawn_on_{verb.lower()}",
            f"{verb} ON champions",
            _CHAMPION_WITHDRAWN,
            "a release that was rejected, retired or quarantined does not answer",
        )
        for verb in ("INSERT", "UPDATE")
    ),
    refuses("champions_are_never_removed", "DELETE ON champions", "", "a model keeps its champion"),
)
