-- Version 1 of the ledger. Later versions are steps in migrations/, applied in order; PRAGMA user_version counts them.

-- A job: see domain/job.py for its states. `sequence` is the order of asking, in which jobs are done.
CREATE TABLE job (
    sequence           INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id             TEXT NOT NULL UNIQUE,
    kind               TEXT NOT NULL,
    client             TEXT NOT NULL,
    request_id         TEXT NOT NULL,               -- as JSON, so that 1 and "1" stay different
    payload            TEXT NOT NULL,               -- canonical JSON
    fingerprint        TEXT NOT NULL,               -- what makes two requests the same request
    state              TEXT NOT NULL DEFAULT 'submitted'
                       CHECK (state IN ('submitted', 'leased', 'done', 'failed', 'cancelled')),
    attempt            INTEGER NOT NULL DEFAULT 0,  -- fences off late writers
    losses             INTEGER NOT NULL DEFAULT 0,  -- how often a worker died on it
    submitted_at_s     REAL NOT NULL,
    lease_expires_at_s REAL,
    ended_at_s         REAL,
    rejected_takes     INTEGER NOT NULL DEFAULT 0,
    error_code         TEXT,
    error_message      TEXT,
    UNIQUE (client, request_id)
) STRICT;

CREATE INDEX job_open ON job (state, sequence) WHERE state IN ('submitted', 'leased');

-- What a done job delivered. `data` is the whole candidate as JSON (domain/wire.py).
CREATE TABLE candidate (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    candidate_id TEXT NOT NULL UNIQUE,
    job_id       TEXT NOT NULL REFERENCES job (job_id),
    place        INTEGER NOT NULL,
    data         TEXT NOT NULL,
    made_at_s    REAL NOT NULL,
    UNIQUE (job_id, place)
) STRICT;

-- Ratings, 0 to 1. Never changed or deleted: a correction is a later row, and the latest row of a rater counts.
CREATE TABLE rating (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    client       TEXT NOT NULL,
    rating_id    TEXT NOT NULL,
    candidate_id TEXT NOT NULL REFERENCES candidate (candidate_id),
    value        REAL NOT NULL CHECK (value BETWEEN 0 AND 1),
    stem         TEXT,
    rater        TEXT NOT NULL,
    listened_s   REAL,
    context      TEXT NOT NULL,
    rated_at_s   REAL NOT NULL,
    UNIQUE (client, rating_id)
) STRICT;

CREATE INDEX rating_of_candidate ON rating (candidate_id, rater, stem, sequence);

-- The rating that counts: each rater's latest, per candidate and stem.
CREATE VIEW standing_rating AS
SELECT * FROM rating AS own
WHERE NOT EXISTS (
    SELECT 1 FROM rating AS later
    WHERE later.candidate_id = own.candidate_id AND later.rater = own.rater
      AND later.stem IS own.stem AND later.sequence > own.sequence
);

-- "This one rather than that one."
CREATE TABLE preference (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    client       TEXT NOT NULL,
    rating_id    TEXT NOT NULL,
    winner_id    TEXT NOT NULL REFERENCES candidate (candidate_id),
    loser_id     TEXT NOT NULL REFERENCES candidate (candidate_id),
    stem         TEXT,
    rater        TEXT NOT NULL,
    preferred_at_s REAL NOT NULL,
    UNIQUE (client, rating_id)
) STRICT;

-- Listening: one row per time that somebody played a candidate; still playing while stopped_at_s is null.
CREATE TABLE play (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    client       TEXT NOT NULL,
    candidate_id TEXT NOT NULL REFERENCES candidate (candidate_id),
    started_at_s REAL NOT NULL,
    stopped_at_s REAL
) STRICT;

CREATE INDEX play_open ON play (client) WHERE stopped_at_s IS NULL;

-- What the studio stands at: tempo_bpm, current_candidate, model_setting (the setting `model` at the last start).
CREATE TABLE standing (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Which model was put to use when; the last row is the active one, and rolling back appends the one before it.
CREATE TABLE model_use (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    model     TEXT NOT NULL,
    used_at_s REAL NOT NULL
) STRICT;
