//! Browsers that are told of payments, and what they are to be told.

diesel::table! {
    push_subscriptions (endpoint, account_id) {
        endpoint -> Text,
        account_id -> Text,
        host -> Text,
        keys_sealed -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    push_messages (id) {
        id -> BigInt,
        event_id -> BigInt,
        endpoint -> Text,
        account_id -> Text,
        payment_id -> BigInt,
        kind -> Text,
        open -> Bool,
        attempts -> BigInt,
        next_at -> BigInt,
        leased_until -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}
