//! Operators: people who work with somebody else's wallets, by role and within limits.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    answer::Created,
    body::{Body, PathPart},
    handed_out::KeyLimits,
    lenient,
    permission::{Account, Caller, Credentials},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    accounts::{NewOperator, Operator, OperatorChange},
    domain::share::{OpenShare, ShareRole, ShareStatus},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/operators", Credentials, list)
            .doc("Lists the people who may use wallets of the account."),
        route(Method::POST, "/api/v1/operators/invite", Credentials, invite).doc(
            "Invites somebody, by user name, to use wallets of the account.\n\
            A `view` reads, an `operate` also receives and pays within the limits, an `admin` also names the wallets. \
            Nobody of them sees a wallet's keys, deletes it or invites others. They send their own session's token, and \
            name the wallet in X-Wallet-Id.",
        ),
        route(Method::PUT, "/api/v1/operators/{id}", Credentials, change).doc(
            "Disables or enables an operator, or changes his role, limits or wallets. It holds at once.\n\
            What is not said stays. Limits are replaced as a whole.",
        ),
        route(Method::DELETE, "/api/v1/operators/{id}", Credentials, remove)
            .doc("Ends an operator's access to all wallets of the account."),
        route(Method::GET, "/api/v1/operators/invitations", Account, invitations)
            .doc("Lists the wallets that others invited this account to."),
        route(Method::PUT, "/api/v1/operators/invitations/{id}", Account, accept).doc("Accepts an invitation."),
        route(Method::DELETE, "/api/v1/operators/invitations/{id}", Account, decline).doc("Declines an invitation."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Invite {
    /// User name, or e-mail where it was proved to be his.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 200>")]
    username: Option<String>,
    /// `view`, `operate` or `admin`.
    #[serde(deserialize_with = "lenient::text")]
    role: String,
    /// Ids of wallets; all of the account's when absent.
    #[serde(default)]
    wallets: Option<Vec<String>>,
    /// Limits of his payments; the budget counts what he spends from all of the owner's wallets.
    #[serde(default)]
    limits: Option<KeyLimits>,
}

#[derive(Deserialize, ToSchema)]
struct Change {
    /// `active` or `disabled`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    status: Option<String>,
    /// `view`, `operate` or `admin`.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    role: Option<String>,
    /// Ids of wallets: exactly these from then on.
    #[serde(default)]
    wallets: Option<Vec<String>>,
    #[serde(default)]
    limits: Option<KeyLimits>,
}

#[derive(Deserialize, ToSchema)]
struct Answer {
    /// `active`.
    #[serde(deserialize_with = "lenient::text")]
    status: String,
}

/// Somebody who may use wallets of the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
struct OperatorShape {
    /// Names him; payments that he makes carry it in `extra.satchel_by.operator`.
    id: String,
    /// As he was called when he was invited.
    username: String,
    /// `view`, `operate`, `admin`, or `custom` where it is not the same for all wallets.
    role: &'static str,
    /// `invited`, `active` or `disabled`.
    status: &'static str,
    /// Ids of the wallets.
    wallets: Vec<String>,
    /// Limits of the first wallet; in general all have the same.
    limits: KeyLimits,
    /// Wallet by wallet.
    shares: Vec<OperatorShare>,
    created_at: String,
    updated_at: String,
}

/// What an operator may do with one wallet.
#[derive(Serialize, ToSchema)]
struct OperatorShare {
    wallet_id: String,
    wallet_name: String,
    role: &'static str,
    /// `view`, `receive`, `send`, `manage`.
    rights: Vec<&'static str>,
    /// `invited`, `active` or `disabled`.
    status: &'static str,
    limits: KeyLimits,
}

impl OperatorShape {
    fn of(operator: Operator) -> Self {
        let (role, status) = (operator.role(), operator.status());
        let first = operator.shares.first().map(|open| open.share.clone());
        let changed = operator.shares.iter().map(|open| open.share.updated_at).max();
        let share = |open: &OpenShare| OperatorShare {
            wallet_id: open.wallet.id.to_string(),
            wallet_name: open.wallet.name.clone(),
            role: open.share.role.as_str(),
            rights: open.share.rights().names(),
            status: open.share.status.as_str(),
            limits: KeyLimits::of(&open.share.restrictions()),
        };
        Self {
            id: operator.id,
            username: first.as_ref().map(|share| share.invitee.clone()).unwrap_or_default(),
            role: role.as_str(),
            status: status.as_str(),
            wallets: operator.shares.iter().map(|open| open.wallet.id.to_string()).collect(),
            limits: first.as_ref().map(|share| KeyLimits::of(&share.restrictions())).unwrap_or_default(),
            shares: operator.shares.iter().map(share).collect(),
            created_at: first.map(|share| share.created_at.to_string()).unwrap_or_default(),
            updated_at: changed.map(|at| at.to_string()).unwrap_or_default(),
        }
    }
}

/// An invitation to somebody's wallet.
#[derive(Serialize, ToSchema)]
struct Invitation {
    /// Names it; LNbits clients call it `request_id`.
    id: String,
    /// Who invites.
    from: Option<String>,
    wallet_id: String,
    wallet_name: String,
    role: &'static str,
    /// `view`, `receive`, `send`, `manage`.
    rights: Vec<&'static str>,
    limits: KeyLimits,
    /// `invited`; `active` once it is accepted.
    status: &'static str,
    created_at: String,
}

impl Invitation {
    fn of(open: &OpenShare) -> Self {
        Self {
            id: open.share.request_id(),
            from: open.owner.username.clone(),
            wallet_id: open.wallet.id.to_string(),
            wallet_name: open.wallet.name.clone(),
            role: open.share.role.as_str(),
            rights: open.share.rights().names(),
            limits: KeyLimits::of(&open.share.restrictions()),
            status: open.share.status.as_str(),
            created_at: open.share.created_at.to_string(),
        }
    }
}

fn role(word: &str) -> Result<ShareRole, Problem> {
    let text = "unexpected value; permitted: 'view', 'operate', 'admin'";
    ShareRole::preset(word).ok_or_else(|| Problem::field("role", text, "value_error.const"))
}

fn status(permitted: &str) -> Problem {
    Problem::field("status", &format!("unexpected value; permitted: {permitted}"), "value_error.const")
}

async fn list(Caller(principal): Caller<Credentials>, house: Data<House>) -> Result<Json<Vec<OperatorShape>>, Problem> {
    let operators = house.accounts.operators(&principal).await?;
    Ok(Json(operators.into_iter().map(OperatorShape::of).collect()))
}

async fn invite(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    Body(new): Body<Invite>,
) -> Result<Created<OperatorShape>, Problem> {
    let new = NewOperator {
        username: new.username.unwrap_or_default(),
        role: role(&new.role)?,
        wallets: new.wallets,
        limits: new.limits.unwrap_or_default().read()?,
    };
    Ok(Created(OperatorShape::of(house.accounts.invite_operator(&principal, new).await?)))
}

async fn change(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<Change>,
) -> Result<Json<OperatorShape>, Problem> {
    let enabled = match new.status.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("disabled") => Some(false),
        Some(_) => return Err(status("'active', 'disabled'")),
    };
    let change = OperatorChange {
        enabled,
        role: new.role.as_deref().map(role).transpose()?,
        limits: new.limits.map(KeyLimits::read).transpose()?,
        wallets: new.wallets,
    };
    Ok(Json(OperatorShape::of(house.accounts.change_operator(&principal, &id, change).await?)))
}

async fn remove(
    Caller(principal): Caller<Credentials>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    Ok(Json(house.accounts.remove_operator(&principal, &id).await?))
}

async fn invitations(Caller(principal): Caller<Account>, house: Data<House>) -> Result<Json<Vec<Invitation>>, Problem> {
    let invitations = house.accounts.invitations(&principal.account).await?;
    Ok(Json(invitations.iter().map(Invitation::of).collect()))
}

async fn accept(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(answer): Body<Answer>,
) -> Result<Json<Invitation>, Problem> {
    if answer.status != ShareStatus::Active.as_str() {
        return Err(status("'active'"));
    }
    Ok(Json(Invitation::of(&house.accounts.answer_invitation(&principal, &id, true).await?)))
}

async fn decline(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<()>, Problem> {
    house.accounts.answer_invitation(&principal, &id, false).await?;
    Ok(Json(()))
}
