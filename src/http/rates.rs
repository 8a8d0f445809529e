//! Currencies, what they cost, and converting between them.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, PathPart},
    lenient,
    permission::{Caller, Public, Wallets},
    problem::Problem,
    route::{Route, route},
};
use crate::{
    domain::{
        Msat,
        fiat::{self, Asked, CODES, Currency, number},
    },
    ledger::LedgerError,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/currencies", Public, currencies)
            .doc("Lists the currencies that amounts may be given in."),
        route(Method::GET, "/api/v1/rate/history", Wallets, history).doc(
            "What services said of late about the operator's currency, or else about the US dollar, oldest first.",
        ),
        route(Method::GET, "/api/v1/rate/{currency}", Public, rate)
            .doc("What a currency costs: `rate` in satoshi for a unit, `price` in units for a bitcoin."),
        route(Method::POST, "/api/v1/conversion", Public, convert).doc(
            "Converts satoshi to other currencies, or another currency to satoshi.\n\
            Whole satoshi, rounded down; values in other currencies are cut off after eight decimals.",
        ),
    ]
}

/// Most currencies that one request converts to.
const MOST: usize = 20;
const SAT_PER_BTC: Decimal = Decimal::from_parts(100_000_000, 0, 0, false, 0);

#[derive(Serialize, ToSchema)]
struct Rate {
    /// Satoshi for a unit.
    #[schema(value_type = f64)]
    rate: Value,
    /// Units for a bitcoin.
    #[schema(value_type = f64)]
    price: Value,
}

#[derive(Serialize, ToSchema)]
struct PastRate {
    /// Unix seconds.
    timestamp: i64,
    /// Units for a bitcoin, by the name of who said so.
    #[schema(value_type = Object)]
    rates: Map<String, Value>,
}

#[derive(Deserialize, ToSchema)]
struct Conversion {
    /// What `amount` is in.
    #[serde(default = "sat", alias = "from", deserialize_with = "lenient::text")]
    from_: String,
    /// How much.
    #[serde(deserialize_with = "lenient::opt_amount")]
    #[schema(value_type = f64)]
    amount: Option<Value>,
    /// From satoshi: the currencies to convert to, with commas between.
    #[serde(default = "usd", deserialize_with = "lenient::text")]
    to: String,
}

fn sat() -> String {
    "sat".to_owned()
}

fn usd() -> String {
    "usd".to_owned()
}

/// What an amount of a currency costs: whole satoshi, rounded down, and one at least. This waits for a rate.
pub(super) async fn in_satoshi(house: &House, unit: &str, amount: &Value) -> Result<(Msat, Asked), Problem> {
    let currency = allowed(house, unit)
        .ok_or_else(|| Problem::field("unit", "The provided unit is not supported", "value_error"))?;
    let amount = fiat::decimal(amount)
        .ok_or_else(|| Problem::field("amount", "value is not a valid float", "type_error.float"))?;
    let quote = house.ledger.rates().price(currency).await;
    let quote = quote.map_err(|error| Problem::from(error).with("status", "failed"))?;
    let sat = quote.price.sat(amount).and_then(Msat::from_sat).unwrap_or(Msat::MAX);
    if sat.is_zero() {
        // less than a satoshi is not the same as leaving it to the payer
        return Err(LedgerError::Amountless.into());
    }
    Ok((sat, Asked { quote, amount }))
}

/// The currency of this code, if amounts may be given in it here.
fn allowed(house: &House, code: &str) -> Option<Currency> {
    let currency = Currency::parse(code)?;
    let allowed = &house.ledger.limits().allowed_currencies;
    (allowed.is_empty() || allowed.contains(currency.code())).then_some(currency)
}

pub(super) fn named(house: &House, code: &str) -> Result<Currency, Problem> {
    let unknown = || {
        let shown: String = code.trim().to_uppercase().chars().take(10).collect();
        Problem::invalid(format!("Currency '{shown}' not allowed."))
    };
    allowed(house, code).ok_or_else(unknown)
}

async fn currencies(_: Caller<Public>, house: Data<House>) -> Json<Vec<String>> {
    let all = CODES.iter().filter(|code| allowed(&house, code).is_some());
    Json(all.map(|code| (*code).to_owned()).collect())
}

async fn rate(_: Caller<Public>, house: Data<House>, PathPart(code): PathPart<String>) -> Result<Json<Rate>, Problem> {
    let quote = house.ledger.rates().price(named(&house, &code)?).await?;
    Ok(Json(Rate { rate: number(quote.price.sat_per_unit()), price: number(quote.price.per_btc()) }))
}

async fn history(_: Caller<Wallets>, house: Data<House>) -> Json<Vec<PastRate>> {
    let past = house.ledger.rates().past().into_iter().map(|past| PastRate {
        timestamp: past.at.unix(),
        rates: past.prices.into_iter().map(|(name, price)| (name, number(price.per_btc()))).collect(),
    });
    Json(past.collect())
}

async fn convert(_: Caller<Public>, house: Data<House>, Body(asked): Body<Conversion>) -> Result<Json<Value>, Problem> {
    let wrong = || Problem::field("amount", "value is not a valid float", "type_error.float");
    let amount = asked.amount.as_ref().and_then(fiat::decimal).ok_or_else(wrong)?;
    let answer = if asked.from_.trim().eq_ignore_ascii_case("sat") {
        from_sat(&house, amount, &asked.to).await?
    } else {
        from_fiat(&house, named(&house, &asked.from_)?, amount).await?
    };
    Ok(Json(Value::Object(answer)))
}

async fn from_sat(house: &House, amount: Decimal, to: &str) -> Result<Map<String, Value>, Problem> {
    let sat = amount.floor().to_i64().filter(|sat| Msat::from_sat(*sat).is_some()).ok_or_else(too_much)?;
    let msat = amount.checked_mul(Decimal::ONE_THOUSAND).and_then(|msat| msat.floor().to_i64()).ok_or_else(too_much)?;
    let codes: Vec<&str> = to.split(',').filter(|code| !code.trim().is_empty()).collect();
    if codes.len() > MOST {
        return Err(Problem::invalid(format!("One request converts to at most {MOST} currencies.")));
    }
    let wanted = codes.into_iter().map(|code| named(house, code)).collect::<Result<Vec<_>, _>>()?;
    let quotes = wanted.into_iter().map(|currency| house.ledger.rates().price(currency));
    let quotes = futures_util::future::try_join_all(quotes).await?;
    let mut answer = Map::new();
    answer.insert("BTC".into(), number(amount / SAT_PER_BTC));
    answer.insert("sats".into(), sat.into());
    let values = quotes.iter().map(|quote| (quote.currency.code(), number(quote.price.fine_value(Msat(msat)))));
    answer.extend(values.map(|(code, value)| (code.to_owned(), value)));
    Ok(answer)
}

async fn from_fiat(house: &House, currency: Currency, amount: Decimal) -> Result<Map<String, Value>, Problem> {
    let quote = house.ledger.rates().price(currency).await?;
    let sat = quote.price.sat(amount).ok_or_else(too_much)?;
    let mut answer = Map::new();
    answer.insert(currency.code().into(), number(amount));
    answer.insert("sats".into(), sat.into());
    answer.insert("BTC".into(), number(Decimal::from(sat) / SAT_PER_BTC));
    Ok(answer)
}

fn too_much() -> Problem {
    Problem::field("amount", "that is more than there is", "value_error")
}
