//! The tables as the queries see them; the migrations of both databases create exactly these.

mod funding;
mod keys;
mod lnurl;
mod push;

pub use funding::funding_sources;
pub use keys::key_addresses;
pub use lnurl::{link_claims, links};
pub use push::{push_messages, push_subscriptions};

diesel::table! {
    accounts (id) {
        id -> Text,
        username -> Nullable<Text>,
        username_key -> Nullable<Text>,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        password_hash -> Nullable<Text>,
        pubkey -> Nullable<Text>,
        external_id -> Nullable<Text>,
        provider -> Text,
        super_user -> Bool,
        activated -> Bool,
        email_verified -> Bool,
        tier -> Text,
        extra -> Text,
        ui_customization -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        admin -> Bool,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        account_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        user_agent -> Text,
        last_used_at -> Nullable<BigInt>,
        last_used_ip -> Nullable<Text>,
        impersonated_by -> Nullable<Text>,
    }
}

diesel::table! {
    acls (id) {
        id -> Text,
        account_id -> Text,
        name -> Text,
        entries -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    credentials (id) {
        id -> Text,
        kind -> Text,
        account_id -> Text,
        minted_by -> Nullable<Text>,
        name -> Text,
        secret_hash -> Binary,
        previous_hash -> Nullable<Binary>,
        previous_until -> Nullable<BigInt>,
        scope -> Text,
        acl_id -> Nullable<Text>,
        wallets -> Nullable<Text>,
        limits -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        last_used_ip -> Nullable<Text>,
    }
}

diesel::table! {
    acl_makers (acl_id) {
        acl_id -> Text,
        credential_id -> Text,
    }
}

diesel::table! {
    budget_windows (credential_id, window_start) {
        credential_id -> Text,
        window_start -> BigInt,
        spent_msat -> BigInt,
    }
}

diesel::table! {
    old_secret_uses (credential_id) {
        credential_id -> Text,
        last_used_at -> BigInt,
        last_used_ip -> Nullable<Text>,
    }
}

diesel::table! {
    budget_charges (payment_id, credential_id) {
        payment_id -> BigInt,
        credential_id -> Text,
        window_start -> BigInt,
        amount_msat -> BigInt,
    }
}

diesel::table! {
    idempotency (key_hash) {
        key_hash -> Binary,
        fields -> Text,
        owner -> Text,
        lease_until -> BigInt,
        response -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

diesel::table! {
    counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    wallets (id) {
        id -> Text,
        account_id -> Text,
        name -> Text,
        admin_key_hash -> Binary,
        admin_key_sealed -> Binary,
        invoice_key_hash -> Binary,
        invoice_key_sealed -> Binary,
        balance_msat -> BigInt,
        currency -> Nullable<Text>,
        lightning_address -> Nullable<Text>,
        extra -> Text,
        stored_paylinks -> Text,
        deleted -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
        source_wallet_id -> Nullable<Text>,
    }
}

diesel::table! {
    shares (id) {
        id -> Text,
        wallet_id -> Text,
        account_id -> Text,
        invitee -> Text,
        may_view -> Bool,
        may_receive -> Bool,
        may_send -> Bool,
        may_manage -> Bool,
        role -> Text,
        limits -> Text,
        budget_id -> Text,
        status -> Text,
        mirror_wallet_id -> Nullable<Text>,
        invited_by -> Text,
        accepted_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    payments (id) {
        id -> BigInt,
        wallet_id -> Text,
        kind -> Text,
        status -> Text,
        checking_id -> Text,
        payment_hash -> Text,
        amount_msat -> BigInt,
        fee_msat -> BigInt,
        hold_msat -> BigInt,
        fee_limit_msat -> BigInt,
        memo -> Text,
        bolt11 -> Text,
        preimage_sealed -> Nullable<Binary>,
        expires_at -> BigInt,
        webhook -> Nullable<Text>,
        webhook_status -> Nullable<Text>,
        tag -> Nullable<Text>,
        extension -> Nullable<Text>,
        labels -> Text,
        extra -> Text,
        external_id -> Nullable<Text>,
        failure -> Nullable<Text>,
        source -> Text,
        source_ref -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        dispatched_at -> Nullable<BigInt>,
        next_check_at -> Nullable<BigInt>,
        checks -> BigInt,
        idempotency -> Nullable<Binary>,
    }
}

diesel::table! {
    entries (payment_id, kind, book) {
        payment_id -> BigInt,
        kind -> Text,
        book -> Text,
        amount_msat -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    outbox (id) {
        id -> BigInt,
        wallet_id -> Text,
        payment_id -> Nullable<BigInt>,
        kind -> Text,
        balance_msat -> BigInt,
        created_at -> BigInt,
        to_report -> Bool,
        about -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Text,
        wallet_id -> Text,
        url -> Text,
        description -> Text,
        events -> Text,
        enabled -> Bool,
        secret_sealed -> Binary,
        previous_sealed -> Nullable<Binary>,
        previous_until -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> BigInt,
        endpoint_id -> Nullable<Text>,
        wallet_id -> Text,
        payment_id -> Nullable<BigInt>,
        event_id -> BigInt,
        kind -> Text,
        balance_msat -> BigInt,
        happened_at -> BigInt,
        state -> Text,
        attempts -> BigInt,
        next_at -> BigInt,
        leased_until -> Nullable<BigInt>,
        last_status -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        about -> Nullable<Text>,
    }
}

diesel::table! {
    alarms (id) {
        id -> BigInt,
        payment_id -> Nullable<BigInt>,
        kind -> Text,
        source -> Nullable<Text>,
        detail -> Text,
        created_at -> BigInt,
        acknowledged_at -> Nullable<BigInt>,
        acknowledged_by -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    tier_orders (payment_hash) {
        payment_hash -> Text,
        account_id -> Text,
        tier -> Text,
        price_msat -> BigInt,
        created_at -> BigInt,
        applied_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    identities (provider, subject) {
        provider -> Text,
        subject -> Text,
        account_id -> Text,
        email -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    nostr_events (id) {
        id -> Text,
        seen_at -> BigInt,
    }
}

diesel::table! {
    totp (account_id) {
        account_id -> Text,
        secret_sealed -> Binary,
        enabled -> Bool,
        last_step -> BigInt,
        above_sat -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

diesel::table! {
    recovery_codes (account_id, code_hash) {
        account_id -> Text,
        code_hash -> Binary,
    }
}

diesel::table! {
    passkeys (id) {
        id -> Text,
        account_id -> Text,
        name -> Text,
        credential_id -> Binary,
        static_state -> Binary,
        dynamic_state -> Binary,
        created_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    challenges (id) {
        id -> Text,
        kind -> Text,
        account_id -> Nullable<Text>,
        state -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    reset_keys (account_id) {
        account_id -> Text,
        key_hash -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    session_keys (number) {
        number -> BigInt,
        since -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        created_at -> BigInt,
        duration_us -> BigInt,
        component -> Text,
        request_method -> Text,
        path -> Text,
        request_path -> Nullable<Text>,
        details -> Nullable<Text>,
        response_code -> BigInt,
        account_id -> Nullable<Text>,
        family -> Nullable<Text>,
        credential_id -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        request_id -> Text,
        delete_at -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    audit_chain (id) {
        id -> BigInt,
        first -> BigInt,
        first_hash -> Binary,
        last -> BigInt,
        last_hash -> Binary,
        mac -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    identities,
    service_fees,
    sessions,
    acls,
    acl_makers,
    credentials,
    shares,
    old_secret_uses,
    wallets,
    payments,
    entries,
    outbox,
    idempotency,
    alarms,
    tier_orders,
    webhook_endpoints,
    webhook_deliveries,
    hold_invoices,
    push_subscriptions,
    push_messages
);

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Nullable<Text>,
        sealed -> Nullable<Binary>,
        updated_at -> BigInt,
    }
}

diesel::table! {
    service_fees (payment_id) {
        payment_id -> BigInt,
        wallet_id -> Text,
        amount_msat -> BigInt,
        booked_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    tiny_urls (id) {
        id -> Text,
        wallet_id -> Text,
        url -> Text,
        endless -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    assets (id) {
        id -> Text,
        account_id -> Text,
        mime_type -> Text,
        name -> Text,
        is_public -> Bool,
        size_bytes -> BigInt,
        thumbnail -> Binary,
        thumbnail_type -> Text,
        created_at -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    hold_invoices (payment_id) {
        payment_id -> BigInt,
        state -> Text,
        amount_msat -> BigInt,
        payer_id -> Nullable<BigInt>,
        deadline -> Nullable<BigInt>,
        alarmed -> Bool,
        updated_at -> BigInt,
    }
}
