-- Times are milliseconds since 1970 (UTC). No foreign key crosses two ports: users and sessions may each move to another
-- store alone.

CREATE TABLE users (
    id              uuid    NOT NULL PRIMARY KEY,
    revision        bigint  NOT NULL CHECK (revision > 0),
    username        text    NOT NULL,
    -- "C": an index in a language's order breaks when the operating system's rules for that language change.
    folded_username text    COLLATE "C" NOT NULL,
    display_name    text,
    default_model   text,
    memory_enabled  boolean NOT NULL,
    password_hash   text    NOT NULL,
    api_key_sealed  bytea,
    api_key_hint    text,
    created_at      bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    CHECK ((api_key_sealed IS NULL) = (api_key_hint IS NULL))
);

CREATE UNIQUE INDEX users_folded_username ON users (folded_username);

CREATE TABLE sessions (
    id           uuid   NOT NULL PRIMARY KEY,
    user_id      uuid   NOT NULL,
    refresh_hash bytea  NOT NULL CHECK (octet_length(refresh_hash) = 32),
    created_at   bigint NOT NULL,
    last_used_at bigint NOT NULL,
    expires_at   bigint NOT NULL,
    revoked_at   bigint
);

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
