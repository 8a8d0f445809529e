//! Other people's accounts, for those who administer them. Keys are masked, whoever asks.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, List, Listable, Params, PathPart, PathParts},
    lenient,
    permission::{Caller, SuperUser, Users},
    problem::Problem,
    route::{Route, route},
    shapes::{PageOf, UserShape, WalletShape, profile},
};
use crate::{
    accounts::{UserDraft, WalletWithKeys, policy::Sight},
    domain::{
        Account,
        filter::{Fields, USERS},
    },
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/users/api/v1/user", Users, list).doc(
            "Lists the accounts by pages, each with its wallets, balance and payments counted.\n\
            Filters: id, username, email, pubkey, external_id, wallet_id; `search` looks at all of them.",
        ),
        route(Method::POST, "/users/api/v1/user", Users, create)
            .doc("Opens an account for somebody.\nWithout a password one is made up and shown, this once.")
            .idempotent(),
        route(Method::GET, "/users/api/v1/user/{id}", Users, read)
            .doc("Reads an account with its wallets. Their keys are masked."),
        route(Method::PUT, "/users/api/v1/user/{id}", Users, replace).doc(
            "Replaces what is said of an account: what is not given is cleared.\n\
            Another Nostr key, which is a way to log in, is for the super user to give.",
        ),
        route(Method::DELETE, "/users/api/v1/user/{id}", Users, delete).doc(
            "Deletes an account with its logins, keys, tokens and shares. Its wallets' money stays in the books.\n\
            While there is any, `confirm=true` must be said. A payment in flight is settled as any other.",
        ),
        route(Method::PUT, "/users/api/v1/user/{id}/activate", Users, activate).doc(
            "Closes an open account, and opens a closed one.\n\
            Closing ends its logins for good, and takes its administration away; its keys and tokens rest until it is \
            opened again. It holds on every server within a second.",
        ),
        route(Method::PUT, "/users/api/v1/user/{id}/admin", SuperUser, admin)
            .doc("Lets an account administer others, or no longer."),
        route(Method::GET, "/users/api/v1/user/{id}/wallet", Users, wallets)
            .doc("Lists an account's wallets, deleted ones too. Their keys are masked."),
        route(Method::POST, "/users/api/v1/user/{id}/wallet", Users, create_wallet)
            .doc("Makes a wallet for an account.")
            .idempotent(),
        route(Method::DELETE, "/users/api/v1/user/{id}/wallets", Users, delete_wallets)
            .doc("Deletes all wallets of an account. While they hold money, `confirm=true` must be said."),
        route(Method::DELETE, "/users/api/v1/user/{id}/wallet/{wallet}", Users, delete_wallet)
            .doc("Deletes a wallet of an account. While it holds money, `confirm=true` must be said."),
        route(Method::PUT, "/users/api/v1/user/{id}/wallet/{wallet}/undelete", Users, undelete)
            .doc("Restores a deleted wallet of an account."),
        route(Method::PUT, "/users/api/v1/user/{id}/wallet/{wallet}/lightning-address", Users, put_address)
            .doc("Gives a wallet of an account a lightning address."),
    ]
}

/// Accounts can be listed.
struct OfUsers;
impl Listable for OfUsers {
    const FIELDS: &'static Fields = &USERS;
}

/// An account in the list of all.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are the wire contract's")]
struct AccountOverview {
    id: String,
    activated: bool,
    username: Option<String>,
    email: Option<String>,
    pubkey: Option<String>,
    external_id: Option<String>,
    is_super_user: bool,
    is_admin: bool,
    has_password: bool,
    /// Tier of its keys.
    tier: String,
    #[schema(value_type = Object)]
    extra: Value,
    created_at: String,
    updated_at: String,
    /// Payments of all its wallets, whatever became of them.
    transaction_count: i64,
    /// Its living wallets.
    wallet_count: i64,
    /// Millisatoshi in all its wallets, deleted ones too.
    balance_msat: i64,
    /// When the last payment was made.
    last_payment: Option<String>,
    /// Always empty here.
    fiat_providers: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
struct Draft {
    /// The account, as in the path; not for new ones.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    id: Option<String>,
    /// 2–20 letters, digits, dots or underscores.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 20>")]
    username: Option<String>,
    #[serde(default, deserialize_with = "lenient::opt_text")]
    email: Option<String>,
    /// 8–50 characters; only for new accounts.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 50>")]
    password: Option<String>,
    /// The same.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 50>")]
    password_repeat: Option<String>,
    /// Nostr public key, hex or npub.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 64>")]
    pubkey: Option<String>,
    /// The operator's own name for it: at most 256 characters without spaces.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    external_id: Option<String>,
    /// Must be empty: there are no extensions yet.
    #[serde(default)]
    extensions: Option<Vec<String>>,
    /// Profile keys.
    #[serde(default, deserialize_with = "lenient::object")]
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
}

impl Draft {
    fn read(self) -> Result<UserDraft, Problem> {
        if let Some(unknown) = self.extensions.iter().flatten().next() {
            return Err(Problem::invalid(format!("Extension '{unknown}' does not exist.")));
        }
        let short = self.username.as_ref().is_some_and(|name| name.chars().count() < 2);
        if short {
            let text = "ensure this value has at least 2 characters";
            return Err(Problem::field("username", text, "value_error.any_str.min_length"));
        }
        let (username, email, pubkey) = (self.username, self.email, self.pubkey);
        Ok(UserDraft { username, email, pubkey, external_id: self.external_id, extra: self.extra })
    }
}

/// What is said of an account.
#[derive(Serialize, ToSchema)]
struct Drafted {
    id: String,
    username: Option<String>,
    email: Option<String>,
    pubkey: Option<String>,
    external_id: Option<String>,
    extensions: Vec<String>,
    #[schema(value_type = Object)]
    extra: Value,
    /// In clear, only when the account was made just now.
    password: Option<String>,
    password_repeat: Option<String>,
}

impl Drafted {
    fn of(account: Account, password: Option<String>) -> Self {
        Self {
            id: account.id.to_string(),
            extra: profile(&account),
            username: account.username,
            email: account.email,
            pubkey: account.pubkey,
            external_id: account.external_id,
            extensions: Vec::new(),
            password_repeat: password.clone(),
            password,
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct NewWallet {
    /// The server's default when absent.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    /// Accounting currency, such as `USD`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    currency: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct NewAddress {
    /// The part before the `@`.
    #[serde(deserialize_with = "lenient::text")]
    lightning_address: String,
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Confirm {
    /// Also while there is money inside.
    #[serde(default)]
    confirm: bool,
}

/// `{"success": true, "message": "…"}`
#[derive(Serialize, ToSchema)]
#[schema(as = SimpleStatus)]
struct Done {
    success: bool,
    message: String,
}

fn done(message: impl Into<String>) -> Json<Done> {
    Json(Done { success: true, message: message.into() })
}

/// Other people's keys are nobody's to see.
const NO_KEYS: Sight = Sight { admin_key: false, invoice_key: false };

fn masked(wallet: WalletWithKeys) -> WalletShape {
    let source = wallet.wallet.source_wallet_id.as_ref().map(ToString::to_string);
    let mut shape = WalletShape::seen(wallet, NO_KEYS);
    if let Some(source) = source {
        shape.shared_by(source);
    }
    shape
}

async fn list(
    _: Caller<Users>,
    house: Data<House>,
    listing: List<OfUsers>,
) -> Result<Json<PageOf<AccountOverview>>, Problem> {
    let (users, total) = house.accounts.users(listing.into_inner()).await?;
    let overview = |(account, totals): (Account, crate::accounts::UserTotals)| AccountOverview {
        extra: profile(&account),
        id: account.id.to_string(),
        activated: account.activated,
        is_super_user: account.super_user,
        is_admin: account.super_user || account.admin,
        has_password: account.password_hash.is_some(),
        username: account.username,
        email: account.email,
        pubkey: account.pubkey,
        external_id: account.external_id,
        tier: account.tier,
        created_at: account.created_at.to_string(),
        updated_at: account.updated_at.to_string(),
        transaction_count: totals.payments,
        wallet_count: totals.wallets,
        balance_msat: totals.balance.0,
        last_payment: totals.last_payment.map(|at| at.to_string()),
        fiat_providers: Vec::new(),
    };
    Ok(Json(PageOf { data: users.into_iter().map(overview).collect(), total }))
}

async fn create(_: Caller<Users>, house: Data<House>, Body(draft): Body<Draft>) -> Result<Json<Drafted>, Problem> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let password = given(&draft.password).map(|one| (one, draft.password_repeat.clone().unwrap_or_default()));
    if password.as_ref().is_some_and(|(password, _)| password.chars().count() < 8) {
        let text = "ensure this value has at least 8 characters";
        return Err(Problem::field("password", text, "value_error.any_str.min_length"));
    }
    let (account, password) = house.accounts.create_user(draft.read()?, password).await?;
    Ok(Json(Drafted::of(account, Some(password))))
}

async fn read(
    _: Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<UserShape>, Problem> {
    let account = house.accounts.user(&id).await?;
    let wallets = house.accounts.user_wallets(&id).await?.into_iter().filter(|wallet| !wallet.wallet.deleted);
    Ok(Json(UserShape::of(account, wallets.collect(), NO_KEYS)))
}

async fn replace(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(draft): Body<Draft>,
) -> Result<Json<Drafted>, Problem> {
    if draft.id.as_ref().is_some_and(|named| *named != id) {
        return Err(Problem::invalid("User Id missmatch."));
    }
    if draft.password.as_ref().is_some_and(|password| !password.is_empty()) {
        return Err(Problem::invalid("Use 'reset password' functionality."));
    }
    let account = house.accounts.replace_user(&principal, &id, &draft.read()?).await?;
    Ok(Json(Drafted::of(account, None)))
}

async fn delete(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Params(Confirm { confirm }): Params<Confirm>,
) -> Result<Json<Done>, Problem> {
    house.accounts.delete_user(&principal, &id, confirm).await?;
    Ok(done("User deleted."))
}

async fn activate(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Done>, Problem> {
    let active = house.accounts.toggle_active(&principal, &id).await?;
    Ok(done(if active { "User activated." } else { "User deactivated." }))
}

async fn admin(
    _: Caller<SuperUser>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Done>, Problem> {
    let admin = house.accounts.toggle_admin(&id).await?;
    Ok(done(if admin { "User admin: 'True'." } else { "User admin: 'False'." }))
}

async fn wallets(
    _: Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Vec<WalletShape>>, Problem> {
    Ok(Json(house.accounts.user_wallets(&id).await?.into_iter().map(masked).collect()))
}

async fn create_wallet(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<NewWallet>,
) -> Result<Json<WalletShape>, Problem> {
    let made = house.accounts.create_user_wallet(&principal, &id, new.name.as_deref(), new.currency).await?;
    Ok(Json(masked(made)))
}

async fn delete_wallets(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Params(Confirm { confirm }): Params<Confirm>,
) -> Result<Json<Done>, Problem> {
    let count = house.accounts.delete_user_wallets(&principal, &id, None, confirm).await?;
    Ok(done(format!("Deleted '{count}' wallets. ")))
}

async fn delete_wallet(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathParts(id, wallet): PathParts<String, String>,
    Params(Confirm { confirm }): Params<Confirm>,
) -> Result<Json<Done>, Problem> {
    house.accounts.delete_user_wallets(&principal, &id, Some(&wallet), confirm).await?;
    Ok(done("Wallet deleted."))
}

async fn undelete(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathParts(id, wallet): PathParts<String, String>,
) -> Result<Json<Done>, Problem> {
    house.accounts.undelete_user_wallet(&principal, &id, &wallet).await?;
    Ok(done("Wallet undeleted."))
}

async fn put_address(
    Caller(principal): Caller<Users>,
    house: Data<House>,
    PathParts(id, wallet): PathParts<String, String>,
    Body(new): Body<NewAddress>,
) -> Result<Json<WalletShape>, Problem> {
    let changed = house.accounts.set_user_address(&principal, &id, &wallet, &new.lightning_address).await?;
    Ok(Json(masked(changed)))
}
