//! LNURL links of a wallet: those by which it is paid, and those by which it pays out.

use actix_web::{
    HttpRequest,
    http::Method,
    web::{Data, Json},
};
use reqwest::Url;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    House, admission,
    answer::Created,
    body::{Body, PathPart},
    lenient,
    lnurl::reached,
    permission::{Caller, WalletCaller, WalletSend},
    problem::{Code, Problem},
    rates,
    route::{Route, route},
    totp,
};
use crate::{
    accounts::policy::Family,
    domain::{
        Msat, Time,
        fiat::{decimal, number},
        link::{Link, LinkKind},
        payer::Wanted,
        tier::Capability,
    },
    links::{Change, Least, LinkError, New},
    lnurl::code,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/links", WalletSend, list)
            .doc("Lists the wallet's LNURL links, oldest first; withdraw links for those who may make them."),
        route(Method::POST, "/api/v1/links", WalletSend, create)
            .doc(
                "Makes a link: `pay`, by which anybody pays the wallet, or `withdraw`, by which whoever has it is paid by the wallet.\n\
                A withdraw link pays as often as `uses` says, once unless said otherwise. It takes a wallet's admin key or a login, \
                since nothing bounds what it pays but the wallet itself.",
            )
            .idempotent(),
        route(Method::GET, "/api/v1/links/{link_id}", WalletSend, read).doc("Reads one of them."),
        route(Method::PATCH, "/api/v1/links/{link_id}", WalletSend, change)
            .doc("Changes one of them, or switches it off and on. What is absent stays as it is, an empty text clears."),
        route(Method::DELETE, "/api/v1/links/{link_id}", WalletSend, delete)
            .doc("Forgets one of them. Invoices that were handed in at it are still paid."),
    ]
}

/// A link and the three ways to write it.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
struct LinkShape {
    id: String,
    wallet_id: String,
    /// `pay` or `withdraw`.
    kind: &'static str,
    title: String,
    /// The least at once; null where it asks for a currency.
    min_msat: Option<i64>,
    /// The most at once; null where it asks for a currency.
    max_msat: Option<i64>,
    /// The code of the currency that it asks for.
    currency: Option<String>,
    /// The least at once, in that currency.
    #[schema(value_type = Option<f64>)]
    min: Option<Value>,
    /// The most at once, in that currency.
    #[schema(value_type = Option<f64>)]
    max: Option<Value>,
    /// The longest comment of a payer, in characters.
    comment_max: i64,
    /// What it asks of its payers (LUD-18).
    #[schema(value_type = Object)]
    payer_data: Map<String, Value>,
    /// What it is for, at length (LUD-20).
    description: Option<String>,
    success_message: Option<String>,
    success_url: Option<String>,
    /// Does it have something that a payer can read once he has paid?
    has_success_secret: bool,
    webhook: Option<String>,
    /// How often it pays out; 0 for a pay link, which has no bound.
    uses: i64,
    /// How often it did, or is about to.
    used: i64,
    /// How long it rests after each time.
    pause_seconds: i64,
    /// When it ends.
    open_until: Option<String>,
    enabled: bool,
    created_at: String,
    updated_at: String,
    /// The web address.
    url: String,
    /// The address in bech32 (LUD-01), for QR codes.
    lnurl: Option<String>,
    /// The address with a scheme of its own (LUD-17), for cards.
    link: Option<String>,
}

impl LinkShape {
    fn of(link: Link, base: &str) -> Self {
        let (path, scheme) = match link.kind {
            LinkKind::Pay => ("pay", "lnurlp"),
            LinkKind::Withdraw => ("withdraw", "lnurlw"),
        };
        let url = format!("{base}/api/v1/lnurl/{path}/{}", link.id);
        let in_fiat = link.currency.is_some();
        let in_msat = |msat: Msat| (!in_fiat).then_some(msat.0);
        let in_currency = |milli: i64| in_fiat.then(|| number(Decimal::new(milli, 3)));
        Self {
            lnurl: code::encode(&url),
            link: Url::parse(&url).ok().map(|url| code::with_scheme(scheme, &url)),
            url,
            id: link.id,
            wallet_id: link.wallet_id.to_string(),
            kind: link.kind.as_str(),
            title: link.title,
            min_msat: in_msat(link.min_msat),
            max_msat: in_msat(link.max_msat),
            min: in_currency(link.min_milli),
            max: in_currency(link.max_milli),
            currency: link.currency,
            payer_data: Wanted::stored(link.payer_data.as_deref()).words(),
            comment_max: link.comment_max,
            success_message: link.success_message,
            success_url: link.success_url,
            has_success_secret: link.secret_sealed.is_some(),
            description: link.description,
            webhook: link.webhook,
            uses: link.uses,
            used: link.used,
            pause_seconds: link.pause_seconds,
            open_until: link.open_until.map(|until| until.to_string()),
            enabled: link.enabled,
            created_at: link.created_at.to_string(),
            updated_at: link.updated_at.to_string(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct NewLink {
    /// `pay` or `withdraw`.
    #[serde(deserialize_with = "lenient::text")]
    kind: String,
    /// The least at once, in millisatoshi; or else `currency` and `min`.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    min_msat: Option<i64>,
    /// Of a pay link: the currency that it asks for, one of `GET /api/v1/currencies`. What that is in satoshi is found
    /// out when somebody opens the link; the payment keeps the rate.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    currency: Option<String>,
    #[serde(flatten)]
    rest: ChangeLink,
}

#[derive(Deserialize, ToSchema)]
struct ChangeLink {
    /// What it is for, as strangers read it: 1 to 639 bytes.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    title: Option<String>,
    /// The most at once, in millisatoshi; as much as the least when a link is made without.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    max_msat: Option<i64>,
    /// Of a link that asks for a currency: the least at once, with three decimals at most.
    #[serde(default, deserialize_with = "lenient::opt_amount")]
    #[schema(value_type = Option<f64>)]
    min: Option<Value>,
    /// Of a link that asks for a currency: the most at once; as much as the least when a link is made without.
    #[serde(default, deserialize_with = "lenient::opt_amount")]
    #[schema(value_type = Option<f64>)]
    max: Option<Value>,
    /// Of a pay link: what it asks of its payers (LUD-18), each `optional` or `mandatory`: `name`, `email`,
    /// `identifier` (an address to reach or pay them), `pubkey`. What they tell is in the payment's `extra.payer_data`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    payer_data: Option<Map<String, Value>>,
    /// Of a pay link: the longest comment, in characters, 799 at most.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    comment_max: Option<i64>,
    /// Of a pay link: what a payer is told, at most 144 characters.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    success_message: Option<String>,
    /// Of a pay link: what a payer can read once he has paid, and nobody else can (LUD-10): at most 3000 bytes. It is
    /// not shown again. `success_message` says what it is.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    success_secret: Option<String>,
    /// Of a pay link: what it is for, at length, at most 1000 characters (LUD-20).
    #[serde(default, deserialize_with = "lenient::opt_text")]
    description: Option<String>,
    /// Of a pay link: where a payer is led. Wallets go only to pages of this server.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    success_url: Option<String>,
    /// Of a pay link: where receipts are reported to.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    webhook: Option<String>,
    /// Of a withdraw link: how often it pays.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    uses: Option<i64>,
    /// Of a withdraw link: how long it rests after each time.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    pause_seconds: Option<i64>,
    /// When it ends: Unix seconds or an ISO 8601 date-time.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    open_until: Option<String>,
    /// Does it work?
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
struct ChangedLink {
    /// The least at once, in millisatoshi.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    min_msat: Option<i64>,
    #[serde(flatten)]
    rest: ChangeLink,
}

async fn list(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
) -> Result<Json<Vec<LinkShape>>, Problem> {
    let (_, base) = reached(&request, &house);
    let links = house.links.list(&caller.wallet.id).await?;
    let shown = links.into_iter().filter(|link| unbounded(&caller, link.kind).is_ok());
    Ok(Json(shown.map(|link| LinkShape::of(link, &base)).collect()))
}

async fn create(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
    Body(new): Body<NewLink>,
) -> Result<Created<LinkShape>, Problem> {
    let kind = new.kind.parse().map_err(|()| Problem::field("kind", "`pay` or `withdraw`", "value_error"))?;
    unbounded(&caller, kind)?;
    confirmed(&house, &caller, &request, kind, &new.rest, (Msat(new.min_msat.unwrap_or(0)), 1)).await?;
    let (host, base) = reached(&request, &house);
    let rest = change_of(&house, &caller, new.rest, &host)?;
    let currency = new.currency.filter(|code| !code.is_empty()).map(|code| rates::named(&house, &code)).transpose()?;
    let missing = |field| Problem::field(field, "field required", "value_error.missing");
    let least = match (currency, new.min_msat, rest.min_milli) {
        (Some(currency), None, Some(least)) => Least::Fiat(currency, least),
        (Some(_), None, None) => return Err(missing("min")),
        (Some(_), Some(_), _) => {
            return Err(Problem::field("min_msat", "not together with a currency: say min", "value_error"));
        }
        (None, Some(least), _) => Least::Msat(Msat(least)),
        (None, None, _) => return Err(missing("min_msat")),
    };
    let link = house.links.create(New { wallet: caller.wallet.id.clone(), kind, least, rest }).await?;
    Ok(Created(LinkShape::of(link, &base)))
}

async fn read(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<LinkShape>, Problem> {
    let (_, base) = reached(&request, &house);
    let link = house.links.find(&caller.wallet.id, &id).await?;
    unbounded(&caller, link.kind)?;
    Ok(Json(LinkShape::of(link, &base)))
}

async fn change(
    Caller(caller): Caller<WalletSend>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(change): Body<ChangedLink>,
) -> Result<Json<LinkShape>, Problem> {
    let link = house.links.find(&caller.wallet.id, &id).await?;
    unbounded(&caller, link.kind)?;
    confirmed(&house, &caller, &request, link.kind, &change.rest, (link.max_msat, link.uses)).await?;
    let (host, base) = reached(&request, &house);
    let rest = change_of(&house, &caller, change.rest, &host)?;
    let change = Change { min: change.min_msat.map(Msat), ..rest };
    Ok(Json(LinkShape::of(house.links.change(&caller.wallet.id, &id, change).await?, &base)))
}

async fn delete(
    Caller(caller): Caller<WalletSend>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<Value>, Problem> {
    unbounded(&caller, house.links.find(&caller.wallet.id, &id).await?.kind)?;
    house.links.delete(&caller.wallet.id, &id).await?;
    Ok(Json(json!({ "deleted": true })))
}

/// What pays out later is not bounded by the credential that made it, or that has its address: only who is not bounded
/// himself makes it, or sees it.
fn unbounded(caller: &WalletCaller, kind: LinkKind) -> Result<(), Problem> {
    let bounded = matches!(caller.principal.family, Family::ApiKey | Family::AclToken | Family::InvoiceKey);
    if kind == LinkKind::Withdraw && (bounded || caller.wallet.through.is_some()) {
        let text = "Withdraw links are for the wallet's admin key, or its owner's login.";
        return Err(Problem::new(Code::Forbidden, text));
    }
    Ok(())
}

/// Who has to show a code for large payments has to show one for a link that pays as much in all.
async fn confirmed(
    house: &House,
    caller: &WalletCaller,
    request: &HttpRequest,
    kind: LinkKind,
    asked: &ChangeLink,
    (most, uses): (Msat, i64),
) -> Result<(), Problem> {
    if kind == LinkKind::Pay {
        return Ok(());
    }
    let most = asked.max_msat.unwrap_or(most.0).max(most.0);
    let sum = Msat(most.saturating_mul(asked.uses.unwrap_or(uses).max(1)));
    let code = totp::code(request, None);
    Ok(house.accounts.confirm_payment(&caller.principal, || Some(sum), code.as_deref()).await?)
}

fn change_of(house: &House, caller: &WalletCaller, asked: ChangeLink, host: &str) -> Result<Change, Problem> {
    if asked.webhook.as_deref().is_some_and(|url| !url.is_empty()) {
        admission::takes(house, &caller.principal, Capability::Webhooks)?;
    }
    if let Some(url) = asked.success_url.as_deref().filter(|url| !url.is_empty()) {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let named = |url: &Url| {
            let name = url.host_str().unwrap_or_default();
            url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
        };
        if url.as_ref().map(named).as_deref() != Some(host) {
            let text = format!("has to lead to {host}: payers' wallets go nowhere else (LUD-09)");
            return Err(Problem::field("success_url", &text, "value_error"));
        }
    }
    let until = asked.open_until.filter(|text| !text.is_empty()).map(|text| {
        Time::parse(&text).ok_or_else(|| Problem::field("open_until", "not a moment in time", "value_error"))
    });
    let wanted = asked.payer_data.as_ref().map(Wanted::read).transpose();
    Ok(Change {
        title: asked.title,
        min: None,
        max: asked.max_msat.map(Msat),
        min_milli: milli("min", asked.min.as_ref())?,
        max_milli: milli("max", asked.max.as_ref())?,
        payer_data: wanted.map_err(|wrong| Problem::field("payer_data", &wrong, "value_error"))?,
        comment_max: asked.comment_max,
        success_message: asked.success_message,
        success_url: asked.success_url,
        success_secret: asked.success_secret,
        description: asked.description,
        webhook: asked.webhook,
        uses: asked.uses,
        pause_seconds: asked.pause_seconds,
        open_until: until.transpose()?,
        enabled: asked.enabled,
    })
}

/// Thousandths of a unit.
fn milli(name: &str, amount: Option<&Value>) -> Result<Option<i64>, Problem> {
    let Some(amount) = amount.filter(|amount| !amount.is_null()) else { return Ok(None) };
    let milli = decimal(amount).and_then(|amount| amount.checked_mul(Decimal::ONE_THOUSAND));
    let milli = milli.filter(Decimal::is_integer).and_then(|milli| milli.to_i64()).filter(|milli| *milli > 0);
    let wrong = || Problem::field(name, "a number above 0 with three decimals at most", "value_error");
    milli.map(Some).ok_or_else(wrong)
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        let text = error.to_string();
        match error {
            LinkError::Missing => Self::new(Code::NotFound, text),
            LinkError::Invalid(_) | LinkError::Webhook(_) => Self::invalid(text),
            LinkError::Changed => Self::new(Code::InvalidRequest, text),
            LinkError::NoRate(error) => error.into(),
            LinkError::Ledger(error) => error.into(),
            LinkError::Store(error) => super::unavailable(error),
        }
    }
}
