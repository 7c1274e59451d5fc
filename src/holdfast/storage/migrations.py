"""The schema of the catalog, version by version; only ever appended to."""

from __future__ import annotations

from holdfast.storage.lifecycle_schema import LIFECYCLE
from holdfast.storage.promotion_schema import PROMOTION
from holdfast.storage.training_schema import TRAINING

#: marks the SQLite file as ours ("HFDB")
APPLICATION_ID = 0x48464442


def _recorded(verb: str) -> str:
    return f"""CREATE TRIGGER gates_are_recorded_on_{verb.lower()} BEFORE {verb} ON gates
       WHEN NOT EXISTS (
           SELECT 1 FROM control
           WHERE seq = NEW.event AND kind = 'gate.decided' AND model = NEW.model
             AND key = 'gate:' || NEW.model || ':' || NEW.release || ':' || NEW.state)
       BEGIN SELECT RAISE(ABORT, 'a gate needs the event that decided it'); END"""  # noqa: S608


def _open(verb: str) -> str:
    return f"""CREATE TRIGGER champions_pass_their_gate_on_{verb.lower()} BEFORE {verb}
       ON champions
       WHEN NOT EXISTS (
           SELECT 1 FROM gates
           WHERE model = NEW.model AND release = NEW.release AND state = 'passed')
       BEGIN SELECT RAISE(ABORT, 'the gate of this release is not open'); END"""  # noqa: S608


_V1 = (
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY)",
    "CREATE TABLE models (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL)",
    """CREATE TABLE releases (
        model TEXT NOT NULL REFERENCES models (name),
        id TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        details TEXT NOT NULL,
        PRIMARY KEY (model, id))""",
    """CREATE TABLE champions (
        model TEXT PRIMARY KEY REFERENCES models (name),
        release TEXT NOT NULL,
        revision INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        FOREIGN KEY (model, release) REFERENCES releases (model, id))""",
    """CREATE TABLE states (
        key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL)""",
    """CREATE TABLE leases (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, expires INTEGER NOT NULL,
        fence INTEGER NOT NULL)""",
    """CREATE TABLE control (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        key TEXT UNIQUE,
        payload TEXT NOT NULL,
        hash TEXT NOT NULL)""",
    "CREATE INDEX control_by_model ON control (model, kind, seq)",
    """CREATE TABLE control_head (
        one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL)""",
    """CREATE TRIGGER control_is_never_changed BEFORE UPDATE ON control
       BEGIN SELECT RAISE(ABORT, 'control events are append-only'); END""",
    """CREATE TRIGGER control_is_never_removed BEFORE DELETE ON control
       BEGIN SELECT RAISE(ABORT, 'control events are append-only'); END""",
    """CREATE TABLE archives (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        log TEXT NOT NULL,
        file TEXT NOT NULL UNIQUE,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        t0 INTEGER NOT NULL,
        t1 INTEGER NOT NULL,
        received INTEGER NOT NULL)""",
    """CREATE TABLE segments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        log TEXT NOT NULL,
        file TEXT NOT NULL UNIQUE,
        writer TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'archived')),
        rows INTEGER,
        bytes INTEGER,
        t0 INTEGER,
        t1 INTEGER,
        received INTEGER,
        archive INTEGER REFERENCES archives (id),
        damage TEXT)""",
    "CREATE INDEX segments_by_log ON segments (log, state, id)",
    "CREATE INDEX segments_by_archive ON segments (archive)",
)

#: the gate of a release: what audit and evaluation decided. Each decision names the control event
#: that records it, and no champion is set past a gate that is not open.
_V2 = (
    """CREATE TABLE gates (
        model TEXT NOT NULL,
        release TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('passed', 'waiting', 'failed')),
        event INTEGER NOT NULL,
        PRIMARY KEY (model, release),
        FOREIGN KEY (model, release) REFERENCES releases (model, id))""",
    "INSERT INTO gates (model, release, state, event) SELECT model, id, 'passed', 0 FROM releases",
    _recorded("INSERT"),
    _recorded("UPDATE"),
    """CREATE TRIGGER gates_that_failed_stay_failed BEFORE UPDATE ON gates
       WHEN OLD.state = 'failed' AND NEW.state <> 'failed'
       BEGIN SELECT RAISE(ABORT, 'a gate that failed stays failed'); END""",
    """CREATE TRIGGER gates_keep_their_release BEFORE UPDATE ON gates
       WHEN OLD.model <> NEW.model OR OLD.release <> NEW.release
       BEGIN SELECT RAISE(ABORT, 'a gate belongs to one release'); END""",
    """CREATE TRIGGER gates_are_never_removed BEFORE DELETE ON gates
       BEGIN SELECT RAISE(ABORT, 'gates are never removed'); END""",
    _open("INSERT"),
    _open("UPDATE"),
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_V1, _V2, LIFECYCLE, TRAINING, PROMOTION)
