//! From where keys are used.

diesel::table! {
    key_addresses (key, address) {
        key -> Text,
        address -> Text,
        seen_at -> BigInt,
    }
}
