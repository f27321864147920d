-- Every statement of the ledger, by name. A line `-- name: …` begins one; the line after it says what it is for.

-- name: insert_job
-- Put a job into the queue.
INSERT INTO job (job_id, kind, client, request_id, payload, fingerprint, submitted_at_s)
VALUES (:job_id, :kind, :client, :request_id, :payload, :fingerprint, :now_s);

-- name: job_of_request
-- Find the job that a client's request id already stands for.
SELECT * FROM job WHERE client = :client AND request_id = :request_id;

-- name: job_by_id
-- Read one job.
SELECT * FROM job WHERE job_id = :job_id;

-- name: count_open
-- How long the queue is: jobs waiting and jobs under way that somebody has asked for.
SELECT count(*) FROM job WHERE state IN ('submitted', 'leased') AND kind <> 'ahead';

-- name: open_jobs
-- Jobs waiting and under way that somebody has asked for, in the order of asking.
SELECT * FROM job WHERE state IN ('submitted', 'leased') AND kind <> 'ahead' ORDER BY sequence;

-- name: count_states
-- How many jobs that somebody has asked for are in each state.
SELECT state, count(*) FROM job WHERE kind <> 'ahead' GROUP BY state;

-- name: count_rejected_takes
-- How many takes the quality gate has turned down.
SELECT coalesce(sum(rejected_takes), 0) FROM job;

-- name: lease_next
-- Give the oldest waiting job to a worker, trainings after what people wait for and what is prepared ahead after
-- everything; the attempt number goes up and fences off whoever had it.
UPDATE job SET state = 'leased', attempt = attempt + 1, lease_expires_at_s = :expires_at_s
WHERE sequence = (SELECT sequence FROM job WHERE state = 'submitted'
                  ORDER BY kind = 'ahead', kind = 'train', sequence LIMIT 1)
RETURNING *;

-- name: pause_attempt
-- A training, or what is prepared ahead, was put aside for others: back into the queue, without blame.
UPDATE job SET state = 'submitted', lease_expires_at_s = NULL, pauses = pauses + 1
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased';

-- name: somebody_waits
-- Whether a job waits that goes before those of a kind, `train` or `ahead`.
SELECT 1 FROM job WHERE state = 'submitted' AND kind <> 'ahead' AND kind <> :kind LIMIT 1;

-- name: insert_version
-- A version that shall be made; its number names it.
INSERT INTO model_version (base_model, base_version, parent, information, rating, asked_at_s)
VALUES (:base_model, :base_version, :parent, :information, :rating, :now_s);

-- name: name_version
-- Give a version its name and the job that makes it.
UPDATE model_version SET version = :version, job_id = :job_id WHERE number = :number;

-- name: versions
-- The versions that were made, the oldest first.
SELECT * FROM model_version WHERE state <> 'training' ORDER BY number;

-- name: version_by_name
-- Read one version.
SELECT * FROM model_version WHERE version = :version;

-- name: version_of_job
-- The version that a job makes or has made.
SELECT * FROM model_version WHERE job_id = :job_id;

-- name: version_on_trial
-- The version that is being compared with the one in use.
SELECT * FROM model_version WHERE state = 'trial' ORDER BY number DESC LIMIT 1;

-- name: change_version
-- What became of a version.
UPDATE model_version SET state = :state, gain = :gain, report = :report, made_at_s = coalesce(made_at_s, :now_s)
WHERE version = :version;

-- name: newest_training
-- What the last training knew, among those that are under way or came to an end.
SELECT information, rating FROM model_version JOIN job USING (job_id)
WHERE job.state IN ('submitted', 'leased', 'done') ORDER BY number DESC LIMIT 1;

-- name: open_training
-- Whether a training waits or is under way.
SELECT 1 FROM job WHERE kind = 'train' AND state IN ('submitted', 'leased') LIMIT 1;

-- name: newest_rating
-- The number of the newest rating, 0 where there is none. Ratings are never removed, so that numbers count them.
SELECT coalesce(max(sequence), 0) AS newest FROM rating;

-- name: rated_material
-- Rated candidates that can be made again, with the mean of their standing ratings, of the whole and of each stem.
SELECT candidate_id, json_extract(data, '$.genome') AS genome, json_extract(data, '$.model_version') AS model_version,
       stem, avg(value) AS mean, count(*) AS ratings
FROM candidate JOIN standing_rating AS rated USING (candidate_id)
WHERE json_extract(data, '$.genome') IS NOT NULL
GROUP BY candidate_id, stem ORDER BY max(rated.sequence) DESC LIMIT :limit;

-- name: rated_means
-- What `rated_material` says of the ratings, without the candidates.
SELECT candidate_id, avg(value) AS mean, count(*) AS ratings FROM standing_rating GROUP BY candidate_id;

-- name: preferred
-- Who was preferred to whom, the newest first.
SELECT winner_id, loser_id FROM preference WHERE stem IS NULL ORDER BY sequence DESC LIMIT :limit;

-- name: heard_of_versions
-- Rated loops of two model versions made since a moment, with the mean of their standing ratings. What people asked for
-- as it is is one kind, what was drawn blind another; the blind baseline is made otherwise and left out.
-- Loops of one generation that were drawn with the same seed are the same loop, sounded by two versions.
SELECT candidate_id, json_extract(data, '$.model_version') AS version, arm = 'asked' AS asked, avg(value) AS mean,
       count(*) AS ratings, job_id || '/' || json_extract(data, '$.seed') AS pair
FROM candidate JOIN standing_rating AS rated USING (candidate_id) JOIN draw USING (candidate_id)
WHERE made_at_s >= :since_s AND version IN (:trial, :other) AND arm <> 'baseline'
GROUP BY candidate_id ORDER BY made_at_s, candidate_id;

-- name: renew_lease
-- Heartbeat: the holder of this attempt still works on it.
UPDATE job SET lease_expires_at_s = :expires_at_s
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased';

-- name: complete_job
-- Close a job as done, only where the attempt is the one that was leased.
UPDATE job SET state = 'done', lease_expires_at_s = NULL, ended_at_s = :now_s, rejected_takes = :rejected_takes
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased';

-- name: insert_candidate
-- Keep what a job delivered.
INSERT INTO candidate (candidate_id, job_id, place, data, made_at_s)
VALUES (:candidate_id, :job_id, :place, :data, :now_s);

-- name: fail_job
-- Close a job as failed, only where the attempt is the one that was leased.
UPDATE job SET state = 'failed', lease_expires_at_s = NULL, ended_at_s = :now_s, rejected_takes = :rejected_takes,
               error_code = :code, error_message = :message
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased';

-- name: cancel_job
-- Close a job as cancelled, unless it has ended.
UPDATE job SET state = 'cancelled', lease_expires_at_s = NULL, ended_at_s = :now_s
WHERE job_id = :job_id AND state IN ('submitted', 'leased');

-- name: lose_attempt
-- The worker died on this attempt: back into the queue, and count it.
UPDATE job SET state = 'submitted', lease_expires_at_s = NULL, losses = losses + 1
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased'
RETURNING *;

-- name: set_aside
-- Close a job that keeps killing its worker.
UPDATE job SET state = 'failed', ended_at_s = :now_s, error_code = 'worker_lost', error_message = :message
WHERE job_id = :job_id AND state = 'submitted';

-- name: expired_leases
-- Attempts whose holder has fallen silent.
SELECT * FROM job WHERE state = 'leased' AND lease_expires_at_s < :now_s ORDER BY sequence;

-- name: orphaned_leases
-- Attempts that a server which is gone had given out.
SELECT * FROM job WHERE state = 'leased' ORDER BY sequence;

-- name: insert_prepared
-- Lay by what was made ahead, as the candidates' JSON.
INSERT INTO prepared (job_id, candidates, bytes) VALUES (:job_id, :candidates, :bytes);

-- name: prepared
-- What is prepared ahead, made or still to be made, the oldest first.
SELECT job.job_id, state, json_extract(payload, '$.context') AS context, json_extract(payload, '$.count') AS count,
       json_extract(payload, '$.ahead.key') AS key, json_extract(payload, '$.ahead.known') AS known,
       coalesce(prepared.bytes, json_extract(payload, '$.ahead.bytes')) AS bytes
FROM job LEFT JOIN prepared USING (job_id)
WHERE kind = 'ahead' AND state IN ('submitted', 'leased', 'done') ORDER BY sequence;

-- name: prepared_of_job
-- What one job has made ahead.
SELECT candidates FROM prepared WHERE job_id = :job_id;

-- name: delete_prepared
-- What one job has made ahead was taken, or thrown away.
DELETE FROM prepared WHERE job_id = :job_id;

-- name: take_ahead
-- Somebody asks for what is prepared: from now on the job is theirs, and stands where they have asked.
UPDATE job SET kind = 'evolve', client = :client, request_id = :request_id, fingerprint = :fingerprint,
               sequence = (SELECT max(sequence) + 1 FROM job)
WHERE job_id = :job_id AND kind = 'ahead' AND state IN ('submitted', 'leased', 'done');

-- name: drop_ahead
-- Throw away what is prepared; what is left of the row tells which files to remove.
UPDATE job SET state = 'cancelled', payload = json_object('count', json_extract(payload, '$.count')), lease_expires_at_s = NULL, ended_at_s = :now_s
WHERE job_id = :job_id AND kind = 'ahead' AND state IN ('submitted', 'leased', 'done');

-- name: sweep_ahead
-- Forget what was thrown away or failed.
DELETE FROM job WHERE kind = 'ahead' AND state IN ('cancelled', 'failed');

-- name: said_in_context
-- How many ratings and preferences there are in a context (null: in any).
SELECT (SELECT count(*) FROM rating WHERE :context IS NULL OR context = :context)
     + (SELECT count(*) FROM preference WHERE :context IS NULL OR context = :context);

-- name: newest_evolve
-- What was asked for when a generation was last asked for.
SELECT json_extract(payload, '$.context') AS context, json_extract(payload, '$.count') AS count
FROM job WHERE kind = 'evolve' ORDER BY sequence DESC LIMIT 1;

-- name: newest_cancelled
-- Jobs cancelled last, whose files may be left where the server died just then.
SELECT * FROM job WHERE state = 'cancelled' ORDER BY sequence DESC LIMIT 256;

-- name: release_attempt
-- Put an attempt back into the queue without blaming the job.
UPDATE job SET state = 'submitted', lease_expires_at_s = NULL
WHERE job_id = :job_id AND attempt = :attempt AND state = 'leased';

-- name: candidates_of_job
-- The outcome of a job, in order.
SELECT data FROM candidate WHERE job_id = :job_id ORDER BY place;

-- name: candidate_by_id
-- Read one candidate.
SELECT data FROM candidate WHERE candidate_id = :candidate_id;

-- name: newest_candidates
-- The candidates made last, since a moment, newest first.
SELECT data FROM candidate WHERE made_at_s >= :since_s ORDER BY sequence DESC LIMIT :limit;

-- name: rated_candidates
-- The candidates that something was said of last and that can have children, with the mean of their standing ratings (of
-- a stem or of the whole; 0.5 where there are preferences only) in one context (null: in any).
WITH said AS (
    SELECT candidate_id, value, context, rated_at_s AS said_at_s, sequence FROM standing_rating
    UNION ALL SELECT winner_id, NULL, context, preferred_at_s, sequence FROM preference
    UNION ALL SELECT loser_id, NULL, context, preferred_at_s, sequence FROM preference
)
SELECT candidate_id, json_extract(data, '$.genome') AS genome, json_extract(data, '$.measures') AS measures,
       coalesce(avg(value), 0.5) AS mean, count(*) AS ratings
FROM candidate JOIN said USING (candidate_id)
WHERE json_extract(data, '$.genome') IS NOT NULL AND (:context IS NULL OR said.context = :context)
GROUP BY candidate_id ORDER BY max(said_at_s) DESC, max(said.sequence) DESC LIMIT :limit;

-- name: candidate_ids
-- The ids of all candidates.
SELECT candidate_id FROM candidate;

-- name: count_candidates
-- How many candidates there are.
SELECT count(*) FROM candidate;

-- name: place_of_candidate
-- Where a candidate stands among all, from 0, in the order of making.
SELECT (SELECT count(*) FROM candidate AS earlier WHERE earlier.sequence < own.sequence)
FROM candidate AS own WHERE candidate_id = :candidate_id;

-- name: candidate_at_place
-- The candidate at a place among all, from 0, in the order of making.
SELECT candidate_id FROM candidate ORDER BY sequence LIMIT 1 OFFSET :place;

-- name: first_place_of_newest_job
-- Where the candidates of the newest job begin among all.
SELECT count(*) FROM candidate
WHERE sequence < (SELECT min(sequence) FROM candidate
                  WHERE job_id = (SELECT job_id FROM candidate ORDER BY sequence DESC LIMIT 1));

-- name: insert_rating
-- Keep a rating, once per rating id.
INSERT OR IGNORE INTO rating (client, rating_id, candidate_id, value, stem, rater, listened_s, context, rated_at_s,
                              gesture, exposure, heard_s, repeat_showing)
VALUES (:client, :rating_id, :candidate_id, :value, :stem, :rater, :listened_s, :context, :now_s,
        :gesture, :exposure, :heard_s, :repeat_showing);

-- name: rating_by_id
-- Read what a client's rating id already stands for.
SELECT candidate_id, value, stem FROM rating WHERE client = :client AND rating_id = :rating_id;

-- name: count_ratings
-- How many ratings there are, corrections included.
SELECT count(*) FROM rating;

-- name: latest_rating_of_rater
-- A rater's latest rating of a whole candidate.
SELECT value FROM rating WHERE candidate_id = :candidate_id AND rater = :rater AND stem IS NULL
ORDER BY sequence DESC LIMIT 1;

-- name: keep_candidate
-- Mark a candidate as one to keep, once.
INSERT OR IGNORE INTO kept (candidate_id, client, kept_at_s) VALUES (:candidate_id, :client, :now_s);

-- name: release_candidate
-- Take the mark back.
DELETE FROM kept WHERE candidate_id = :candidate_id;

-- name: kept_candidates
-- All marked candidates, the newest mark first.
SELECT candidate_id FROM kept ORDER BY sequence DESC;

-- name: kept_candidate
-- Whether one candidate is marked.
SELECT 1 FROM kept WHERE candidate_id = :candidate_id;

-- name: read_stem_mix
-- Each stem's level and mute, as far as they were changed.
SELECT stem, level, muted FROM stem_mix;

-- name: write_stem_mix
-- Change a stem's level and mute.
INSERT INTO stem_mix (stem, level, muted) VALUES (:stem, :level, :muted)
ON CONFLICT (stem) DO UPDATE SET level = excluded.level, muted = excluded.muted;

-- name: insert_preference
-- Keep a preference, once per rating id.
INSERT OR IGNORE INTO preference (client, rating_id, winner_id, loser_id, stem, rater, context, preferred_at_s)
VALUES (:client, :rating_id, :winner_id, :loser_id, :stem, :rater, :context, :now_s);

-- name: preference_by_id
-- Read what a client's preference id already stands for.
SELECT winner_id, loser_id, stem FROM preference WHERE client = :client AND rating_id = :rating_id;

-- name: start_play
-- Somebody began to listen.
INSERT INTO play (client, candidate_id, started_at_s) VALUES (:client, :candidate_id, :now_s);

-- name: stop_plays
-- Whatever a client was playing has ended (`candidate_id` null: all of it).
UPDATE play SET stopped_at_s = :now_s
WHERE client = :client AND stopped_at_s IS NULL
  AND (:candidate_id IS NULL OR candidate_id = :candidate_id);

-- name: read_standing
-- Read one fact that the studio stands at.
SELECT value FROM standing WHERE name = :name;

-- name: write_standing
-- Change one fact that the studio stands at.
INSERT INTO standing (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: use_model
-- Note that a model was put to use.
INSERT INTO model_use (model, used_at_s) VALUES (:model, :now_s);

-- name: active_model
-- The model in use.
SELECT model FROM model_use ORDER BY sequence DESC LIMIT 1;

-- name: previous_model
-- The model that was in use before the one that is now.
SELECT model FROM model_use
WHERE model <> (SELECT model FROM model_use ORDER BY sequence DESC LIMIT 1)
ORDER BY sequence DESC LIMIT 1;

-- name: insert_draw
-- Note by which draw a candidate came to be.
INSERT INTO draw (candidate_id, context, generation, arm, probability)
VALUES (:candidate_id, :context, :generation, :arm, :probability);

-- name: newest_generation
-- The number of a context's newest generation; 0 where none was evolved yet.
SELECT coalesce(max(generation), 0) FROM draw WHERE context = :context;

-- name: open_exposure
-- What a client is being shown.
SELECT exposure.*, json_extract(data, '$.mix.frames') * 1.0 / json_extract(data, '$.mix.sample_rate') AS loop_s
FROM exposure JOIN candidate USING (candidate_id)
WHERE client = :client AND left_at_s IS NULL ORDER BY exposure.sequence DESC LIMIT 1;

-- name: insert_exposure
-- Somebody is shown a candidate.
INSERT INTO exposure (client, context, candidate_id, how, arm, probability, repeat_of, repeat_chance, shown_at_s)
SELECT :client, :context, candidate_id, :how, arm, probability, :repeat_of, :repeat_chance, :now_s
FROM draw WHERE candidate_id = :candidate_id;

-- name: leave_exposures
-- A client goes on to something else, having heard so much of it.
UPDATE exposure SET left_at_s = :now_s, heard_s = :heard_s, skipped = :skipped
WHERE client = :client AND left_at_s IS NULL;

-- name: heard_since
-- How long a candidate has sounded since a moment: at this client, or through the server's player (null: not known).
SELECT max(heard_s) FROM (
    SELECT sum(min(coalesce(stopped_at_s, :now_s), :now_s) - max(started_at_s, :since_s)) AS heard_s
    FROM play
    WHERE candidate_id = :candidate_id AND client IN (:client, 'player') AND coalesce(stopped_at_s, :now_s) > :since_s
    GROUP BY client
);

-- name: rated_since
-- Whether a client has rated a candidate (or a stem of it) since a moment.
SELECT 1 FROM rating WHERE candidate_id = :candidate_id AND client = :client AND rated_at_s >= :since_s LIMIT 1;

-- name: exposure_for_rating
-- How a candidate was shown to whoever rates it: to the same client, else to the room at this moment.
SELECT sequence, client, context, repeat_of, shown_at_s FROM exposure
WHERE candidate_id = :candidate_id AND (client = :client OR left_at_s IS NULL)
ORDER BY client = :client AND left_at_s IS NULL DESC, client = :client DESC, sequence DESC LIMIT 1;

-- name: not_skipped
-- A rating that comes after its client has gone on, as from a knob that had yet to come to rest: that was no skip.
UPDATE exposure SET skipped = 0 WHERE sequence = :exposure AND skipped = 1;

-- name: repeatable
-- What could be shown to a client once more: among its last showings, rated by it, not in the last steps, and not shown
-- again yet.
SELECT candidate_id, max(sequence) AS shown
FROM (SELECT * FROM exposure WHERE client = :client ORDER BY sequence DESC LIMIT :window) AS lately
GROUP BY candidate_id
HAVING count(repeat_of) = 0
   AND max(sequence) <= (SELECT sequence FROM exposure WHERE client = :client
                         ORDER BY sequence DESC LIMIT 1 OFFSET :gap)
   AND EXISTS (SELECT 1 FROM rating WHERE rating.candidate_id = lately.candidate_id
               AND rating.client = :client AND rating.stem IS NULL);

-- name: requests_of_context
-- What people asked for themselves and got, in one context (null: in any), newest first.
SELECT payload FROM job
WHERE kind = 'generate' AND state = 'done' AND job_id IN
      (SELECT job_id FROM candidate JOIN draw USING (candidate_id) WHERE :context IS NULL OR context = :context)
ORDER BY sequence DESC LIMIT :limit;

-- name: exposures
-- What was shown last, newest first, with what was said of it.
SELECT exposure.*, (SELECT value FROM rating WHERE rating.exposure = exposure.sequence AND stem IS NULL
                    ORDER BY rating.sequence DESC LIMIT 1) AS rating
FROM exposure ORDER BY exposure.sequence DESC LIMIT :limit;

-- name: draw_of_candidate
-- By which draw a candidate came to be.
SELECT * FROM draw WHERE candidate_id = :candidate_id;

-- name: evidence
-- The ratings since one of them, newest first, with all that helps to weigh them: also those that no longer stand.
SELECT rated.sequence, rated.candidate_id, rated.stem, rated.rater, rated.context, rated.value, rated.rated_at_s,
       rated.gesture, rated.repeat_showing, coalesce(rated.listened_s, rated.heard_s) AS listened_s,
       json_extract(data, '$.mix.frames') * 1.0 / json_extract(data, '$.mix.sample_rate') AS loop_s,
       draw.context AS made_for, draw.generation, draw.arm, draw.probability
FROM rating AS rated JOIN candidate USING (candidate_id) JOIN draw USING (candidate_id)
WHERE rated.sequence > :since ORDER BY rated.sequence DESC LIMIT :limit;

-- name: preferences
-- The preferences since one of them, newest first.
SELECT sequence, winner_id, loser_id, stem, rater, context FROM preference
WHERE sequence > :since ORDER BY sequence DESC LIMIT :limit;

-- name: generations
-- All generations that were made, per context, with how many loops each has.
SELECT context, generation, count(*) AS loops FROM draw WHERE generation > 0 OR candidate_id IN
       (SELECT candidate_id FROM rating) GROUP BY context, generation ORDER BY context, generation;

-- name: contexts
-- The contexts that were rated in, with how many standing ratings each has.
SELECT context, count(*) AS ratings FROM standing_rating GROUP BY context ORDER BY context;
