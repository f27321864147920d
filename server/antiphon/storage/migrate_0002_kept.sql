-- Candidates that somebody marked as ones to keep.
CREATE TABLE kept (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    candidate_id TEXT NOT NULL UNIQUE REFERENCES candidate (candidate_id),
    client       TEXT NOT NULL,
    kept_at_s    REAL NOT NULL
) STRICT;

-- Each stem's level (0 to 1) and mute in the audition's mix; a stem without a row is as rendered.
CREATE TABLE stem_mix (
    stem  TEXT PRIMARY KEY,
    level REAL NOT NULL CHECK (level BETWEEN 0 AND 1),
    muted INTEGER NOT NULL CHECK (muted IN (0, 1))
) STRICT;
