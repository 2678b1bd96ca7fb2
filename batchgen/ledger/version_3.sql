-- From version 2 to 3: clips that are taken from other folders, names given by the job file.
--
-- SQLite can't change a CHECK, so submissions move to a new table; what refers to the old one goes before it.
DROP VIEW standing;
DROP TRIGGER paid_jobs_are_never_forgotten;

ALTER TABLE jobs ADD COLUMN filename TEXT;

-- SQLite builds a table for an IN of three or more each time it is asked, so the common case comes first.
CREATE TABLE submissions_of_3 (
  key             INTEGER PRIMARY KEY AUTOINCREMENT,
  job             INTEGER NOT NULL REFERENCES jobs (key),
  state           TEXT NOT NULL,
  reason          TEXT NOT NULL CHECK (reason = 'first' OR reason IN ('retry', 'resubmit', 'regenerate', 'reuse')),
  account         TEXT NOT NULL,
  origin          TEXT NOT NULL,            -- of the service that it was sent to
  key_print       TEXT NOT NULL,            -- a salted fingerprint of the API key
  request         TEXT NOT NULL,            -- the exact body that was sent, JSON
  digest          TEXT NOT NULL,
  intended_at     TEXT NOT NULL,
  submitted_at    TEXT,
  generated_at    TEXT,
  finished_at     TEXT,
  charged         TEXT NOT NULL CHECK (charged = 'perhaps' OR charged IN ('yes', 'no')),
  run             INTEGER NOT NULL DEFAULT 0,  -- which run sent it; 0: one before the ledger was restored
  day             TEXT NOT NULL,            -- the local day on which it was intended
  price           INTEGER,                  -- millionths of the currency's unit; null: not known
  currency        TEXT,
  task_id         TEXT,
  file_id         TEXT,
  width           INTEGER,                  -- pixels, as the service told them
  height          INTEGER,
  file            TEXT,                     -- where the clip stands, or is about to
  bytes           INTEGER,
  sha256          TEXT,
  video           TEXT,                     -- what the file says of itself, JSON
  missing         INTEGER NOT NULL DEFAULT 0 CHECK (missing IN (0, 1)),
  fault_code      TEXT,
  fault_message   TEXT,
  fault_stage     TEXT,
  not_found_since TEXT,
  warnings        TEXT NOT NULL DEFAULT '[]',
  reused_from     TEXT,                     -- the output folder that paid for the clip, relative to ours
  CHECK (task_id <> '' AND file_id <> ''),  -- no id is null, never an empty text
  CHECK (task_id IS NOT NULL OR state = 'submitting' OR state NOT IN ('submitted', 'generated', 'succeeded')),
  CHECK (state NOT IN ('generated', 'succeeded') OR (file_id IS NOT NULL AND (charged = 'yes' OR reason = 'reuse'))),
  CHECK (state <> 'succeeded' OR (file IS NOT NULL AND sha256 IS NOT NULL)),
  CHECK (state NOT IN ('submitting', 'unknown') OR (charged <> 'no' AND task_id IS NULL)),
  CHECK (state <> 'not_accepted' OR (charged = 'no' AND task_id IS NULL)),
  CHECK ((reason = 'reuse') = (reused_from IS NOT NULL) AND (reason <> 'reuse' OR charged = 'no'))
) STRICT;

INSERT INTO submissions_of_3 (
  key, job, state, reason, account, origin, key_print, request, digest, intended_at, submitted_at,
  generated_at, finished_at, charged, run, day, price, currency, task_id, file_id, width, height, file, bytes,
  sha256, video, missing, fault_code, fault_message, fault_stage, not_found_since, warnings
) SELECT
  key, job, state, reason, account, origin, key_print, request, digest, intended_at, submitted_at,
  generated_at, finished_at, charged, run, day, price, currency, task_id, file_id, width, height, file, bytes,
  sha256, video, missing, fault_code, fault_message, fault_stage, not_found_since, warnings
FROM submissions;
DROP TABLE submissions;
ALTER TABLE submissions_of_3 RENAME TO submissions;

CREATE INDEX submissions_by_job ON submissions (job, key);
-- In the words of the queries that ask for what is under way: only so does SQLite see that it answers them.
CREATE INDEX submissions_open ON submissions (key) WHERE state IN ('submitted', 'generated');
CREATE INDEX submissions_by_time ON submissions (intended_at);
CREATE UNIQUE INDEX one_post_at_a_time ON submissions (job) WHERE state = 'submitting';
CREATE UNIQUE INDEX a_task_belongs_to_one ON submissions (origin, task_id)
  WHERE task_id IS NOT NULL AND reason <> 'reuse';

CREATE TRIGGER an_intent_is_spent AFTER INSERT ON submissions WHEN NEW.charged <> 'no'
BEGIN
  INSERT INTO spent VALUES (NEW.run, NEW.day, coalesce(NEW.currency, ''), 0, 1, coalesce(NEW.price, 0))
  ON CONFLICT DO UPDATE SET clips = clips + 1, micros = micros + excluded.micros;
END;

CREATE TRIGGER what_is_spent_changes AFTER UPDATE OF state, charged, price, currency ON submissions
WHEN (OLD.charged = 'no') <> (NEW.charged = 'no') OR (OLD.state = 'failed') <> (NEW.state = 'failed')
  OR OLD.price IS NOT NEW.price OR OLD.currency IS NOT NEW.currency
BEGIN
  UPDATE spent SET clips = clips - 1, micros = micros - coalesce(OLD.price, 0)
  WHERE OLD.charged <> 'no' AND run = OLD.run AND day = OLD.day AND currency = coalesce(OLD.currency, '')
    AND failed = (OLD.state = 'failed');
  INSERT INTO spent SELECT NEW.run, NEW.day, coalesce(NEW.currency, ''), NEW.state = 'failed', 1,
    coalesce(NEW.price, 0) WHERE NEW.charged <> 'no'
  ON CONFLICT DO UPDATE SET clips = clips + 1, micros = micros + excluded.micros;
END;

CREATE TRIGGER submissions_start_with_the_intent BEFORE INSERT ON submissions
WHEN CASE NEW.reason WHEN 'reuse' THEN NEW.state <> 'succeeded'
     ELSE NEW.state <> 'submitting' OR NEW.task_id IS NOT NULL END
BEGIN SELECT RAISE(ABORT, 'illegal transition: a submission starts as submitting, a reused clip as succeeded'); END;

CREATE TRIGGER submissions_change_legally BEFORE UPDATE OF state ON submissions
WHEN NEW.state <> OLD.state
 AND NOT EXISTS (SELECT 1 FROM transitions WHERE old = OLD.state AND new = NEW.state)
BEGIN SELECT RAISE(ABORT, 'illegal transition of a submission'); END;

CREATE TRIGGER submissions_keep_their_task BEFORE UPDATE OF task_id ON submissions
WHEN OLD.task_id IS NOT NULL AND NEW.task_id IS NOT OLD.task_id
BEGIN SELECT RAISE(ABORT, 'illegal transition: a task id never changes'); END;

CREATE TRIGGER submissions_keep_what_was_sent
BEFORE UPDATE OF key, job, reason, account, origin, key_print, request, digest, intended_at, reused_from ON submissions
BEGIN SELECT RAISE(ABORT, 'illegal transition: what was sent, for which job and to whom never changes'); END;

CREATE TRIGGER submissions_are_never_forgotten BEFORE DELETE ON submissions
BEGIN SELECT RAISE(ABORT, 'illegal transition: a submission is never deleted'); END;

CREATE TRIGGER paid_jobs_are_never_forgotten BEFORE DELETE ON jobs
WHEN EXISTS (SELECT 1 FROM submissions WHERE job = OLD.key)
BEGIN SELECT RAISE(ABORT, 'illegal transition: a job with submissions is never deleted'); END;

CREATE TABLE reusing (
  job         INTEGER PRIMARY KEY REFERENCES jobs (key),
  reused_from TEXT NOT NULL,
  origin      TEXT NOT NULL,
  task_id     TEXT NOT NULL,
  file_id     TEXT NOT NULL,
  width       INTEGER,
  height      INTEGER,
  bytes       INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  video       TEXT NOT NULL,
  warnings    TEXT NOT NULL
) STRICT;

CREATE VIEW standing AS
SELECT jobs.*, newest.key AS newest, coalesce(newest.state, 'pending') AS status,
       coalesce(newest.missing, 0) AS missing
FROM jobs LEFT JOIN submissions AS newest ON newest.key = (
  SELECT max(key) FROM submissions
  WHERE job = jobs.key AND key > jobs.ordered_after AND state <> 'not_accepted');
