-- +goose Up
-- What the credential reaches, alike for every credential that reaches the same
-- objects; empty where the service does not say, or was not asked yet.
ALTER TABLE connections ADD COLUMN realm text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE connections DROP COLUMN realm;
