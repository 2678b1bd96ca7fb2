-- From version 1 to 2: how long tasks took, so that the next run knows when to ask.

CREATE TABLE task_times (
  origin     TEXT NOT NULL,
  model      TEXT NOT NULL,
  resolution TEXT NOT NULL,
  duration   INTEGER NOT NULL,
  seconds    REAL NOT NULL,
  tasks      REAL NOT NULL,
  PRIMARY KEY (origin, model, resolution, duration, seconds)
) STRICT, WITHOUT ROWID;
