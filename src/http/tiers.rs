//! Tiers: what there is, what the account has, and how it gets another.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    House,
    answer::Created,
    body::{Body, PathPart},
    lenient,
    permission::{Account, Caller, Public, SuperUser},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    domain::{
        AccountId, Payment,
        payment::Annotations,
        tier::{Tier, TierOrder},
    },
    ledger::InvoiceRequest,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/tiers", Public, list)
            .doc("Lists the tiers of API keys and tokens, the cheapest first."),
        route(Method::GET, "/api/v1/account/tier", Account, read)
            .doc("Says which tier the account is in and which orders of others are open."),
        route(Method::POST, "/api/v1/account/tier", Account, order).doc(
            "Orders another tier: the account is in it as soon as the invoice of the answer is paid, by whomever.\n\
            Asking again while that invoice is open answers the same one.",
        ),
        route(Method::PUT, "/users/api/v1/user/{id}/tier", SuperUser, put).doc("Puts an account into a tier."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// The name of a tier.
    #[serde(deserialize_with = "lenient::text")]
    tier: String,
}

/// A tier of API keys and tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = Tier)]
struct TierShape {
    name: String,
    /// For each key; 0 for as many as it likes.
    requests_per_minute: u32,
    /// `read`, `receive`, `send`, `webhooks`, `streaming`.
    capabilities: Vec<&'static str>,
    /// What it costs, once, in satoshi; 0 when it is not for sale.
    price_sat: i64,
}

/// An order of a tier.
#[derive(Serialize, ToSchema)]
#[schema(as = TierOrder)]
struct OrderShape {
    /// What is ordered.
    tier: String,
    /// `pending` until it is paid; `success` for the moment until the account is in the tier.
    status: &'static str,
    /// What it costs.
    amount_sat: i64,
    /// The invoice to pay.
    bolt11: String,
    /// Of the invoice.
    payment_hash: String,
    /// When the invoice expires.
    expires_at: String,
}

/// The tier of an account.
#[derive(Serialize, ToSchema)]
struct AccountTier {
    /// Its name.
    tier: String,
    /// For each key of the account; 0 for as many as it likes.
    requests_per_minute: u32,
    /// What its keys may be used for.
    capabilities: Vec<&'static str>,
    /// Orders of other tiers that can be paid, newest first.
    orders: Vec<OrderShape>,
}

impl OrderShape {
    fn of(order: TierOrder, invoice: Payment) -> Self {
        Self {
            tier: order.tier,
            status: invoice.status.as_str(),
            amount_sat: order.price_msat.sat_ceil(),
            bolt11: invoice.bolt11,
            payment_hash: order.payment_hash.to_string(),
            expires_at: invoice.expires_at.to_string(),
        }
    }
}

fn capabilities(tier: &Tier) -> Vec<&'static str> {
    tier.capabilities.iter().map(crate::domain::tier::Capability::as_str).collect()
}

async fn list(_: Caller<Public>, house: Data<House>) -> Json<Vec<TierShape>> {
    let tiers = house.accounts.tiers().into_iter().map(|(name, tier)| TierShape {
        name,
        requests_per_minute: tier.requests_per_minute,
        capabilities: capabilities(&tier),
        price_sat: tier.price_sat,
    });
    Json(tiers.collect())
}

async fn read(Caller(principal): Caller<Account>, house: Data<House>) -> Result<Json<AccountTier>, Problem> {
    house.accounts.grant_paid_tiers(Some(principal.account.clone())).await?;
    let orders = house.accounts.open_tier_orders(&principal.account).await?;
    shown(&house, &principal.account, orders).await
}

async fn order(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    Body(wanted): Body<Wanted>,
) -> Result<Created<OrderShape>, Problem> {
    let offer = house.accounts.tier_offer(&principal.account, &wanted.tier).await?;
    if let Some((order, invoice)) = offer.open {
        return Ok(Created(OrderShape::of(order, invoice)));
    }
    let extra = json!({ "tag": "tier", "tier": offer.tier }).as_object().cloned().unwrap_or_default();
    let request = InvoiceRequest {
        hold: None,
        wallet: offer.payee.clone(),
        amount: offer.price,
        memo: Some(format!("Tier {}", offer.tier)),
        description_hash: None,
        expiry_seconds: None,
        annotations: Annotations { extra, ..Annotations::default() },
        once: None,
    };
    let invoice = house.ledger.create_invoice(request).await?;
    let order = house.accounts.order_tier(&principal.account, &offer, &invoice).await?;
    Ok(Created(OrderShape::of(order, invoice)))
}

async fn put(
    _: Caller<SuperUser>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<AccountTier>, Problem> {
    let no_user = || Problem::new(super::Code::NotFound, "User not found.");
    let id: AccountId = id.parse().map_err(|()| no_user())?;
    house.accounts.set_tier(&id, &wanted.tier).await?;
    let orders = house.accounts.open_tier_orders(&id).await?;
    shown(&house, &id, orders).await
}

async fn shown(house: &House, id: &AccountId, orders: Vec<(TierOrder, Payment)>) -> Result<Json<AccountTier>, Problem> {
    let tier = house.accounts.account(id).await?.tier;
    let allowed = house.accounts.tier(&tier);
    Ok(Json(AccountTier {
        requests_per_minute: allowed.as_ref().map_or(0, |allowed| allowed.requests_per_minute),
        capabilities: allowed.as_ref().map(capabilities).unwrap_or_default(),
        orders: orders.into_iter().map(|(order, invoice)| OrderShape::of(order, invoice)).collect(),
        tier,
    }))
}
