"""The schema of the catalog, version by version; only ever appended to."""

from __future__ import annotations

#: marks the SQLite file as ours ("HFDB")
APPLICATION_ID = 0x48464442

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

MIGRATIONS: tuple[tuple[str, ...], ...] = (_V1,)
