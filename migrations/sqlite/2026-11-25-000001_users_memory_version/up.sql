-- How often what is remembered about a user was changed, and when all of it was last deleted.
ALTER TABLE users ADD COLUMN memory_version INTEGER NOT NULL DEFAULT 0 CHECK (memory_version >= 0);
ALTER TABLE users ADD COLUMN memories_cleared_at INTEGER;
