//! Webhooks of a wallet: where its events are reported to, and what became of each report.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{
    House, admission,
    answer::Created,
    body::{Body, Params, PathPart, PathParts},
    lenient,
    permission::{Caller, WalletManage},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::PaymentShape,
};
use crate::{
    domain::{
        Payment,
        event::EventKind,
        tier::Capability,
        webhook::{Endpoint, Report},
    },
    ledger::Ledger,
    webhooks::{Change, Made, New, WebhookError, Words},
};

/// Reports of a page, unless the request says otherwise.
const PAGE: i64 = 50;
const PAGE_MAX: i64 = 500;

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/webhooks", WalletManage, list).doc("Lists where the wallet's events are reported to."),
        route(Method::POST, "/api/v1/webhooks", WalletManage, create)
            .doc(
                "Has the wallet's events reported to an address; the answer tells the secret, once.\n\
                Reports are signed in the header `LNbits-Signature: t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>` under the \
                secret. One that the receiver does not answer with 2xx is repeated for three days, and later ones wait for it. The \
                body is what `GET /api/v1/events` lists, with the `id` of the event by which a repetition is known. \
                `key_new_address` is told here only: a key that opens the wallet was used from where it was never used before; \
                `key` says which kind of key, `address` from where (of IPv6 the network).",
            )
            .idempotent(),
        route(Method::GET, "/api/v1/webhooks/{webhook_id}", WalletManage, read).doc("Reads one of them."),
        route(Method::PATCH, "/api/v1/webhooks/{webhook_id}", WalletManage, change)
            .doc("Changes one of them, or switches it off and on. What is absent stays as it is."),
        route(Method::DELETE, "/api/v1/webhooks/{webhook_id}", WalletManage, delete)
            .doc("Forgets one of them, with all that is still to be reported to it."),
        route(Method::POST, "/api/v1/webhooks/{webhook_id}/rotate", WalletManage, rotate)
            .doc(
                "Replaces its secret; the answer tells the new one, once.\n\
                Reports are signed with the old one besides for `overlap_seconds`: a day unless said, 30 days at most.",
            )
            .idempotent(),
        route(Method::POST, "/api/v1/webhooks/{webhook_id}/test", WalletManage, test)
            .doc("Sends it a report of the type `test`, after those that wait."),
        route(Method::GET, "/api/v1/webhooks/{webhook_id}/deliveries", WalletManage, deliveries)
            .doc("Lists what was and is to be reported to it, newest first. Reports that are over are kept for 30 days."),
        route(
            Method::POST,
            "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            WalletManage,
            redeliver,
        )
        .doc("Sends a report once more: the same event, in a new delivery."),
    ]
}

/// Where a wallet's events are reported to.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookShape {
    id: String,
    wallet_id: String,
    url: String,
    description: String,
    /// The events that are reported; all when empty.
    events: Vec<&'static str>,
    enabled: bool,
    /// Until when reports are signed with the secret before the last rotation, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<String>,
    created_at: String,
    updated_at: String,
    /// What reports are signed with; told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Endpoint> for WebhookShape {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            events: endpoint.event_list().iter().map(EventKind::as_str).collect(),
            id: endpoint.id,
            wallet_id: endpoint.wallet_id.to_string(),
            url: endpoint.url,
            description: endpoint.description,
            enabled: endpoint.enabled,
            old_secret_until: endpoint.previous_until.map(|until| until.to_string()),
            created_at: endpoint.created_at.to_string(),
            updated_at: endpoint.updated_at.to_string(),
            secret: None,
        }
    }
}

impl From<Made> for WebhookShape {
    fn from(made: Made) -> Self {
        Self { secret: Some(made.secret), ..made.endpoint.into() }
    }
}

/// One report and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
struct DeliveryShape {
    id: i64,
    /// The event's `id`; 0 for a test.
    event_id: i64,
    #[serde(rename = "type")]
    kind: &'static str,
    /// `pending`, `delivered` or `failed`.
    state: &'static str,
    attempts: i64,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// The HTTP status that the receiver answered last.
    last_status: Option<i64>,
    /// Why the last attempt came to nothing.
    last_error: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<Report> for DeliveryShape {
    fn from(report: Report) -> Self {
        use crate::domain::webhook::DeliveryState::Pending;
        Self {
            id: report.id,
            event_id: report.event_id,
            kind: report.kind.as_str(),
            state: report.state.as_str(),
            attempts: report.attempts,
            next_at: (report.state == Pending).then(|| report.next_at.to_string()),
            last_status: report.last_status,
            last_error: report.last_error,
            created_at: report.created_at.to_string(),
            updated_at: report.updated_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Deliveries {
    data: Vec<DeliveryShape>,
    /// How many there are.
    total: i64,
}

#[derive(Deserialize, ToSchema)]
struct NewWebhook {
    /// Where to: http or https, as the operator's rules for callbacks allow.
    #[serde(deserialize_with = "lenient::text")]
    url: String,
    /// What you call it: at most 640 bytes.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    description: Option<String>,
    /// `payment_received`, `payment_sent`, `payment_failed`, `invoice_expired`, `hold_accepted`, `key_new_address`; all when absent or empty.
    #[serde(default)]
    events: Vec<String>,
    /// The wallet, if you say it here too: it has to be the one that you act on.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    wallet_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
struct ChangeWebhook {
    /// Where to.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    url: Option<String>,
    /// What you call it.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    description: Option<String>,
    /// Which events; all when empty.
    #[serde(default)]
    events: Option<Vec<String>>,
    /// Are events reported? What happens while they are not is never reported.
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
struct Rotation {
    /// How long the old secret signs besides.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    overlap_seconds: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
struct PageOfReports {
    /// How many to leave out.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    offset: Option<i64>,
    /// How many at most: 50 unless said, 500 at most.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    limit: Option<i64>,
}

async fn list(Caller(caller): Caller<WalletManage>, house: Data<House>) -> Result<Json<Vec<WebhookShape>>, Problem> {
    let found = house.webhooks.list(&caller.wallet.id).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

async fn create(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    Body(new): Body<NewWebhook>,
) -> Result<Created<WebhookShape>, Problem> {
    admission::takes(&house, &caller.principal, Capability::Webhooks)?;
    let own = caller.wallet.id.as_str();
    if new.wallet_id.as_deref().is_some_and(|named| !named.is_empty() && named != own) {
        return Err(Problem::invalid(format!(
            "wallet_id: this credential acts on {own}. Name another in X-Wallet-Id."
        )));
    }
    let made = house
        .webhooks
        .create(New {
            wallet: caller.wallet.id.clone(),
            url: new.url,
            description: new.description.unwrap_or_default(),
            events: events(&new.events)?,
        })
        .await?;
    Ok(Created(made.into()))
}

async fn read(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<WebhookShape>, Problem> {
    Ok(Json(house.webhooks.find(&caller.wallet.id, &id).await?.into()))
}

async fn change(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(new): Body<ChangeWebhook>,
) -> Result<Json<WebhookShape>, Problem> {
    let change = Change {
        url: new.url,
        description: new.description,
        events: new.events.as_deref().map(events).transpose()?,
        enabled: new.enabled,
    };
    Ok(Json(house.webhooks.change(&caller.wallet.id, &id, change).await?.into()))
}

async fn delete(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    house.webhooks.delete(&caller.wallet.id, &id).await?;
    Ok(Json(json!({ "deleted": true })))
}

async fn rotate(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<WebhookShape>, Problem> {
    Ok(Json(house.webhooks.rotate(&caller.wallet.id, &id, rotation.overlap_seconds).await?.into()))
}

async fn test(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Created<DeliveryShape>, Problem> {
    Ok(Created(house.webhooks.test(&caller.wallet.id, &id).await?.into()))
}

async fn deliveries(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Params(page): Params<PageOfReports>,
) -> Result<Json<Deliveries>, Problem> {
    let (offset, most) = (page.offset.unwrap_or(0), page.limit.unwrap_or(PAGE));
    if offset < 0 || !(1..=PAGE_MAX).contains(&most) {
        return Err(Problem::invalid(format!("offset must be 0 or more, limit from 1 to {PAGE_MAX}.")));
    }
    let (found, total) = house.webhooks.reports(&caller.wallet.id, &id, offset, most).await?;
    Ok(Json(Deliveries { data: found.into_iter().map(Into::into).collect(), total }))
}

async fn redeliver(
    Caller(caller): Caller<WalletManage>,
    house: Data<House>,
    PathParts(id, delivery): PathParts<String, i64>,
) -> Result<Created<DeliveryShape>, Problem> {
    Ok(Created(house.webhooks.again(&caller.wallet.id, &id, delivery).await?.into()))
}

fn events(words: &[String]) -> Result<Vec<EventKind>, Problem> {
    let known = || EventKind::ALL.iter().map(EventKind::as_str).collect::<Vec<_>>().join(", ");
    let read = |word: &String| {
        word.parse().map_err(|()| Problem::invalid(format!("{word:?} is no event; there are {}.", known())))
    };
    words.iter().map(read).collect()
}

/// How reports are put into words: as the API shows events and payments.
pub fn words(ledger: &Ledger) -> Words {
    let (for_reports, for_payments) = (ledger.clone(), ledger.clone());
    let report = move |report: &Report, payment: Option<Payment>| {
        let about: Map<String, Value> =
            report.about.as_deref().and_then(|about| serde_json::from_str(about).ok()).unwrap_or_default();
        let mut said = json!({
            "id": report.event_id,
            "type": report.kind.as_str(),
            "created_at": report.happened_at.to_string(),
            "wallet_id": report.wallet_id,
            "balance_msat": report.balance_msat.0,
            "payment": payment.map(|payment| PaymentShape::of(payment, &for_reports)),
            "delivery_id": report.id,
        });
        if let Some(said) = said.as_object_mut() {
            said.extend(about);
        }
        said
    };
    let payment = move |payment: Payment| json!(PaymentShape::of(payment, &for_payments));
    Words { report: std::sync::Arc::new(report), payment: std::sync::Arc::new(payment) }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Url(not) => Self::invalid(not.to_string()),
            WebhookError::Missing(text) => Self::new(Code::NotFound, text),
            WebhookError::Invalid(text) => Self::invalid(text),
            WebhookError::Changed => Self::invalid(error.to_string()),
            WebhookError::Store(error) => super::unavailable(error),
        }
    }
}
