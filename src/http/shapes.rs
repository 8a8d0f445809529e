//! The objects of the API, as LNbits clients know them: null fields are present, times are ISO 8601,
//! amounts are signed millisatoshi and fees negative.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};

use crate::{
    accounts::{WalletWithKeys, policy::Sight},
    domain::{Account, Payment, Status, ids::array_from_hex},
    ledger::Ledger,
    lnurl::action,
};

/// A payment in or out of a wallet.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentShape {
    /// The payment hash, or `internal_` and the hash for the paying side of a transfer on this server.
    pub checking_id: String,
    /// SHA-256 of the preimage, hex.
    pub payment_hash: String,
    /// Whose.
    pub wallet_id: String,
    /// Millisatoshi; negative when it goes out.
    pub amount: i64,
    /// Routing fee in millisatoshi; zero or negative. While pending, the most that it can become.
    pub fee: i64,
    /// The payment request (BOLT 11).
    pub bolt11: String,
    /// The same, under the other name that clients look for.
    pub payment_request: String,
    /// Always null here.
    pub fiat_provider: Option<String>,
    /// `pending`, `success` or `failed`. `failed` is final.
    pub status: &'static str,
    /// What it is for.
    pub memo: String,
    /// When the payment request expires.
    pub expiry: String,
    /// Where the receipt is reported.
    pub webhook: Option<String>,
    /// HTTP status of that report.
    pub webhook_status: Option<String>,
    /// Proof of payment, hex. Never null once it succeeded; null before.
    pub preimage: Option<String>,
    /// `extra.tag` at creation.
    pub tag: Option<String>,
    /// The extension that made it.
    pub extension: Option<String>,
    /// When it was made.
    pub time: String,
    /// The same.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Free-form.
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
    /// The caller's own name for it.
    pub external_id: Option<String>,
    /// The most that routing may cost, in millisatoshi; only on payments over Lightning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_limit_msat: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl PaymentShape {
    /// Shows a payment. Its preimage is shown once it was paid, and not a moment before.
    pub fn of(payment: Payment, ledger: &Ledger) -> Self {
        let preimage = if payment.status == Status::Success { ledger.preimage(&payment) } else { None };
        let external = payment.kind == crate::domain::Kind::External;
        let mut extra = payment.extra_object();
        if let Some(text) = unsealed(&extra, preimage.as_deref()) {
            extra.insert("success_action_text".to_owned(), text.into());
        }
        Self {
            preimage,
            extra,
            amount: payment.amount_msat.0,
            fee: payment.fee_msat.negated().0,
            status: payment.status.as_str(),
            expiry: payment.expires_at.to_string(),
            time: payment.created_at.to_string(),
            created_at: payment.created_at.to_string(),
            updated_at: payment.updated_at.to_string(),
            labels: payment.label_list(),
            fee_limit_msat: external.then_some(payment.fee_limit_msat.0),
            payment_request: payment.bolt11.clone(),
            bolt11: payment.bolt11,
            checking_id: payment.checking_id,
            payment_hash: payment.payment_hash.to_string(),
            wallet_id: payment.wallet_id.to_string(),
            fiat_provider: None,
            memo: payment.memo,
            webhook: payment.webhook,
            webhook_status: payment.webhook_status,
            tag: payment.tag,
            extension: payment.extension,
            external_id: payment.external_id,
            failure: payment.failure,
        }
    }
}

/// What a service sealed for whoever has the preimage.
fn unsealed(extra: &Map<String, Value>, preimage: Option<&str>) -> Option<String> {
    let action = extra.get("success_action")?.as_str()?;
    action::unsealed(action, &array_from_hex(preimage?)?)
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct PageOf<T> {
    /// The records of this page.
    pub data: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
}

/// A page of each kind of record has a name of its own in the document; a derived schema would have one for all.
impl<T: ToSchema> ToSchema for PageOf<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("PageOf{}", T::name()).into()
    }

    fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
        all.push((T::name().into_owned(), T::schema()));
        T::schemas(all);
    }
}

impl<T: ToSchema> PartialSchema for PageOf<T> {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("How many there are on all pages."));
        let records = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let page = ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property("data", records.description(Some("The records of this page.")))
            .property("total", count)
            .required("data")
            .required("total");
        page.into()
    }
}

/// A wallet with its keys, for its owner.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletShape {
    /// Names it.
    pub id: String,
    /// Whose.
    pub user: String,
    /// `lightning`; `lightning-shared` where it is somebody else's.
    pub wallet_type: &'static str,
    /// Spends.
    pub adminkey: String,
    /// Receives and reads.
    pub inkey: String,
    /// Its name for people.
    pub name: String,
    /// The wallet that it stands for, where that is somebody else's.
    pub shared_wallet_id: Option<String>,
    /// Deleted wallets keep their money.
    pub deleted: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Accounting currency.
    pub currency: Option<String>,
    /// Local part of its lightning address.
    pub lightning_address: Option<String>,
    /// What it holds, in millisatoshi.
    pub balance_msat: i64,
    /// How apps show it.
    #[schema(value_type = Object)]
    pub extra: Value,
    /// Remembered pay links.
    #[schema(value_type = Object)]
    pub stored_paylinks: Value,
    /// What its user may do, where it is somebody else's.
    pub share_permissions: Vec<String>,
}

/// What stands for a key that the caller may not see.
const MASKED: &str = "********";

impl WalletShape {
    /// Shows a wallet, with the keys that the caller may see.
    pub fn seen(opened: WalletWithKeys, sight: Sight) -> Self {
        let shown = |key: String, may: bool| if may { key } else { MASKED.to_owned() };
        let wallet = opened.wallet;
        let looks = wallet.appearance();
        let links: Value = serde_json::from_str(&wallet.stored_paylinks).unwrap_or_else(|_| json!([]));
        Self {
            id: wallet.id.to_string(),
            user: wallet.account_id.to_string(),
            wallet_type: "lightning",
            adminkey: shown(opened.admin_key, sight.admin_key),
            inkey: shown(opened.invoice_key, sight.invoice_key),
            name: wallet.name,
            shared_wallet_id: None,
            deleted: wallet.deleted,
            created_at: wallet.created_at.to_string(),
            updated_at: wallet.updated_at.to_string(),
            currency: wallet.currency,
            lightning_address: wallet.lightning_address,
            balance_msat: wallet.balance_msat.0,
            extra: json!({ "icon": looks.icon, "color": looks.color, "pinned": looks.pinned, "shared_with": [] }),
            stored_paylinks: json!({ "links": links }),
            share_permissions: Vec::new(),
        }
    }

    /// Hides the keys.
    pub fn mask(&mut self) {
        MASKED.clone_into(&mut self.adminkey);
        MASKED.clone_into(&mut self.inkey);
    }

    /// Marks it as somebody else's.
    pub fn shared_by(&mut self, source: String) {
        self.wallet_type = "lightning-shared";
        self.shared_wallet_id = Some(source);
    }
}

/// A person with his wallets.
#[expect(clippy::struct_excessive_bools, reason = "the flags are the wire contract's")]
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserShape {
    /// Names the account for ever.
    pub id: String,
    /// May it be used?
    pub activated: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// E-mail.
    pub email: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Nostr public key.
    pub pubkey: Option<String>,
    /// The operator's own name for it.
    pub external_id: Option<String>,
    /// Enabled extensions.
    pub extensions: Vec<String>,
    /// Its wallets; never empty.
    pub wallets: Vec<WalletShape>,
    /// Is it an administrator?
    pub admin: bool,
    /// Is it the super user?
    pub super_user: bool,
    /// Fiat providers it may use.
    pub fiat_providers: Vec<String>,
    /// Can it log in by password?
    pub has_password: bool,
    /// Profile.
    #[schema(value_type = Object)]
    pub extra: Value,
    /// What the user interface remembers.
    #[schema(value_type = Object)]
    pub ui_customization: Value,
}

impl UserShape {
    /// Shows an account with its wallets.
    pub fn of(account: Account, wallets: Vec<WalletWithKeys>, sight: Sight) -> Self {
        Self {
            extra: profile(&account),
            ui_customization: serde_json::from_str(&account.ui_customization).unwrap_or_else(|_| json!({})),
            id: account.id.to_string(),
            activated: account.activated,
            created_at: account.created_at.to_string(),
            updated_at: account.updated_at.to_string(),
            email: account.email,
            username: account.username,
            pubkey: account.pubkey,
            external_id: account.external_id,
            extensions: Vec::new(),
            wallets: wallets.into_iter().map(|wallet| WalletShape::seen(wallet, sight)).collect(),
            admin: account.super_user || account.admin,
            super_user: account.super_user,
            fiat_providers: Vec::new(),
            has_password: account.password_hash.is_some(),
        }
    }
}

/// The profile: what the person said of himself over what the server says.
pub fn profile(account: &Account) -> Value {
    let mut profile = json!({
        "email_verified": account.email_verified,
        "first_name": null,
        "last_name": null,
        "display_name": null,
        "picture": null,
        "provider": account.provider,
        "visible_wallet_count": 10,
        "notifications": {
            "nostr_identifier": null, "telegram_chat_id": null, "email_address": null, "excluded_wallets": [],
            "outgoing_payments_sats": 0, "incoming_payments_sats": 0
        },
        "wallet_invite_requests": [],
        "labels": []
    });
    if let Some(object) = profile.as_object_mut() {
        object.extend(account.extra_object());
    }
    profile
}
