//! The places that a wallet pays to again and again, as apps show them.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::{
    House,
    body::{Body, PathPart},
    lenient,
    permission::{Caller, WalletCaller, WalletManage},
    problem::{Code, Problem},
    route::{Route, route},
};
use crate::domain::wallet::{PAYLINKS_MAX, Paylink, Paylinks, WalletPatch};

/// The longest link and the longest label, in bytes.
pub(super) const LONGEST: (usize, usize) = (2048, 256);

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::PUT, "/api/v1/wallet/stored_paylinks/{wallet_id}", WalletManage, replace)
            .doc("Replaces the links that the wallet remembers, and answers them."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Stored {
    /// All of them: 200 at most.
    links: Vec<StoredLink>,
}

#[derive(Deserialize, ToSchema)]
struct StoredLink {
    /// The LNURL or lightning address.
    #[serde(deserialize_with = "lenient::text")]
    lnurl: String,
    /// What its owner calls it.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    label: Option<String>,
    /// When it was used last, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    last_used: Option<i64>,
}

async fn replace(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<Stored>,
) -> Result<Json<Value>, Problem> {
    if id != caller.wallet.id.as_str() || caller.wallet.through.is_some() {
        return Err(Problem::new(Code::Forbidden, "You cannot modify this wallet"));
    }
    let fits = |link: &StoredLink| {
        (1..=LONGEST.0).contains(&link.lnurl.len()) && link.label.as_ref().is_none_or(|label| label.len() <= LONGEST.1)
    };
    if new.links.len() > PAYLINKS_MAX || !new.links.iter().all(fits) {
        let text =
            format!("{PAYLINKS_MAX} links at most, each of 1 to {} bytes, with {} of label", LONGEST.0, LONGEST.1);
        return Err(Problem::field("links", &text, "value_error"));
    }
    let now = house.clock.now().unix();
    let links = new.links.into_iter().map(|link| Paylink {
        lnurl: link.lnurl,
        label: link.label.unwrap_or_default(),
        last_used: link.last_used.unwrap_or(now),
    });
    let patch = WalletPatch { paylinks: Some(Paylinks::Replace(links.collect())), ..WalletPatch::default() };
    let changed = house.accounts.patch_wallet(&caller.wallet.id, patch).await?.wallet;
    let links: Value = serde_json::from_str(&changed.stored_paylinks).unwrap_or_else(|_| json!([]));
    Ok(Json(links))
}

/// Notes that the wallet paid to a place that can be paid to again. The payment is made; without the note only the list
/// lacks an entry.
pub(super) async fn remember(house: &House, caller: &WalletCaller, lnurl: String, label: String) {
    let used = Paylink { lnurl, label, last_used: house.clock.now().unix() };
    let patch = WalletPatch { paylinks: Some(Paylinks::Used(used)), ..WalletPatch::default() };
    if let Err(error) = house.accounts.patch_wallet(&caller.wallet.id, patch).await {
        tracing::warn!(wallet = %caller.wallet.id, %error, "a paid link is not remembered");
    }
}
