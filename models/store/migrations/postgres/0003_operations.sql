-- +goose Up
-- What an operation did: "write", "accept" or "reject" (of suggestions).
ALTER TABLE operations ADD COLUMN kind text NOT NULL DEFAULT 'write';

-- +goose Down
ALTER TABLE operations DROP COLUMN kind;
