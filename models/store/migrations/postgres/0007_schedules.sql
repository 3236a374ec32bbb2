-- +goose Up
-- When snapshots are downloaded by themselves. Of cron and every_seconds one is
-- set. applied_version is the version the workflow engine was last told.
CREATE TABLE schedules (
	id text PRIMARY KEY,
	organization_id text NOT NULL REFERENCES organizations (id),
	snapshot_id text NOT NULL REFERENCES snapshots (id),
	cron text NOT NULL,
	every_seconds bigint NOT NULL,
	time_zone text NOT NULL,
	overlap text NOT NULL,
	mode text NOT NULL,
	tables jsonb NOT NULL,
	note text NOT NULL,
	paused boolean NOT NULL,
	paused_why text NOT NULL,
	runs jsonb NOT NULL,
	created_by text NOT NULL,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	version bigint NOT NULL,
	applied_version bigint NOT NULL,
	deleted_at timestamptz
);
CREATE INDEX schedules_organization ON schedules (organization_id, id);
CREATE INDEX schedules_snapshot ON schedules (snapshot_id, id);

-- The schedule that started a job.
ALTER TABLE jobs ADD COLUMN schedule_id text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE jobs DROP COLUMN schedule_id;
DROP TABLE schedules;
