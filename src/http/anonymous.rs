//! Anonymous sessions: an account for whoever asks, held by one key.

use actix_web::{http::Method, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    House,
    answer::Created,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
    shapes::WalletShape,
};
use crate::accounts::policy::Sight;

pub fn routes() -> Vec<Route> {
    vec![route(Method::POST, "/api/v1/session", Public, open).doc(
        "Opens an anonymous account with a wallet.\n\
        Its session key is in this answer and nowhere else; it is sent as a bearer token. Who loses it loses the account. \
        Registering with it makes the account a full one.",
    )]
}

#[derive(Serialize, ToSchema)]
struct AnonymousAccount {
    /// The account.
    id: String,
    /// To be sent as `Authorization: Bearer …`; shown this once.
    session_key: String,
}

/// An anonymous account.
#[derive(Serialize, ToSchema)]
struct AnonymousOpened {
    account: AnonymousAccount,
    wallet: WalletShape,
}

async fn open(_: Caller<Public>, house: Data<House>) -> Result<Created<AnonymousOpened>, Problem> {
    let opened = house.accounts.open_anonymous().await?;
    let account = AnonymousAccount { id: opened.account.to_string(), session_key: opened.key.reveal().to_owned() };
    let wallet = WalletShape::seen(opened.wallet, Sight { admin_key: true, invoice_key: true });
    Ok(Created(AnonymousOpened { account, wallet }))
}
