//! Settings that are kept and answered so that scripts of other servers go on working, and those of funding sources.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    key::{Key, now, stored},
    kind::{Item, Kind},
};
use crate::domain::push::PushKey;

/// More than anybody needs.
pub(super) const MAX: i64 = 2_100_000_000_000_000;

pub(super) const NOTIFICATIONS: &[Key] = &[
    stored("lnbits_nostr_notifications_enabled", Kind::Flag, "false", "Messages by Nostr?"),
    stored("lnbits_nostr_notifications_private_key", Kind::Text(4000), r#""""#, "The key that signs them.").secret(),
    stored("lnbits_nostr_notifications_identifiers", Kind::List(Item::Text), "[]", "Who gets them."),
    stored("lnbits_telegram_notifications_enabled", Kind::Flag, "false", "Messages by Telegram?"),
    stored("lnbits_telegram_notifications_access_token", Kind::Text(4000), r#""""#, "The token of the bot.").secret(),
    stored("lnbits_telegram_notifications_chat_id", Kind::Text(4000), r#""""#, "Where it writes."),
    stored("lnbits_email_notifications_enabled", Kind::Flag, "false", "Messages by e-mail?"),
    stored("lnbits_email_notifications_email", Kind::Text(4000), r#""""#, "The sender."),
    stored("lnbits_email_notifications_username", Kind::Text(4000), r#""""#, "The name at the mail server."),
    stored("lnbits_email_notifications_password", Kind::Text(4000), r#""""#, "The password at the mail server.")
        .secret(),
    stored("lnbits_email_notifications_server", Kind::Text(4000), r#""smtp.protonmail.ch""#, "The mail server."),
    stored("lnbits_email_notifications_port", Kind::Int(1, 65_535), "587", "Its port."),
    stored("lnbits_email_notifications_to_emails", Kind::List(Item::Text), "[]", "Who gets them."),
    stored("lnbits_notification_settings_update", Kind::Flag, "true", "When settings change?"),
    stored("lnbits_notification_credit_debit", Kind::Flag, "true", "When the super user adds or takes?"),
    stored(
        "notification_balance_delta_threshold_sats",
        Kind::Int(0, MAX),
        "1",
        "From which difference of balances on.",
    ),
    stored("lnbits_notification_server_start_stop", Kind::Flag, "true", "When the server starts and stops?"),
    stored("lnbits_notification_watchdog", Kind::Flag, "false", "When balances are apart?"),
    stored(
        "lnbits_notification_server_status_hours",
        Kind::Int(0, MAX),
        "24",
        "Every so many hours the state; 0 for never.",
    ),
    stored("lnbits_notification_incoming_payment_amount_sats", Kind::Int(0, MAX), "1000000", "From which receipt on."),
    stored("lnbits_notification_outgoing_payment_amount_sats", Kind::Int(0, MAX), "1000000", "From which payment on."),
    stored("lnbits_webpush_pubkey", Kind::Text(4000), "null", "Kept; the key in force is told by GET /api/v1/webpush."),
    now(
        "lnbits_webpush_privkey",
        Kind::Text(4000),
        |all| all.limits.push_key.as_ref().map_or(Value::Null, |key| key.0.clone().into()),
        |all, value| {
            all.limits.push_key = match value.as_str().map(str::trim).filter(|text| !text.is_empty()) {
                None => None,
                Some(text) => {
                    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
                    let good = bytes.is_ok_and(|bytes| bytes.len() == 32 && bytes != [0; 32]);
                    Some(PushKey(good.then(|| text.to_owned()).ok_or("not 32 bytes in base64url")?))
                }
            };
            Ok(())
        },
        "The private key of web push: 32 bytes in base64url. Without one it follows from the master secret.",
    )
    .or_null()
    .secret(),
];

pub(super) const FUNDING: &[Key] = &[
    stored(
        "lnbits_backend_wallet_class",
        Kind::Text(4000),
        "null",
        "Which funding source, by the names of LNbits; null leaves it to `SATCHEL_FUNDING`.",
    )
    .source(),
    stored("fake_wallet_secret", Kind::Text(4000), r#""ToTheMoon1""#, "Of a FakeWallet.").or_null().secret().source(),
    stored("lnbits_endpoint", Kind::Text(4000), r#""https://demo.lnbits.com""#, "Of an LNbitsWallet.")
        .or_null()
        .source(),
    stored("lnbits_key", Kind::Text(4000), "null", "Of an LNbitsWallet.").secret().source(),
    stored("lnbits_admin_key", Kind::Text(4000), "null", "Of an LNbitsWallet.").secret().source(),
    stored("lnbits_invoice_key", Kind::Text(4000), "null", "Of an LNbitsWallet.").secret().source(),
    stored("lnd_rest_endpoint", Kind::Text(4000), "null", "Of an LndRestWallet.").source(),
    stored("lnd_rest_cert", Kind::Text(4000), "null", "Of an LndRestWallet.").source(),
    stored("lnd_rest_macaroon", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_rest_macaroon_encrypted", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_rest_route_hints", Kind::Flag, "true", "Of an LndRestWallet.").source(),
    stored("lnd_rest_allow_self_payment", Kind::Flag, "false", "Of an LndRestWallet.").source(),
    stored("lnd_cert", Kind::Text(4000), "null", "Of an LndRestWallet.").source(),
    stored("lnd_admin_macaroon", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_invoice_macaroon", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_rest_admin_macaroon", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_rest_invoice_macaroon", Kind::Text(4000), "null", "Of an LndRestWallet.").secret().source(),
    stored("lnd_grpc_endpoint", Kind::Text(4000), "null", "Of an LndWallet.").source(),
    stored("lnd_grpc_cert", Kind::Text(4000), "null", "Of an LndWallet.").source(),
    stored("lnd_grpc_macaroon", Kind::Text(4000), "null", "Of an LndWallet.").secret().source(),
    stored("lnd_grpc_macaroon_encrypted", Kind::Text(4000), "null", "Of an LndWallet.").secret().source(),
    stored("lnd_grpc_admin_macaroon", Kind::Text(4000), "null", "Of an LndWallet.").secret().source(),
    stored("lnd_grpc_invoice_macaroon", Kind::Text(4000), "null", "Of an LndWallet.").secret().source(),
    stored("lnd_grpc_allow_self_payment", Kind::Flag, "false", "Of an LndWallet.").source(),
    stored("lnd_grpc_port", Kind::Int(1, 65_535), "null", "Of an LndWallet.").source(),
    stored("corelightning_rpc", Kind::Text(4000), "null", "Of a CoreLightningWallet.").source(),
    stored("clightning_rpc", Kind::Text(4000), "null", "Of a CoreLightningWallet.").source(),
    stored("corelightning_pay_command", Kind::Text(4000), r#""pay""#, "Of a CoreLightningWallet.").or_null().source(),
    stored("corelightning_rest_url", Kind::Text(4000), "null", "Of a CoreLightningRestWallet.").source(),
    stored("corelightning_rest_macaroon", Kind::Text(4000), "null", "Of a CoreLightningRestWallet.").secret().source(),
    stored("corelightning_rest_cert", Kind::Text(4000), "null", "Of a CoreLightningRestWallet.").source(),
    stored("clnrest_url", Kind::Text(4000), "null", "Of a CLNRestWallet.").source(),
    stored("clnrest_ca", Kind::Text(4000), "null", "Of a CLNRestWallet.").source(),
    stored("clnrest_cert", Kind::Text(4000), "null", "Of a CLNRestWallet.").source(),
    stored("clnrest_readonly_rune", Kind::Text(4000), "null", "Of a CLNRestWallet.").secret().source(),
    stored("clnrest_invoice_rune", Kind::Text(4000), "null", "Of a CLNRestWallet.").secret().source(),
    stored("clnrest_pay_rune", Kind::Text(4000), "null", "Of a CLNRestWallet.").secret().source(),
    stored("clnrest_renepay_rune", Kind::Text(4000), "null", "Of a CLNRestWallet.").secret().source(),
    stored("clnrest_last_pay_index", Kind::Text(4000), "null", "Of a CLNRestWallet.").source(),
    stored("clnrest_nodeid", Kind::Text(4000), "null", "Of a CLNRestWallet.").source(),
    stored("eclair_url", Kind::Text(4000), "null", "Of an EclairWallet.").source(),
    stored("eclair_pass", Kind::Text(4000), "null", "Of an EclairWallet.").secret().source(),
    stored("phoenixd_api_endpoint", Kind::Text(4000), r#""http://localhost:9740/""#, "Of a PhoenixdWallet.")
        .or_null()
        .source(),
    stored("phoenixd_api_password", Kind::Text(4000), "null", "Of a PhoenixdWallet.").secret().source(),
    stored("phoenixd_data_dir", Kind::Text(4000), "null", "Of a PhoenixdWallet.").source(),
    stored("phoenixd_mnemonic", Kind::Text(4000), "null", "Of a PhoenixdWallet.").secret().source(),
    stored("phoenixd_mnemonic_backup_confirmed", Kind::Flag, "false", "Of a PhoenixdWallet.").source(),
    stored("nwc_pairing_url", Kind::Text(4000), "null", "Of an NWCWallet.").secret().source(),
    stored("blink_api_endpoint", Kind::Text(4000), r#""https://api.blink.sv/graphql""#, "Of a BlinkWallet.")
        .or_null()
        .source(),
    stored("blink_ws_endpoint", Kind::Text(4000), r#""wss://ws.blink.sv/graphql""#, "Of a BlinkWallet.")
        .or_null()
        .source(),
    stored("blink_token", Kind::Text(4000), "null", "Of a BlinkWallet.").secret().source(),
    stored("blink_send_without_probe", Kind::Flag, "true", "Of a BlinkWallet.").source(),
    stored("alby_api_endpoint", Kind::Text(4000), r#""https://api.getalby.com/""#, "Of an AlbyWallet.")
        .or_null()
        .source(),
    stored("alby_access_token", Kind::Text(4000), "null", "Of an AlbyWallet.").secret().source(),
    stored("zbd_api_endpoint", Kind::Text(4000), r#""https://api.zebedee.io/v0/""#, "Of a ZBDWallet.")
        .or_null()
        .source(),
    stored("zbd_api_key", Kind::Text(4000), "null", "Of a ZBDWallet.").secret().source(),
    stored("opennode_api_endpoint", Kind::Text(4000), r#""https://api.opennode.com/""#, "Of an OpenNodeWallet.")
        .or_null()
        .source(),
    stored("opennode_key", Kind::Text(4000), "null", "Of an OpenNodeWallet.").secret().source(),
    stored("opennode_admin_key", Kind::Text(4000), "null", "Of an OpenNodeWallet.").secret().source(),
    stored("opennode_invoice_key", Kind::Text(4000), "null", "Of an OpenNodeWallet.").secret().source(),
    stored("lnpay_api_endpoint", Kind::Text(4000), r#""https://api.lnpay.co/v1/""#, "Of an LNPayWallet.")
        .or_null()
        .source(),
    stored("lnpay_api_key", Kind::Text(4000), "null", "Of an LNPayWallet.").secret().source(),
    stored("lnpay_wallet_key", Kind::Text(4000), "null", "Of an LNPayWallet.").secret().source(),
    stored("lnpay_admin_key", Kind::Text(4000), "null", "Of an LNPayWallet.").secret().source(),
    stored("lntips_api_endpoint", Kind::Text(4000), r#""https://ln.tips""#, "Of an LnTipsWallet.").or_null().source(),
    stored("lntips_api_key", Kind::Text(4000), "null", "Of an LnTipsWallet.").secret().source(),
    stored("lntips_admin_key", Kind::Text(4000), "null", "Of an LnTipsWallet.").secret().source(),
    stored("lntips_invoice_key", Kind::Text(4000), "null", "Of an LnTipsWallet.").secret().source(),
    stored("spark_url", Kind::Text(4000), "null", "Of a SparkWallet.").source(),
    stored("spark_token", Kind::Text(4000), "null", "Of a SparkWallet.").secret().source(),
    stored("strike_api_endpoint", Kind::Text(4000), r#""https://api.strike.me/v1""#, "Of a StrikeWallet.")
        .or_null()
        .source(),
    stored("strike_api_key", Kind::Text(4000), "null", "Of a StrikeWallet.").secret().source(),
    stored("bark_api_endpoint", Kind::Text(4000), "null", "Of a BarkWallet.").source(),
    stored("bark_api_token", Kind::Text(4000), "null", "Of a BarkWallet.").secret().source(),
    stored("spark_l2_network", Kind::Text(4000), r#""MAINNET""#, "Of a SparkL2Wallet.").or_null().source(),
    stored("spark_l2_external_endpoint", Kind::Text(4000), "null", "Of a SparkL2Wallet.").source(),
    stored("spark_l2_external_api_key", Kind::Text(4000), "null", "Of a SparkL2Wallet.").secret().source(),
    stored("spark_l2_mnemonic", Kind::Text(4000), "null", "Of a SparkL2Wallet.").secret().source(),
    stored("spark_l2_mnemonic_backup_confirmed", Kind::Flag, "false", "Of a SparkL2Wallet.").source(),
    stored("spark_l2_pay_wait_ms", Kind::Int(0, MAX), "4000", "Of a SparkL2Wallet.").source(),
    stored("spark_l2_pay_poll_ms", Kind::Int(0, MAX), "500", "Of a SparkL2Wallet.").source(),
    stored("spark_l2_stream_keepalive_ms", Kind::Int(0, MAX), "15000", "Of a SparkL2Wallet.").source(),
    stored("breez_api_key", Kind::Text(4000), "null", "Of a BreezSdkWallet.").secret().source(),
    stored("breez_greenlight_seed", Kind::Text(4000), "null", "Of a BreezSdkWallet.").secret().source(),
    stored("breez_greenlight_invite_code", Kind::Text(4000), "null", "Of a BreezSdkWallet.").source(),
    stored("breez_greenlight_device_key", Kind::Text(4000), "null", "Of a BreezSdkWallet.").secret().source(),
    stored("breez_greenlight_device_cert", Kind::Text(4000), "null", "Of a BreezSdkWallet.").source(),
    stored("breez_use_trampoline", Kind::Flag, "true", "Of a BreezSdkWallet.").source(),
    stored("breez_liquid_api_key", Kind::Text(4000), "null", "Of a BreezLiquidSdkWallet.").secret().source(),
    stored("breez_liquid_seed", Kind::Text(4000), "null", "Of a BreezLiquidSdkWallet.").secret().source(),
    stored("breez_liquid_fee_offset_sat", Kind::Int(0, MAX), "50", "Of a BreezLiquidSdkWallet.").source(),
    stored("boltz_client_endpoint", Kind::Text(4000), r#""127.0.0.1:9002""#, "Of a BoltzWallet.").or_null().source(),
    stored("boltz_client_macaroon", Kind::Text(4000), "null", "Of a BoltzWallet.").secret().source(),
    stored("boltz_client_password", Kind::Text(4000), "null", "Of a BoltzWallet.").secret().source(),
    stored("boltz_client_cert", Kind::Text(4000), "null", "Of a BoltzWallet.").source(),
    stored("boltz_mnemonic", Kind::Text(4000), "null", "Of a BoltzWallet.").secret().source(),
    stored("cliche_endpoint", Kind::Text(4000), "null", "Of a ClicheWallet.").source(),
];

pub(super) const FIAT: &[Key] = &[
    stored("stripe_enabled", Kind::Flag, "false", "Payments by Stripe?"),
    stored("stripe_api_endpoint", Kind::Url, r#""https://api.stripe.com""#, "The API of Stripe."),
    stored("stripe_api_secret_key", Kind::Text(4000), "null", "Of the account at Stripe.").secret(),
    stored("stripe_webhook_signing_secret", Kind::Text(4000), "null", "Of the account at Stripe.").secret(),
    stored("stripe_payment_success_url", Kind::Text(2000), r#""https://lnbits.com""#, "Where payers go afterwards."),
    stored(
        "stripe_payment_webhook_url",
        Kind::Text(2000),
        r#""https://your-lnbits-domain-here.com/api/v1/callback/stripe""#,
        "Where Stripe reports payments.",
    ),
    stored(
        "stripe_limits",
        Kind::Object,
        r#"{"allowed_users":[],"service_max_fee_sats":0,"service_fee_percent":0,"service_fee_wallet_id":null,"service_min_amount_sats":0,"service_max_amount_sats":0,"service_faucet_wallet_id":""}"#,
        "Who pays by Stripe, how much, and what it costs.",
    ),
    stored("paypal_enabled", Kind::Flag, "false", "Payments by Paypal?"),
    stored("paypal_api_endpoint", Kind::Url, r#""https://api.paypal.com""#, "The API of Paypal."),
    stored("paypal_client_id", Kind::Text(4000), "null", "Of the account at Paypal."),
    stored("paypal_client_secret", Kind::Text(4000), "null", "Of the account at Paypal.").secret(),
    stored("paypal_webhook_id", Kind::Text(4000), "null", "Of the account at Paypal."),
    stored("paypal_payment_success_url", Kind::Text(2000), r#""https://lnbits.com""#, "Where payers go afterwards."),
    stored(
        "paypal_payment_webhook_url",
        Kind::Text(2000),
        r#""https://your-lnbits-domain-here.com/api/v1/callback/paypal""#,
        "Where Paypal reports payments.",
    ),
    stored(
        "paypal_limits",
        Kind::Object,
        r#"{"allowed_users":[],"service_max_fee_sats":0,"service_fee_percent":0,"service_fee_wallet_id":null,"service_min_amount_sats":0,"service_max_amount_sats":0,"service_faucet_wallet_id":""}"#,
        "Who pays by Paypal, how much, and what it costs.",
    ),
    stored("square_enabled", Kind::Flag, "false", "Payments by Square?"),
    stored("square_api_endpoint", Kind::Url, r#""https://connect.squareup.com""#, "The API of Square."),
    stored("square_access_token", Kind::Text(4000), "null", "Of the account at Square.").secret(),
    stored("square_location_id", Kind::Text(4000), "null", "Of the account at Square."),
    stored("square_webhook_signature_key", Kind::Text(4000), "null", "Of the account at Square.").secret(),
    stored("square_payment_success_url", Kind::Text(2000), r#""https://lnbits.com""#, "Where payers go afterwards."),
    stored(
        "square_payment_webhook_url",
        Kind::Text(2000),
        r#""https://your-lnbits-domain-here.com/api/v1/callback/square""#,
        "Where Square reports payments.",
    ),
    stored(
        "square_limits",
        Kind::Object,
        r#"{"allowed_users":[],"service_max_fee_sats":0,"service_fee_percent":0,"service_fee_wallet_id":null,"service_min_amount_sats":0,"service_max_amount_sats":0,"service_faucet_wallet_id":""}"#,
        "Who pays by Square, how much, and what it costs.",
    ),
    stored("revolut_enabled", Kind::Flag, "false", "Payments by Revolut?"),
    stored("revolut_api_endpoint", Kind::Url, r#""https://merchant.revolut.com""#, "The API of Revolut."),
    stored("revolut_api_secret_key", Kind::Text(4000), "null", "Of the account at Revolut.").secret(),
    stored("revolut_webhook_id", Kind::Text(4000), "null", "Of the account at Revolut."),
    stored("revolut_webhook_signing_secret", Kind::Text(4000), "null", "Of the account at Revolut.").secret(),
    stored("revolut_payment_success_url", Kind::Text(2000), r#""https://lnbits.com""#, "Where payers go afterwards."),
    stored(
        "revolut_payment_webhook_url",
        Kind::Text(2000),
        r#""https://your-lnbits-domain-here.com/api/v1/callback/revolut""#,
        "Where Revolut reports payments.",
    ),
    stored(
        "revolut_limits",
        Kind::Object,
        r#"{"allowed_users":[],"service_max_fee_sats":0,"service_fee_percent":0,"service_fee_wallet_id":null,"service_min_amount_sats":0,"service_max_amount_sats":0,"service_faucet_wallet_id":""}"#,
        "Who pays by Revolut, how much, and what it costs.",
    ),
];

pub(super) const MORE: &[Key] = &[
    stored("lnbits_node_ui", Kind::Flag, "false", "A page of the node for the super user."),
    stored("lnbits_public_node_ui", Kind::Flag, "false", "A page of the node for everybody."),
    stored("lnbits_node_ui_transactions", Kind::Flag, "false", "With its transactions."),
    stored("lnbits_blockexplorer_enabled", Kind::Flag, "false", "A block explorer."),
    stored("lnbits_blockexplorer_public_api", Kind::Flag, "false", "Its API for everybody."),
    stored("lnbits_blockexplorer_in_user_menu", Kind::Flag, "false", "Its place in the menu."),
    stored("lnbits_blockexplorer_electrum_url", Kind::Text(2000), "null", "The server that it asks."),
    stored("lnbits_blockexplorer_network", Kind::Text(20), r#""main""#, "The network that it shows."),
    stored("lnbits_admin_extensions", Kind::List(Item::Text), "[]", "Extensions for the super user alone."),
    stored("lnbits_user_default_extensions", Kind::List(Item::Text), "[]", "Extensions that new users have."),
    stored("lnbits_extensions_deactivate_all", Kind::Flag, "false", "Are extensions off?"),
    stored("lnbits_extensions_manifests", Kind::List(Item::Text), "[]", "Where extensions are looked for."),
    stored(
        "lnbits_extensions_builder_manifest_url",
        Kind::Text(2000),
        "null",
        "Where stubs of extensions are looked for.",
    ),
];
