-- +goose Up
-- What tables.records_version became when an item last changed what is held of
-- its record: a page that was asked for before that may show older values.
ALTER TABLE items ADD COLUMN settled_version bigint NOT NULL DEFAULT 0;
CREATE INDEX items_settled ON items (table_id, settled_version) WHERE settled_version > 0;
-- Records of a run whose page was passed over for that reason.
ALTER TABLE download_runs ADD COLUMN passed_over bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE download_runs DROP COLUMN passed_over;
DROP INDEX items_settled;
ALTER TABLE items DROP COLUMN settled_version;
