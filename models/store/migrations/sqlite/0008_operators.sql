-- +goose Up
-- A link made for an operator opens a session that may read the payloads of
-- workflows, of every organization, until the time noted with it.
ALTER TABLE sign_in_links ADD COLUMN operator boolean NOT NULL DEFAULT false;
ALTER TABLE sessions ADD COLUMN operates_until datetime;

-- +goose Down
ALTER TABLE sessions DROP COLUMN operates_until;
ALTER TABLE sign_in_links DROP COLUMN operator;
