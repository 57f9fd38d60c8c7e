"""The journal's tables. Each migration says what it is for; they are applied in order and never changed."""

__all__ = ["MIGRATIONS"]

_0001 = """
-- Entries as canonical JSON, numbered without gaps within their run; what another process asks of a run under way.
CREATE TABLE entries (
    run TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, sequence)
) WITHOUT ROWID;
CREATE TABLE runs (position INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE);
CREATE TABLE requests (run TEXT PRIMARY KEY, what TEXT NOT NULL);
"""

_0002 = """
-- Entries may be ``Measured``. No table changes; a resail that does not know them says so, and does not call the journal damaged.
"""

_0003 = """
-- Which runs have a copy in their cluster, and in which namespace.
CREATE TABLE copies (run TEXT PRIMARY KEY, namespace TEXT NOT NULL);
"""

MIGRATIONS = (_0001, _0002, _0003)
"""The number of those applied is the database's ``user_version``."""
