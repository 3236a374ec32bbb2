-- +goose Up
CREATE TABLE organizations (
	id text PRIMARY KEY,
	name text NOT NULL,
	created_at datetime NOT NULL
);

CREATE TABLE users (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	name text NOT NULL,
	email text NOT NULL,
	created_at datetime NOT NULL
);
CREATE INDEX users_organization ON users (organization_id);

CREATE TABLE api_tokens (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	user_id text NOT NULL REFERENCES users (id),
	name text NOT NULL,
	hash blob NOT NULL,
	scopes text NOT NULL,
	last_used_at datetime,
	expires_at datetime,
	created_at datetime NOT NULL
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_organization ON api_tokens (organization_id, id);

-- Sign-in links, sessions and WebSocket tickets are known by their hash only.
CREATE TABLE sign_in_links (
	hash blob PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	user_id text NOT NULL REFERENCES users (id),
	created_at datetime NOT NULL,
	expires_at datetime NOT NULL
);
CREATE INDEX sign_in_links_expiry ON sign_in_links (expires_at);

CREATE TABLE sessions (
	hash blob PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	user_id text NOT NULL REFERENCES users (id),
	created_at datetime NOT NULL,
	expires_at datetime NOT NULL,
	last_used_at datetime NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE ws_tickets (
	hash blob PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	user_id text NOT NULL REFERENCES users (id),
	tab text NOT NULL,
	created_at datetime NOT NULL,
	expires_at datetime NOT NULL
);
CREATE INDEX ws_tickets_expiry ON ws_tickets (expires_at);

CREATE TABLE connections (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	service text NOT NULL,
	name text NOT NULL,
	state text NOT NULL,
	account text NOT NULL,
	credential blob,
	hint text,
	problem text,
	created_at datetime NOT NULL,
	updated_at datetime NOT NULL,
	version integer NOT NULL,
	deleted_at datetime
);
CREATE INDEX connections_organization ON connections (organization_id, id);

CREATE TABLE snapshots (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	name text NOT NULL,
	created_at datetime NOT NULL,
	updated_at datetime NOT NULL,
	deleted_at datetime
);
CREATE INDEX snapshots_organization ON snapshots (organization_id, id);

-- seq names the physical table of the records: records_<seq>.
CREATE TABLE tables (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	snapshot_id text NOT NULL REFERENCES snapshots (id),
	connection_id text NOT NULL REFERENCES connections (id),
	service text NOT NULL,
	remote_id text NOT NULL,
	name text NOT NULL,
	seq integer NOT NULL,
	state text NOT NULL,
	read_only boolean NOT NULL,
	read_only_why text NOT NULL,
	columns text NOT NULL,
	record_count integer NOT NULL,
	edited_count integer NOT NULL,
	settings text,
	watermark blob,
	downloaded_at datetime,
	schema_version integer NOT NULL,
	created_at datetime NOT NULL,
	deleted_at datetime
);
CREATE UNIQUE INDEX tables_seq ON tables (seq);
CREATE UNIQUE INDEX tables_remote ON tables (snapshot_id, connection_id, remote_id) WHERE deleted_at IS NULL;
CREATE INDEX tables_connection ON tables (connection_id) WHERE deleted_at IS NULL;

CREATE TABLE schema_changes (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	table_id text NOT NULL REFERENCES tables (id),
	kind text NOT NULL,
	column_id text NOT NULL,
	was text NOT NULL,
	became text NOT NULL,
	at datetime NOT NULL
);
CREATE INDEX schema_changes_table ON schema_changes (table_id, id);

CREATE TABLE views (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	table_id text NOT NULL REFERENCES tables (id),
	name text NOT NULL,
	query text NOT NULL,
	columns text NOT NULL,
	version integer NOT NULL,
	created_at datetime NOT NULL
);
CREATE INDEX views_table ON views (table_id, id);

CREATE TABLE uploads (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	name text NOT NULL,
	content_type text NOT NULL,
	size integer NOT NULL,
	sha256 text NOT NULL,
	path text NOT NULL,
	created_at datetime NOT NULL
);
CREATE INDEX uploads_organization ON uploads (organization_id, id);

CREATE TABLE audit_events (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	user_id text NOT NULL,
	action text NOT NULL,
	subject text NOT NULL,
	detail text,
	at datetime NOT NULL
);
CREATE INDEX audit_events_organization ON audit_events (organization_id, id);

CREATE TABLE jobs (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	snapshot_id text NOT NULL,
	plan_id text NOT NULL,
	kind text NOT NULL,
	state text NOT NULL,
	workflow_id text NOT NULL,
	run_id text NOT NULL,
	input text,
	progress text NOT NULL,
	problem text,
	waiting_until datetime,
	waiting_why text NOT NULL,
	engine_away boolean NOT NULL,
	retry_of text NOT NULL,
	created_by text NOT NULL,
	created_at datetime NOT NULL,
	started_at datetime,
	ended_at datetime,
	alive_at datetime,
	progressed_at datetime,
	version integer NOT NULL
);
-- One live job per workflow id, whoever asks for it.
CREATE UNIQUE INDEX jobs_live ON jobs (workflow_id) WHERE ended_at IS NULL;
CREATE INDEX jobs_organization ON jobs (organization_id, id);
CREATE INDEX jobs_snapshot ON jobs (snapshot_id, id);
CREATE INDEX jobs_plan ON jobs (plan_id, id);

CREATE TABLE job_tables (
	job_id text NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
	table_id text NOT NULL,
	organization_id text NOT NULL REFERENCES organizations (id),
	state text NOT NULL,
	progress text NOT NULL,
	problem text,
	warnings text,
	started_at datetime,
	ended_at datetime,
	PRIMARY KEY (job_id, table_id)
);

CREATE TABLE plans (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	snapshot_id text NOT NULL,
	state text NOT NULL,
	hash text NOT NULL,
	counts text NOT NULL,
	problems text,
	created_by text NOT NULL,
	job_id text NOT NULL,
	retry_of text NOT NULL,
	created_at datetime NOT NULL,
	applied_at datetime
);
CREATE INDEX plans_snapshot ON plans (snapshot_id, id);

-- cells, edit_bases and theirs are canonical JSON kept byte by byte.
CREATE TABLE items (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	plan_id text NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
	table_id text NOT NULL,
	record_id integer NOT NULL,
	ordinal integer NOT NULL,
	row_version integer NOT NULL,
	op text NOT NULL,
	state text NOT NULL,
	remote_id text NOT NULL,
	cells text,
	edit_bases text,
	marker text NOT NULL,
	label text NOT NULL,
	override boolean NOT NULL,
	blocked boolean NOT NULL,
	step text NOT NULL,
	steps text,
	problem text,
	theirs text,
	note text NOT NULL,
	lease text NOT NULL,
	lease_until datetime,
	sent_at datetime,
	settled_at datetime,
	read_back boolean NOT NULL
);
-- A record has at most one open item, whatever became of the run that sent it.
CREATE UNIQUE INDEX items_open ON items (table_id, record_id) WHERE state IN ('planned', 'sending', 'unknown');
CREATE UNIQUE INDEX items_plan ON items (plan_id, ordinal);
CREATE INDEX items_to_send ON items (plan_id, table_id, op, ordinal) WHERE state = 'planned';
CREATE INDEX items_sending ON items (plan_id, ordinal) WHERE state = 'sending';
CREATE INDEX items_read_back ON items (plan_id, ordinal) WHERE read_back;

-- Events wait here from the commit of their change until the relay numbers
-- them per topic into the log.
CREATE TABLE outbox (
	seq integer PRIMARY KEY AUTOINCREMENT,
	organization_id text NOT NULL,
	topic text NOT NULL,
	type text NOT NULL,
	origin text NOT NULL,
	data text,
	at datetime NOT NULL
);

-- last is the number of the topic's newest event, trimmed the newest one no
-- longer kept. A topic that was forgotten comes back with another epoch.
CREATE TABLE topics (
	topic text PRIMARY KEY,
	organization_id text NOT NULL,
	epoch text NOT NULL,
	last integer NOT NULL,
	trimmed integer NOT NULL,
	updated_at datetime NOT NULL
);
CREATE INDEX topics_updated ON topics (updated_at);

CREATE TABLE events (
	topic text NOT NULL,
	n integer NOT NULL,
	organization_id text NOT NULL,
	type text NOT NULL,
	origin text NOT NULL,
	data text,
	at datetime NOT NULL,
	PRIMARY KEY (topic, n)
);
CREATE INDEX events_at ON events (at);

CREATE TABLE leases (
	name text PRIMARY KEY,
	holder text NOT NULL,
	until datetime NOT NULL,
	fence integer NOT NULL
);

CREATE TABLE counters (
	name text PRIMARY KEY,
	value integer NOT NULL
);
INSERT INTO counters (name, value) VALUES ('table_seq', 0);

-- +goose Down
DROP TABLE counters;
DROP TABLE leases;
DROP TABLE events;
DROP TABLE topics;
DROP TABLE outbox;
DROP TABLE items;
DROP TABLE plans;
DROP TABLE job_tables;
DROP TABLE jobs;
DROP TABLE audit_events;
DROP TABLE uploads;
DROP TABLE views;
DROP TABLE schema_changes;
DROP TABLE tables;
DROP TABLE snapshots;
DROP TABLE connections;
DROP TABLE ws_tickets;
DROP TABLE sessions;
DROP TABLE sign_in_links;
DROP TABLE api_tokens;
DROP TABLE users;
DROP TABLE organizations;
