//! The tables, as `migrations/sqlite` makes them.

diesel::table! {
    users (id) {
        id -> Binary,
        revision -> BigInt,
        username -> Text,
        folded_username -> Text,
        display_name -> Nullable<Text>,
        default_model -> Nullable<Text>,
        memory_enabled -> Bool,
        password_hash -> Text,
        api_key_sealed -> Nullable<Binary>,
        api_key_hint -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        memory_version -> BigInt,
        memories_cleared_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Binary,
        user_id -> Binary,
        refresh_hash -> Binary,
        created_at -> BigInt,
        last_used_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    chats (id) {
        id -> Binary,
        user_id -> Binary,
        title -> Text,
        turns -> BigInt,
        prompt_tokens -> Nullable<BigInt>,
        completion_tokens -> Nullable<BigInt>,
        total_tokens -> Nullable<BigInt>,
        cost -> Nullable<Text>,
        active_turn_id -> Nullable<Binary>,
        active_owner -> Nullable<Binary>,
        active_until -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    turns (id) {
        id -> Binary,
        chat_id -> Binary,
        user_id -> Binary,
        seq -> BigInt,
        status -> Text,
        failure -> Nullable<Text>,
        memory_allowed -> Bool,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        job_state -> Nullable<Text>,
        job_tries -> Nullable<BigInt>,
        job_next_at -> Nullable<BigInt>,
        job_owner -> Nullable<Binary>,
        job_until -> Nullable<BigInt>,
        /// Computed by SQLite; never written.
        job_due_at -> Nullable<BigInt>,
        prompt -> Text,
        reply -> Nullable<Text>,
        recalled -> Text,
        attempts -> Text,
    }
}
