//! Links of wallets, and what was handed in at them.

diesel::table! {
    links (id) {
        id -> Text,
        wallet_id -> Text,
        kind -> Text,
        title -> Text,
        min_msat -> BigInt,
        max_msat -> BigInt,
        comment_max -> BigInt,
        success_message -> Nullable<Text>,
        success_url -> Nullable<Text>,
        webhook -> Nullable<Text>,
        uses -> BigInt,
        used -> BigInt,
        pause_seconds -> BigInt,
        open_until -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        enabled -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
        currency -> Nullable<Text>,
        min_milli -> BigInt,
        max_milli -> BigInt,
        payer_data -> Nullable<Text>,
        description -> Nullable<Text>,
        secret_sealed -> Nullable<Binary>,
    }
}

diesel::table! {
    link_claims (payment_hash) {
        payment_hash -> Text,
        link_id -> Text,
        wallet_id -> Text,
        bolt11 -> Text,
        memo -> Text,
        open -> Bool,
        check_at -> BigInt,
        checks -> BigInt,
        created_at -> BigInt,
    }
}
