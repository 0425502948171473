/** The tables. Columns are spelled as the rows' properties are. Times are epoch ms. */
import { JobStatus } from '../../shared/vocabulary.ts'

export const schema = `
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, priority INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS definitions (
  name TEXT NOT NULL, revision INTEGER NOT NULL, active INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (name, revision)
) WITHOUT ROWID;

-- What was submitted; the children of an array share it.
CREATE TABLE IF NOT EXISTS submissions (
  jobId TEXT PRIMARY KEY, definition TEXT NOT NULL, spec TEXT NOT NULL
) WITHOUT ROWID;

-- Parents, children and plain jobs. A child's parent is its submission.
CREATE TABLE IF NOT EXISTS jobs (
  seq INTEGER PRIMARY KEY, jobId TEXT NOT NULL UNIQUE, submission TEXT NOT NULL, parent TEXT,
  arrayIndex INTEGER, arraySize INTEGER, name TEXT NOT NULL, queue TEXT NOT NULL,
  status TEXT NOT NULL, statusReason TEXT, rank INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  createdAt INTEGER NOT NULL, startedAt INTEGER, stoppedAt INTEGER,
  cancelled INTEGER NOT NULL DEFAULT 0, terminated INTEGER NOT NULL DEFAULT 0, endReason TEXT
);
CREATE INDEX IF NOT EXISTS jobsRunnable ON jobs (queue, rank) WHERE status = '${JobStatus.RUNNABLE}';
CREATE INDEX IF NOT EXISTS jobsOfParent ON jobs (parent, status, arrayIndex) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobsOfSubmission ON jobs (submission);
CREATE INDEX IF NOT EXISTS jobsOfQueue ON jobs (queue, seq) WHERE parent IS NULL;
CREATE INDEX IF NOT EXISTS jobsBegun ON jobs (status)
  WHERE status IN ('${JobStatus.STARTING}', '${JobStatus.RUNNING}');

CREATE TABLE IF NOT EXISTS dependencies (
  dependent TEXT NOT NULL, position INTEGER NOT NULL, dependency TEXT NOT NULL, type TEXT,
  PRIMARY KEY (dependent, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dependenciesOn ON dependencies (dependency);

CREATE TABLE IF NOT EXISTS attempts (
  jobId TEXT NOT NULL, attempt INTEGER NOT NULL, instance TEXT NOT NULL, task TEXT NOT NULL,
  logStream TEXT NOT NULL, pid INTEGER, pidIdentity TEXT, startedAt INTEGER, stoppedAt INTEGER,
  exitCode INTEGER, reason TEXT, statusReason TEXT,
  PRIMARY KEY (jobId, attempt)
) WITHOUT ROWID;

-- Of multi-node jobs under way, all but the main node.
CREATE TABLE IF NOT EXISTS nodes (
  jobId TEXT NOT NULL, attempt INTEGER NOT NULL, node INTEGER NOT NULL, pid INTEGER NOT NULL, pidIdentity TEXT,
  PRIMARY KEY (jobId, attempt, node)
) WITHOUT ROWID;

-- Events written with the change they tell of, removed once delivered.
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, jobId TEXT NOT NULL, status TEXT NOT NULL,
  statusReason TEXT, attempts INTEGER NOT NULL, startedAt INTEGER, stoppedAt INTEGER, at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS interferences (
  id INTEGER PRIMARY KEY, namePattern TEXT, jobId TEXT, arrayIndex INTEGER, environment TEXT NOT NULL,
  reclaimAfterMs INTEGER, noticeMs INTEGER NOT NULL, once INTEGER NOT NULL
);
`
