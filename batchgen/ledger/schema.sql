-- The ledger: what was ordered, what was sent for it, and what came back.  Version 3.
--
-- A job is what the user ordered; a submission is one paid attempt at it.  The state machine of a submission
-- stands in `transitions`, and the triggers below refuse every other change: whatever the program does wrong,
-- a row can't claim a state that it did not reach.  Times are ISO 8601 in UTC; sizes are bytes; lengths are
-- seconds; JSON columns hold exactly what the program wrote.

CREATE TABLE facts (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  key           INTEGER PRIMARY KEY,
  id            TEXT NOT NULL,
  id_folded     TEXT NOT NULL UNIQUE,       -- ids are file names, and some file systems ignore case
  explicit_id   INTEGER NOT NULL CHECK (explicit_id IN (0, 1)),
  job_file      TEXT NOT NULL,              -- relative to the output folder: which file claims the id
  position      INTEGER NOT NULL,           -- in that file
  in_job_file   INTEGER NOT NULL CHECK (in_job_file IN (0, 1)),
  request       TEXT NOT NULL,              -- the exact body that is ordered now, JSON
  digest        TEXT NOT NULL,              -- of the canonical request
  model         TEXT NOT NULL,
  prompt        TEXT NOT NULL,
  duration      INTEGER NOT NULL,
  resolution    TEXT NOT NULL,
  metadata      TEXT NOT NULL,              -- JSON
  source_file   TEXT NOT NULL,
  source_line   INTEGER NOT NULL,
  edition       TEXT,
  warnings      TEXT NOT NULL,              -- JSON, a list of texts
  file          TEXT,                       -- of the clip, relative to the output folder; fixed when first submitted
  file_folded   TEXT UNIQUE,
  ordered_after INTEGER NOT NULL DEFAULT 0, -- submissions up to this key are settled: the job was ordered anew
  order_reason  TEXT NOT NULL DEFAULT 'first' CHECK (order_reason IN ('first', 'retry', 'resubmit', 'regenerate')),
  resubmitted   INTEGER NOT NULL DEFAULT 0 CHECK (resubmitted IN (0, 1)),  -- once per job, ever
  released      TEXT,                       -- the digest of an edited request that the user let go
  changed       INTEGER NOT NULL DEFAULT 0 CHECK (changed IN (0, 1)),  -- held: edited after it was paid for
  dismissed     TEXT,                       -- why the user settled it
  filename      TEXT                        -- below videos/, by the job file; null: made of the id
) STRICT;

CREATE INDEX jobs_by_file ON jobs (job_file, in_job_file, position);
CREATE INDEX jobs_by_digest ON jobs (digest);

-- SQLite builds a table for an IN of three or more each time it is asked, so the common case comes first.
CREATE TABLE submissions (
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

CREATE INDEX submissions_by_job ON submissions (job, key);
-- In the words of the queries that ask for what is under way: only so does SQLite see that it answers them.
CREATE INDEX submissions_open ON submissions (key) WHERE state IN ('submitted', 'generated');
CREATE INDEX submissions_by_time ON submissions (intended_at);
CREATE UNIQUE INDEX one_post_at_a_time ON submissions (job) WHERE state = 'submitting';
CREATE UNIQUE INDEX a_task_belongs_to_one ON submissions (origin, task_id)
  WHERE task_id IS NOT NULL AND reason <> 'reuse';

-- What was spent, by run and day: a submission counts from its intent until it is proven to have cost nothing.
-- Kept by triggers, so that no crash and no second writer can spend past a cap, and so that a cap costs no walk
-- through all submissions.  Failed ones have rows of their own: some services do not charge them.
CREATE TABLE spent (
  run      INTEGER NOT NULL,
  day      TEXT NOT NULL,
  currency TEXT NOT NULL,                   -- empty where no price is known
  failed   INTEGER NOT NULL CHECK (failed IN (0, 1)),
  clips    INTEGER NOT NULL CHECK (clips >= 0),
  micros   INTEGER NOT NULL CHECK (micros >= 0),
  PRIMARY KEY (run, day, currency, failed)
) STRICT, WITHOUT ROWID;

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

-- How long tasks took at a service, as counts on a grid of seconds: what questions are planned by.  Later tasks
-- count for more than earlier ones, so they are no whole numbers.
CREATE TABLE task_times (
  origin     TEXT NOT NULL,
  model      TEXT NOT NULL,
  resolution TEXT NOT NULL,
  duration   INTEGER NOT NULL,
  seconds    REAL NOT NULL,
  tasks      REAL NOT NULL,
  PRIMARY KEY (origin, model, resolution, duration, seconds)
) STRICT, WITHOUT ROWID;

CREATE TABLE transitions (
  old TEXT NOT NULL,
  new TEXT NOT NULL,
  PRIMARY KEY (old, new)
) STRICT, WITHOUT ROWID;

INSERT INTO transitions (old, new) VALUES
  ('submitting', 'submitted'),     -- the service gave a task id
  ('submitting', 'unknown'),       -- the answer was lost: perhaps accepted, perhaps charged
  ('submitting', 'failed'),        -- refused: prompt, parameters
  ('submitting', 'not_accepted'),  -- proven that nothing was made; the job is pending again
  ('unknown', 'submitted'),        -- a late answer, or the user adopted a task id
  ('unknown', 'failed'),           -- a late answer: refused
  ('unknown', 'not_accepted'),     -- a late answer: proven that nothing was made
  ('submitted', 'generated'),      -- the task has ended well
  ('submitted', 'failed'),         -- the task has ended badly, or is gone for good
  ('generated', 'succeeded'),      -- the clip stands under its final name
  ('generated', 'failed'),         -- the clip is gone for good, or its result was refused
  ('succeeded', 'generated');      -- found missing or damaged, and the user asked to restore it

-- A clip that is reused was paid for elsewhere: it stands under its name before it is written down here.
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

CREATE TRIGGER clips_keep_their_name BEFORE UPDATE OF file ON jobs
WHEN OLD.file IS NOT NULL AND NEW.file IS NOT OLD.file
BEGIN SELECT RAISE(ABORT, 'illegal transition: the file of a job is fixed when it is first submitted'); END;

-- Clips of other folders that are about to be taken.  What stands whole under its name when the ledger is opened
-- the next time was taken; of anything else nothing has happened.
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

-- The status of a job: that of its newest submission that counts, or pending.
CREATE VIEW standing AS
SELECT jobs.*, newest.key AS newest, coalesce(newest.state, 'pending') AS status,
       coalesce(newest.missing, 0) AS missing
FROM jobs LEFT JOIN submissions AS newest ON newest.key = (
  SELECT max(key) FROM submissions
  WHERE job = jobs.key AND key > jobs.ordered_after AND state <> 'not_accepted');
