//! Where money was sent and received.

diesel::table! {
    funding_sources (name) {
        name -> Text,
        class -> Text,
        network -> Text,
        identity -> Text,
        settings_sealed -> Binary,
        chosen_at -> BigInt,
    }
}
