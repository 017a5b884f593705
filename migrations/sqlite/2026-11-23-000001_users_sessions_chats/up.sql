-- Ids are UUIDs as 16 bytes, times are milliseconds since 1970 (UTC), money is an exact decimal as text.
-- No foreign key crosses two ports: users, sessions and chats may each move to another store alone.

CREATE TABLE users (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    revision        INTEGER NOT NULL CHECK (revision > 0),
    username        TEXT    NOT NULL,
    folded_username TEXT    NOT NULL,
    display_name    TEXT,
    default_model   TEXT,
    memory_enabled  INTEGER NOT NULL CHECK (memory_enabled IN (0, 1)),
    password_hash   TEXT    NOT NULL,
    api_key_sealed  BLOB,
    api_key_hint    TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    CHECK ((api_key_sealed IS NULL) = (api_key_hint IS NULL))
) STRICT;

CREATE UNIQUE INDEX users_folded_username ON users (folded_username);

CREATE TABLE sessions (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB    NOT NULL CHECK (length(user_id) = 16),
    refresh_hash BLOB    NOT NULL CHECK (length(refresh_hash) = 32),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE chats (
    id                BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id           BLOB    NOT NULL CHECK (length(user_id) = 16),
    title             TEXT    NOT NULL,
    -- How many turns were begun; the next one's seq is one more.
    turns             INTEGER NOT NULL CHECK (turns BETWEEN 0 AND 4294967295),
    -- What all answers used. NULL is 'nobody reported it', which is not zero.
    prompt_tokens     INTEGER CHECK (prompt_tokens >= 0),
    completion_tokens INTEGER CHECK (completion_tokens >= 0),
    total_tokens      INTEGER CHECK (total_tokens >= 0),
    cost              TEXT,
    -- The turn that is being answered: all three, or none.
    active_turn_id    BLOB    CHECK (length(active_turn_id) = 16),
    active_owner      BLOB    CHECK (length(active_owner) = 16),
    active_until      INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CHECK ((active_turn_id IS NULL) = (active_owner IS NULL) AND (active_turn_id IS NULL) = (active_until IS NULL))
) STRICT;

CREATE UNIQUE INDEX chats_user ON chats (user_id, id DESC);
CREATE INDEX chats_lease ON chats (active_until) WHERE active_until IS NOT NULL;

-- The short columns come first, so that reading them does not walk through the long texts.
CREATE TABLE turns (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    chat_id        BLOB    NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id        BLOB    NOT NULL CHECK (length(user_id) = 16),
    seq            INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 4294967295),
    status         TEXT    NOT NULL,
    failure        TEXT,
    memory_allowed INTEGER NOT NULL CHECK (memory_allowed IN (0, 1)),
    created_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    -- The work of remembering, if there is any.
    job_state      TEXT,
    job_tries      INTEGER CHECK (job_tries BETWEEN 0 AND 4294967295),
    job_next_at    INTEGER,
    job_owner      BLOB    CHECK (length(job_owner) = 16),
    job_until      INTEGER,
    -- When the work may be taken up: not before its time, and not while somebody's lease lasts.
    -- Stored, so that the index gives it without the row.
    job_due_at     INTEGER GENERATED ALWAYS AS
        (CASE job_state WHEN 'waiting' THEN job_next_at WHEN 'claimed' THEN job_until END) STORED,
    prompt         TEXT    NOT NULL,
    reply          TEXT,
    -- JSON arrays of RecalledMemory and Attempt.
    recalled       TEXT    NOT NULL,
    attempts       TEXT    NOT NULL,
    CHECK ((job_state IS NULL) = (job_tries IS NULL) AND (job_state IS NULL) = (job_next_at IS NULL)),
    CHECK ((job_owner IS NULL) = (job_until IS NULL))
) STRICT;

CREATE UNIQUE INDEX turns_chat_seq ON turns (chat_id, seq);
-- A context holds complete turns only: finding the last few must not walk through failed ones.
CREATE INDEX turns_complete ON turns (chat_id, seq) WHERE status = 'complete';
-- Holds open jobs only, in the order in which they are taken up.
CREATE INDEX turns_jobs ON turns (created_at, id, job_due_at) WHERE job_due_at IS NOT NULL;
