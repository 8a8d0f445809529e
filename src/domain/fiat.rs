//! Money of states, and what it is worth in bitcoin.
//!
//! Decimal numbers throughout. Whoever converts gets the lower side: satoshi of an amount of fiat are rounded down to
//! whole satoshi, the fiat value of satoshi is cut off after so many decimals. So nothing is gained by converting there
//! and back.

use std::{collections::BTreeMap, fmt};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::Msat;

/// Every currency that amounts can be given in, by its code (ISO 4217 where it has one).
pub const CODES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BYR", "BZD", "CAD", "CDF", "CHF", "CLF", "CLP", "CNH",
    "CNY", "COP", "CRC", "CUC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GGP", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "ILS",
    "IMP", "INR", "IQD", "IRT", "ISK", "JEP", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRO", "MUR",
    "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SLL", "SOS",
    "SRD", "SSP", "STD", "SVC", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
    "USD", "UYU", "UZS", "VEF", "VES", "VND", "VUV", "WST", "XAF", "XAG", "XAU", "XCD", "XDR", "XOF", "XPD", "XPF",
    "XPT", "YER", "ZAR", "ZMW", "ZWL",
];

/// Millisatoshi of a bitcoin.
const MSAT_PER_BTC: i64 = 100_000_000_000;
/// Satoshi of a bitcoin.
const SAT_PER_BTC: i64 = 100_000_000;
/// Decimals of the value that is kept with a payment.
const VALUE_DECIMALS: u32 = 3;
/// Decimals of answers to conversions.
const ANSWER_DECIMALS: u32 = 8;
/// Prices outside of this range (units for a bitcoin) are nobody's: 10⁻⁶ to 10¹⁵.
const PRICE: (Decimal, Decimal) =
    (Decimal::from_parts(1, 0, 0, false, 6), Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0));

/// A currency of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str);

impl Currency {
    /// The dollar of the United States.
    pub const USD: Self = Self("USD");

    /// The currency with this code, in whatever case.
    pub fn parse(code: &str) -> Option<Self> {
        let code = code.trim();
        CODES.iter().find(|known| known.eq_ignore_ascii_case(code)).map(|known| Self(known))
    }

    /// Its code, in upper case.
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a bitcoin costs, in units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(Decimal);

impl Price {
    /// `None` for what can be nobody's price.
    pub fn new(per_btc: Decimal) -> Option<Self> {
        (per_btc >= PRICE.0 && per_btc <= PRICE.1).then(|| Self(per_btc.normalize()))
    }

    /// Reads a price as services write it: a number, or one as a text.
    pub fn read(value: &Value) -> Option<Self> {
        Self::new(decimal(value)?)
    }

    /// Units for a bitcoin.
    pub fn per_btc(self) -> Decimal {
        self.0
    }

    /// Satoshi for a unit.
    pub fn sat_per_unit(self) -> Decimal {
        Decimal::from(SAT_PER_BTC).checked_div(self.0).unwrap_or_default()
    }

    /// What one gets for so much fiat: whole satoshi, rounded down. `None` beyond all bitcoin, and below zero.
    pub fn sat(self, amount: Decimal) -> Option<i64> {
        let sat = amount.checked_mul(Decimal::from(SAT_PER_BTC))?.checked_div(self.0)?.floor().to_i64()?;
        (sat >= 0 && Msat::from_sat(sat).is_some()).then_some(sat)
    }

    /// What so much is worth, cut off after three decimals.
    pub fn value(self, amount: Msat) -> Decimal {
        self.worth(amount, VALUE_DECIMALS)
    }

    /// The same with as many decimals as answers to conversions have.
    pub fn fine_value(self, amount: Msat) -> Decimal {
        self.worth(amount, ANSWER_DECIMALS)
    }

    fn worth(self, amount: Msat, decimals: u32) -> Decimal {
        let exact = Decimal::from(amount.size().0)
            .checked_mul(self.0)
            .and_then(|product| product.checked_div(Decimal::from(MSAT_PER_BTC)));
        exact.unwrap_or_default().round_dp_with_strategy(decimals, RoundingStrategy::ToZero).normalize()
    }
}

/// A decimal number out of JSON, also as a text; never by way of a binary fraction.
pub fn decimal(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().replace(',', ""),
        _ => return None,
    };
    if text.len() > 40 {
        return None;
    }
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// A decimal number as JSON has it.
pub fn number(decimal: Decimal) -> Value {
    decimal.to_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// What a currency costs at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Which.
    pub currency: Currency,
    /// Its price.
    pub price: Price,
}

/// The keys of a payment's `extra` that say what it was worth in its wallet's currency. Only the server writes them.
pub const VALUE_KEYS: [&str; 4] = ["wallet_fiat_currency", "wallet_fiat_amount", "wallet_fiat_rate", "wallet_btc_rate"];

/// What a payment was asked for in, where that is not satoshi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// At which price.
    pub quote: Quote,
    /// How much of the currency.
    pub amount: Decimal,
}

impl Quote {
    /// Notes what an amount is worth.
    pub fn note_value(&self, amount: Msat, extra: &mut Map<String, Value>) {
        let values = [
            Value::from(self.currency.code()),
            number(self.price.value(amount)),
            number(self.price.sat_per_unit()),
            number(self.price.per_btc()),
        ];
        extra.extend(VALUE_KEYS.map(str::to_owned).into_iter().zip(values));
    }
}

impl Asked {
    /// Notes what was asked for as what the payment is worth, where the wallet's currency is the same.
    pub fn note_as_value(&self, extra: &mut Map<String, Value>) {
        self.quote.note_value(Msat::ZERO, extra);
        extra.insert("wallet_fiat_amount".into(), number(self.amount.round_dp(VALUE_DECIMALS)));
    }

    /// Notes what was asked for.
    pub fn note(&self, extra: &mut Map<String, Value>) {
        extra.insert("fiat_currency".into(), self.quote.currency.code().into());
        extra.insert("fiat_amount".into(), number(self.amount.round_dp(VALUE_DECIMALS)));
        extra.insert("fiat_rate".into(), number(self.quote.price.sat_per_unit()));
        extra.insert("btc_rate".into(), number(self.quote.price.per_btc()));
    }
}

/// Where prices come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// Services are asked.
    #[default]
    Services,
    /// From nowhere: there are no prices.
    Off,
    /// They are these, always: for tests and demonstrations.
    Fixed(BTreeMap<Currency, Price>),
}

impl std::str::FromStr for Source {
    type Err = String;

    /// `services`, `off`, or `fixed:EUR=65000,USD=70000`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" | "services" => return Ok(Self::Services),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        let list = text.trim().strip_prefix("fixed:");
        let list = list.ok_or_else(|| format!("{text:?} is neither services nor off nor fixed:EUR=65000,…"))?;
        let mut prices = BTreeMap::new();
        for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let read = pair
                .split_once('=')
                .and_then(|(code, price)| Some((Currency::parse(code)?, Price::new(price.trim().parse().ok()?)?)));
            let (currency, price) = read.ok_or_else(|| format!("{pair:?} is not a currency and its price"))?;
            prices.insert(currency, price);
        }
        Ok(Self::Fixed(prices))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Services => f.write_str("services"),
            Self::Off => f.write_str("off"),
            Self::Fixed(prices) => {
                let pairs: Vec<_> =
                    prices.iter().map(|(currency, price)| format!("{currency}={}", price.per_btc())).collect();
                write!(f, "fixed:{}", pairs.join(","))
            }
        }
    }
}

/// A service that knows prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name for people.
    pub name: String,
    /// Where it is asked; `{TO}` and `{to}` stand for the currency.
    pub api_url: String,
    /// Where the price is in its answer: `$.data.last`, `$.result.XXBTZ{TO}.c[0]` or `/data/last`.
    #[serde(default)]
    pub path: String,
    /// Currencies that it is not asked about.
    #[serde(default)]
    pub exclude_to: Vec<String>,
    /// Currencies that it has under another name: `USD:USDT`.
    #[serde(default)]
    pub ticker_conversion: Vec<String>,
}

/// Where prices come from and how long they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatePolicy {
    /// Where from.
    pub source: Source,
    /// After so many seconds a price is asked for again.
    pub cache_seconds: i64,
    /// So many prices of the past are remembered.
    pub history_size: i64,
    /// So many seconds lie between two of them.
    pub history_seconds: i64,
    /// Is the aggregator asked before the providers?
    pub aggregator: bool,
    /// Where it is.
    pub aggregator_url: String,
    /// The others.
    pub providers: Vec<Provider>,
}

impl Default for RatePolicy {
    fn default() -> Self {
        Self {
            source: Source::Services,
            cache_seconds: 60,
            history_size: 60,
            history_seconds: 300,
            aggregator: true,
            aggregator_url: "https://price.lnbits.com".into(),
            providers: providers(),
        }
    }
}

/// Services that are asked unless the super user names others.
fn providers() -> Vec<Provider> {
    let provider = |name: &str, api_url: &str, path: &str, exclude: &[&str], conversion: &[&str]| Provider {
        name: name.into(),
        api_url: api_url.into(),
        path: path.into(),
        exclude_to: exclude.iter().map(|code| (*code).into()).collect(),
        ticker_conversion: conversion.iter().map(|pair| (*pair).into()).collect(),
    };
    vec![
        provider(
            "Binance",
            "https://api.binance.com/api/v3/ticker/price?symbol=BTC{TO}",
            "$.price",
            &["czk"],
            &["USD:USDT"],
        ),
        provider("Blockchain", "https://blockchain.info/ticker", "$.{TO}.last", &[], &[]),
        provider("Bitfinex", "https://api.bitfinex.com/v1/pubticker/btc{to}", "$.last_price", &["czk"], &[]),
        provider("Bitstamp", "https://www.bitstamp.net/api/v2/ticker/btc{to}/", "$.last", &["czk"], &[]),
        provider("Coinbase", "https://api.coinbase.com/v2/exchange-rates?currency=BTC", "$.data.rates.{TO}", &[], &[]),
        provider(
            "Kraken",
            "https://api.kraken.com/0/public/Ticker?pair=XBT{TO}",
            "$.result.XXBTZ{TO}.c[0]",
            &["czk"],
            &[],
        ),
        provider("yadio", "https://api.yadio.io/exrates/BTC", "$.BTC.{TO}", &[], &[]),
    ]
}

impl Provider {
    /// What this service calls a currency; `None` when it is not asked about it.
    fn ticker(&self, currency: Currency) -> Option<String> {
        let code = currency.code();
        if self.exclude_to.iter().any(|excluded| excluded.eq_ignore_ascii_case(code)) {
            return None;
        }
        let converted = self.ticker_conversion.iter().filter_map(|pair| pair.split_once(':'));
        let converted = converted.filter(|(from, _)| from.eq_ignore_ascii_case(code)).map(|(_, to)| to).next();
        Some(converted.unwrap_or(code).to_owned())
    }

    /// Where to ask about a currency; `None` when this service is not asked about it.
    pub fn url(&self, currency: Currency) -> Option<String> {
        Some(filled(&self.api_url, &self.ticker(currency)?))
    }

    /// The price in what the service answers.
    pub fn price(&self, currency: Currency, answer: &Value) -> Option<Price> {
        let path = filled(&self.path, &self.ticker(currency)?);
        let steps = path.trim_start_matches('$').split(['.', '/', '[', ']']).filter(|step| !step.is_empty());
        let mut at = answer;
        for step in steps {
            at = match at {
                Value::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                _ => at.get(step.trim_matches(['\'', '"']))?,
            };
        }
        Price::read(at)
    }
}

fn filled(template: &str, ticker: &str) -> String {
    let (upper, lower) = (ticker.to_ascii_uppercase(), ticker.to_ascii_lowercase());
    template.replace("{TO}", &upper).replace("{to}", &lower).replace("{FROM}", "BTC").replace("{from}", "btc")
}

/// The price that several answers agree on: their median, without those that are more than 1 % away from it. `None`
/// when there is none, or too few are left to trust one: two that are more than 5 % apart.
pub fn agreed(mut prices: Vec<Price>) -> Option<Price> {
    let middle = median(&mut prices)?;
    if prices.len() >= 3 {
        let mut near: Vec<Price> =
            prices.into_iter().filter(|price| is_within(*price, middle, Decimal::new(1, 2))).collect();
        // an even number of answers may have its middle where nobody is
        return if near.is_empty() { None } else { median(&mut near) };
    }
    let apart = prices.iter().any(|price| !is_within(*price, middle, Decimal::new(25, 3)));
    if apart { None } else { Some(middle) }
}

fn is_within(price: Price, of: Price, share: Decimal) -> bool {
    of.0.checked_mul(share).is_some_and(|most| (price.0 - of.0).abs() <= most)
}

fn median(prices: &mut [Price]) -> Option<Price> {
    prices.sort_unstable();
    let half = prices.len() / 2;
    let upper = *prices.get(half)?;
    if prices.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = prices.get(half.checked_sub(1)?)?;
    Price::new((lower.0 + upper.0) / Decimal::TWO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{CODES, Currency, Decimal, Msat, Price, Provider, RatePolicy, Source, agreed};

    fn price(text: &str) -> Price {
        Price::new(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_table_has_every_currency_once() {
        assert_eq!(CODES.len(), 165);
        assert!(CODES.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Currency::parse(" eur ").map(Currency::code), Some("EUR"));
        assert_eq!(Currency::parse("sat"), None);
    }

    #[test]
    fn converting_rounds_to_the_side_of_less() {
        assert_eq!(price("100000").sat("10".parse().unwrap()), Some(10_000));
        assert_eq!(price("65000").sat("0.01".parse().unwrap()), Some(15)); // 15.38…
        assert_eq!(price("65000").sat("0.0001".parse().unwrap()), Some(0));
        assert_eq!(price("65000").sat("-1".parse().unwrap()), None);
        assert_eq!(price("0.01").sat("1000000".parse().unwrap()), None);
        assert_eq!(price("100000").value(Msat(-100_000)).to_string(), "0.1");
        assert_eq!(price("65000").value(Msat(15_384)).to_string(), "0.009");
        assert_eq!(price("100000").sat_per_unit().to_string(), "1000");
        assert!(Price::new(Decimal::ZERO).is_none() && Price::new("1e16".parse().unwrap_or_default()).is_none());
    }

    proptest! {
        #[test]
        fn there_and_back_gains_nothing(sat in 0_i64..2_100_000_000_000_000, mantissa in 1_i64..10_000_000_000, scale in 0_u32..5) {
            let Some(price) = Price::new(Decimal::new(mantissa, scale)) else { return Ok(()) };
            let amount = Msat::from_sat(sat).unwrap();
            for value in [price.value(amount), price.fine_value(amount)] {
                if let Some(back) = price.sat(value) {
                    prop_assert!(back <= sat, "{sat} became {value} became {back}");
                }
            }
            let cents = Decimal::new(sat / 1000, 2);
            if let Some(got) = price.sat(cents) {
                prop_assert!(price.fine_value(Msat::from_sat(got).unwrap()) <= cents);
            }
        }
    }

    #[test]
    fn outliers_do_not_count() {
        let prices = |texts: &[&str]| texts.iter().map(|text| price(text)).collect();
        assert_eq!(agreed(prices(&["70000", "70100", "7"])), Some(price("70050")));
        assert_eq!(agreed(prices(&["70000", "70100", "70200", "90000", "1"])), Some(price("70100")));
        assert_eq!(agreed(prices(&["70000"])), Some(price("70000")));
        assert_eq!(agreed(prices(&["70000", "70002"])), Some(price("70001")));
        assert_eq!(agreed(prices(&["70000", "90000"])), None);
        assert_eq!(agreed(prices(&["1", "2", "70000", "90000"])), None);
        assert_eq!(agreed(Vec::new()), None);
    }

    #[test]
    fn prices_are_found_in_answers() {
        let usd = Currency::parse("USD").unwrap();
        let provider = |path: &str| Provider {
            name: "p".into(),
            api_url: "https://p.example/{to}/{TO}".into(),
            path: path.into(),
            exclude_to: vec!["eur".into()],
            ticker_conversion: vec!["USD:USDT".into()],
        };
        let answer = json!({ "result": { "XUSDT": { "c": ["70000.5", 1] } }, "last": 7e4 });
        assert_eq!(provider("$.result.X{TO}.c[0]").price(usd, &answer), Some(price("70000.5")));
        assert_eq!(provider("/result/X{TO}/c/0").price(usd, &answer), Some(price("70000.5")));
        assert_eq!(provider("$.last").price(usd, &answer), Some(price("70000")));
        assert_eq!(provider("$.first").price(usd, &answer), None);
        assert_eq!(provider("").url(usd).unwrap(), "https://p.example/usdt/USDT");
        assert_eq!(provider("").url(Currency::parse("EUR").unwrap()), None);
        assert!(RatePolicy::default().providers.iter().all(|provider| provider.url(usd).is_some()));
    }

    #[test]
    fn sources_are_read_as_they_are_written() {
        for text in ["services", "off", "fixed:EUR=65000,USD=70000.5"] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        for text in ["fixed:XXX=1", "fixed:EUR", "fixed:EUR=0", "fixed:EUR=much", "on"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
