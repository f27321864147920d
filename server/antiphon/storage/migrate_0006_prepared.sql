-- Candidates that were made ahead, before anybody asked for them. They become candidates when somebody does: until then
-- nothing can be shown, rated or counted of them. `candidates` is a JSON list (domain/wire.py); `bytes` what they take on
-- disk.
CREATE TABLE prepared (
    job_id     TEXT PRIMARY KEY REFERENCES job (job_id),
    candidates TEXT NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;

CREATE INDEX job_ahead ON job (kind, sequence) WHERE kind IN ('ahead', 'evolve');
