//! The tables, as `migrations/postgres` makes them.

diesel::table! {
    users (id) {
        id -> Uuid,
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
        id -> Uuid,
        user_id -> Uuid,
        refresh_hash -> Binary,
        created_at -> BigInt,
        last_used_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}
