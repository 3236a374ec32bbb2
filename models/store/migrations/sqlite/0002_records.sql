-- +goose Up
-- Grows with every change of the table's records: what a reader saw, and what
-- cached counts and positions belong to.
ALTER TABLE tables ADD COLUMN records_version integer NOT NULL DEFAULT 0;

-- Times of this file are microseconds since 1970, as in the record tables.
CREATE TABLE download_runs (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	job_id text NOT NULL,
	table_id text NOT NULL,
	mode text NOT NULL,
	state text NOT NULL,
	attempt integer NOT NULL,
	cursor blob,
	complete boolean NOT NULL,
	spanned boolean NOT NULL,
	watermark blob,
	had_records integer NOT NULL,
	seen integer NOT NULL,
	pages integer NOT NULL,
	progress text NOT NULL,
	problem text,
	warnings text,
	progressed_at integer NOT NULL,
	created_at integer NOT NULL,
	ended_at integer
);
-- One unfinished download per table: a newer one ends the older.
CREATE UNIQUE INDEX download_runs_open ON download_runs (table_id) WHERE ended_at IS NULL;
CREATE INDEX download_runs_job ON download_runs (job_id, table_id);

-- What a run saw: one small set of record ids per stored page.
CREATE TABLE download_seen (
	run_id text NOT NULL REFERENCES download_runs (id) ON DELETE CASCADE,
	n integer NOT NULL,
	ids blob NOT NULL,
	PRIMARY KEY (run_id, n)
);

-- Who changed which cell from what to what. was and became are JSON as text,
-- digit by digit; null is "no edit", which is not the JSON null.
CREATE TABLE record_history (
	id integer PRIMARY KEY AUTOINCREMENT,
	organization_id text NOT NULL,
	table_id text NOT NULL,
	record_id integer NOT NULL,
	operation_id text NOT NULL,
	op text NOT NULL,
	column_id text NOT NULL,
	was text,
	was_base text,
	became text,
	became_base text,
	user_id text NOT NULL,
	user_name text NOT NULL,
	tab text NOT NULL,
	at integer NOT NULL
);
CREATE INDEX record_history_record ON record_history (table_id, record_id, id);
CREATE INDEX record_history_operation ON record_history (organization_id, operation_id, id);

-- What one user did in one tab, newest last: the stack that undo takes from.
CREATE TABLE operations (
	organization_id text NOT NULL REFERENCES organizations (id),
	id text NOT NULL,
	n integer NOT NULL,
	snapshot_id text NOT NULL,
	user_id text NOT NULL,
	tab text NOT NULL,
	state text NOT NULL,
	at integer NOT NULL,
	PRIMARY KEY (organization_id, id)
);
CREATE INDEX operations_stack ON operations (organization_id, snapshot_id, user_id, tab, n);

-- The answers of an operation's requests: a repeated request gets its answer
-- again and does nothing.
CREATE TABLE operation_answers (
	organization_id text NOT NULL,
	operation_id text NOT NULL,
	request text NOT NULL,
	answer text NOT NULL,
	at integer NOT NULL,
	PRIMARY KEY (organization_id, operation_id, request)
);

CREATE TABLE suggestions (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	snapshot_id text NOT NULL,
	table_id text NOT NULL,
	record_id integer NOT NULL,
	op text NOT NULL,
	column_id text NOT NULL,
	value text,
	seen text,
	author text NOT NULL,
	reason text NOT NULL,
	run_id text NOT NULL,
	state text NOT NULL,
	operation_id text NOT NULL,
	created_at integer NOT NULL,
	decided_at integer,
	decided_by text NOT NULL
);
-- One open suggestion per cell; a newer one replaces it.
CREATE UNIQUE INDEX suggestions_open ON suggestions (table_id, record_id, op, column_id) WHERE state = 'open' AND record_id > 0;
CREATE INDEX suggestions_table ON suggestions (table_id, state, id);
CREATE INDEX suggestions_operation ON suggestions (organization_id, operation_id) WHERE operation_id <> '';
CREATE INDEX suggestions_decided ON suggestions (decided_at) WHERE decided_at IS NOT NULL;

-- The sort indexes of large tables, at most a few each.
CREATE TABLE sort_indexes (
	table_id text NOT NULL,
	column_id text NOT NULL,
	organization_id text NOT NULL REFERENCES organizations (id),
	name text NOT NULL,
	definition text NOT NULL,
	state text NOT NULL,
	started_at integer NOT NULL,
	used_at integer NOT NULL,
	PRIMARY KEY (table_id, column_id)
);

-- +goose Down
DROP TABLE sort_indexes;
DROP TABLE suggestions;
DROP TABLE operation_answers;
DROP TABLE operations;
DROP TABLE record_history;
DROP TABLE download_seen;
DROP TABLE download_runs;
ALTER TABLE tables DROP COLUMN records_version;
