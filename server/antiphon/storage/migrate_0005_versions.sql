-- Fine-tuned model versions. `state`: training (its job is open, failed or was cancelled), trial (blind, beside the one in
-- use), promoted, rejected (kept as a record). `report` is JSON: what the gate found, and its looks at the ratings.
CREATE TABLE model_version (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    version      TEXT UNIQUE,
    base_model   TEXT NOT NULL,
    base_version TEXT NOT NULL,
    parent       TEXT NOT NULL,
    job_id       TEXT REFERENCES job (job_id),
    state        TEXT NOT NULL DEFAULT 'training' CHECK (state IN ('training', 'trial', 'promoted', 'rejected')),
    gain         REAL NOT NULL DEFAULT 0,
    report       TEXT NOT NULL DEFAULT '{}',
    information  REAL NOT NULL DEFAULT 0,   -- what its ratings told, in nats
    rating       INTEGER NOT NULL DEFAULT 0, -- the newest rating it knew
    asked_at_s   REAL NOT NULL,
    made_at_s    REAL
) STRICT;

-- How often a training was put aside for others: no reason to think ill of it.
ALTER TABLE job ADD COLUMN pauses INTEGER NOT NULL DEFAULT 0;
