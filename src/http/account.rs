//! The caller's own account: profile, user interface, password.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    body::Body,
    lenient,
    permission::{Account, AccountSecrets, Caller},
    problem::Problem,
    route::{Route, route},
    shapes::UserShape,
    sharing, totp,
};
use crate::{
    accounts::{PasswordChange, ProfileChange, policy::Principal},
    domain,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/auth", Account, read).doc("Reads the account with its wallets and their keys."),
        route(Method::PATCH, "/api/v1/auth", Account, patch).doc("Changes user name and profile."),
        route(Method::PUT, "/api/v1/auth/me", Account, put_me).doc("Changes user name and profile."),
        route(Method::PATCH, "/api/v1/auth/ui", Account, patch_ui)
            .doc("Merges keys into what the user interface remembers."),
        route(Method::PUT, "/api/v1/auth/password", AccountSecrets, put_password)
            .doc("Sets a new password and ends all other sessions.\nOnly within two minutes of a login."),
    ]
}

#[expect(clippy::option_option, reason = "absence keeps the amount, null clears it")]
#[derive(Deserialize, ToSchema)]
struct PatchAccount {
    /// The caller's own account. May be left away by those who only set `otp_required_above_sat`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    user_id: Option<String>,
    /// 2–20 letters, digits, dots or underscores; null only while there is none.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 20>")]
    username: Option<String>,
    /// Profile keys to set.
    #[serde(default)]
    #[schema(value_type = Object)]
    extra: Option<Map<String, Value>>,
    /// Sends of more satoshi than this ask interactive sessions for a one-time code; null for none. Asks for a code
    /// itself, in the header `X-OTP-Code` or as `otp_code`.
    #[serde(default, deserialize_with = "lenient::change_natural")]
    #[schema(value_type = Option<i64>)]
    otp_required_above_sat: Option<Option<i64>>,
    /// A one-time code.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    otp_code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct PutMe {
    /// 2–20 letters, digits, dots or underscores.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 20>")]
    username: Option<String>,
    /// Profile keys to set: `first_name`, `last_name`, `display_name`, `picture`, `visible_wallet_count`,
    /// `notifications`, `labels`.
    #[serde(default)]
    #[schema(value_type = Object)]
    extra: Option<Map<String, Value>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
struct AnyObject {
    #[schema(value_type = Object)]
    #[serde(deserialize_with = "lenient::object")]
    object: Map<String, Value>,
}

#[derive(Deserialize, ToSchema)]
struct PutPassword {
    /// The caller's own account.
    #[serde(deserialize_with = "lenient::text")]
    user_id: String,
    /// User name to have from then on.
    #[serde(deserialize_with = "lenient::text_between::<_, 2, 20>")]
    username: String,
    /// 8–50 characters.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password: String,
    /// The same.
    #[serde(deserialize_with = "lenient::text_between::<_, 8, 50>")]
    password_repeat: String,
    /// The password it replaces, if there is one.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    password_old: Option<String>,
    /// A one-time code where the account asks for one, if not in the header `X-OTP-Code`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    otp_code: Option<String>,
}

async fn read(Caller(principal): Caller<Account>, house: Data<House>) -> Result<Json<UserShape>, Problem> {
    let account = house.accounts.account(&principal.account).await?;
    shown(&house, account, &principal).await
}

async fn patch(
    Caller(principal): Caller<Account>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<PatchAccount>,
) -> Result<Json<UserShape>, Problem> {
    match &new.user_id {
        Some(id) if id != principal.account.as_str() => return Err(Problem::invalid("Invalid user ID.")),
        None if new.otp_required_above_sat.is_none() => {
            return Err(Problem::field("user_id", "field required", "value_error.missing"));
        }
        _ => {}
    }
    if let Some(above_sat) = new.otp_required_above_sat {
        let code = totp::code(&request, new.otp_code);
        house.accounts.totp_above(&principal, above_sat, code.as_deref()).await?;
    }
    change(&house, &principal, new.username, new.extra).await
}

async fn put_me(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    Body(new): Body<PutMe>,
) -> Result<Json<UserShape>, Problem> {
    change(&house, &principal, new.username, new.extra).await
}

async fn patch_ui(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    Body(new): Body<AnyObject>,
) -> Result<Json<UserShape>, Problem> {
    let account = house.accounts.change_ui(&principal.account, new.object).await?;
    shown(&house, account, &principal).await
}

async fn put_password(
    Caller(principal): Caller<AccountSecrets>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<PutPassword>,
) -> Result<Json<UserShape>, Problem> {
    let change = PasswordChange {
        user_id: new.user_id,
        username: new.username,
        password: new.password,
        password_repeat: new.password_repeat,
        password_old: new.password_old,
        otp_code: totp::code(&request, new.otp_code),
    };
    let account = house.accounts.change_password(&principal, change).await?;
    shown(&house, account, &principal).await
}

async fn change(
    house: &House,
    principal: &Principal,
    username: Option<String>,
    extra: Option<Map<String, Value>>,
) -> Result<Json<UserShape>, Problem> {
    let account = house.accounts.change_profile(&principal.account, ProfileChange { username, extra }).await?;
    shown(house, account, principal).await
}

pub(super) async fn shown(
    house: &House,
    account: domain::Account,
    principal: &Principal,
) -> Result<Json<UserShape>, Problem> {
    let mut user = UserShape::of(account, Vec::new(), principal.sight);
    user.wallets = sharing::views(house, principal).await?;
    if let Some(extra) = user.extra.as_object_mut() {
        extra.insert("wallet_invite_requests".to_owned(), sharing::requests(house, principal).await?);
    }
    Ok(Json(user))
}
