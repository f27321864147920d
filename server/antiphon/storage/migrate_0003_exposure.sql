-- Named tastes, what was shown to whom, and by which draw each candidate came to be.

-- How a candidate came to be made (domain/exposure.py). `generation` counts the evolved ones of a context from 1;
-- what was asked for as it is has 0.
CREATE TABLE draw (
    candidate_id TEXT PRIMARY KEY REFERENCES candidate (candidate_id),
    context      TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    arm          TEXT NOT NULL CHECK (arm IN ('asked', 'baseline', 'new', 'trial')),
    probability  REAL NOT NULL CHECK (probability > 0 AND probability <= 1)
) STRICT;

CREATE INDEX draw_of_generation ON draw (context, generation);

INSERT INTO draw (candidate_id, context, generation, arm, probability)
SELECT candidate_id, 'studio',
       CASE WHEN kind <> 'evolve' THEN 0
            ELSE (SELECT count(*) FROM job AS earlier
                  WHERE earlier.kind = 'evolve' AND earlier.state = 'done' AND earlier.sequence <= job.sequence) END,
       CASE WHEN kind <> 'evolve' THEN 'asked' ELSE 'new' END, 1.0
FROM candidate JOIN job USING (job_id);

-- What was shown, to whom, in which order. A row is open until the same client goes on to something else.
CREATE TABLE exposure (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    client        TEXT NOT NULL,
    context       TEXT NOT NULL,
    candidate_id  TEXT NOT NULL REFERENCES candidate (candidate_id),
    how           TEXT NOT NULL CHECK (how IN ('audition', 'playing')),
    arm           TEXT NOT NULL,
    probability   REAL NOT NULL,                        -- of the arm, when the candidate was drawn
    repeat_of     INTEGER REFERENCES exposure (sequence),
    repeat_chance REAL NOT NULL DEFAULT 0,              -- with which this step could have been a repeat
    shown_at_s    REAL NOT NULL,
    left_at_s     REAL,
    heard_s       REAL,
    skipped       INTEGER CHECK (skipped IN (0, 1))
) STRICT;

CREATE INDEX exposure_open ON exposure (client) WHERE left_at_s IS NULL;
CREATE INDEX exposure_of_candidate ON exposure (candidate_id, client, sequence);

ALTER TABLE rating ADD COLUMN gesture TEXT NOT NULL DEFAULT 'sent';  -- or 'knob': a control that came to rest
ALTER TABLE rating ADD COLUMN exposure INTEGER REFERENCES exposure (sequence);
ALTER TABLE rating ADD COLUMN heard_s REAL;                          -- as we measured it; listened_s is what was told
ALTER TABLE rating ADD COLUMN repeat_showing INTEGER NOT NULL DEFAULT 0;  -- the exposure, where that was a repeat
ALTER TABLE preference ADD COLUMN context TEXT NOT NULL DEFAULT 'studio';

-- Until now the context named the program that sent a rating, which is no taste.
UPDATE rating SET gesture = 'knob' WHERE context = 'knob';
UPDATE rating SET context = 'studio' WHERE context IN ('', 'knob', 'ardour', 'reaper', 'live', 'bitwig', 'all');

-- The rating that counts: each rater's latest, per candidate, stem and context. What was said of a repeat, which
-- measures how steady a rater is, stands beside it.
DROP VIEW standing_rating;
CREATE VIEW standing_rating AS
SELECT * FROM rating AS own
WHERE NOT EXISTS (
    SELECT 1 FROM rating AS later
    WHERE later.candidate_id = own.candidate_id AND later.rater = own.rater
      AND later.stem IS own.stem AND later.context = own.context AND later.sequence > own.sequence
      AND later.repeat_showing IN (0, own.repeat_showing)
);
