-- +goose Up
-- The upload a connection reads, empty for services that read none: the
-- credential that names it is sealed, and a file in use must not be deleted.
ALTER TABLE connections ADD COLUMN upload_id text NOT NULL DEFAULT '';
UPDATE connections SET upload_id = coalesce(hint->>'upload_id', '') WHERE service = 'csv' AND deleted_at IS NULL;
CREATE INDEX connections_upload ON connections (upload_id) WHERE upload_id <> '';

-- +goose Down
DROP INDEX connections_upload;
ALTER TABLE connections DROP COLUMN upload_id;
