//! What values a setting takes, and how they are read from what people send: JSON, or the text of a variable.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Number, Value};

use crate::domain::tier::{Tier, Tiers};

/// Most entries of a list, and most characters of a text that says nothing else.
const LIST_MAX: usize = 1000;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// A whole number from one to another.
    Int(i64, i64),
    /// Any number from one to another.
    Number(f64, f64),
    /// A text of so many characters at most.
    Text(usize),
    /// An http or https URL.
    Url,
    /// The 32 hex digits of a wallet or an account.
    Id,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list, also as one text with commas between.
    List(Item),
    /// The tiers by name.
    Tiers,
    /// A list of objects or texts, kept as it is.
    Objects,
    /// An object, kept as it is.
    Object,
}

/// What a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An address or a network such as `10.0.0.0/8`.
    Network,
    /// The id of an account.
    Id,
    /// The code of a currency, in upper case.
    Currency,
    /// An http or https URL.
    Url,
}

impl Kind {
    /// The value in the one shape in which it is kept.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn read(self, given: &Value) -> Result<Value, String> {
        match self {
            Self::Flag => flag(given).map(Value::Bool).ok_or_else(|| "value could not be parsed to a boolean".into()),
            Self::Int(least, most) => {
                let number = whole(given).ok_or("value is not a valid integer")?;
                within(number, least, most).map(Value::from)
            }
            Self::Number(least, most) => {
                let number = real(given).ok_or("value is not a valid float")?;
                let number = within(number, least, most)?;
                Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
            }
            Self::Text(most) => text(given, most).map(Value::String),
            Self::Url => url(&text(given, 2000)?).map(Value::String),
            Self::Id => id(&text(given, 100)?).map(Value::String),
            Self::Word(words) => word(&text(given, 100)?, words).map(Value::String),
            Self::List(item) => list(given, item),
            Self::Tiers => tiers(given),
            Self::Objects => match parsed(given) {
                Value::Array(list) if list.len() <= LIST_MAX => Ok(Value::Array(list)),
                _ => Err("value is not a valid list".into()),
            },
            Self::Object => match parsed(given) {
                Value::Object(object) => Ok(Value::Object(object)),
                _ => Err("value is not a valid dict".into()),
            },
        }
    }

    /// In words, for the documentation.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Int(least, i64::MAX) => format!("whole number from {least}"),
            Self::Int(least, most) => format!("whole number from {least} to {most}"),
            Self::Number(least, most) => format!("number from {least} to {most}"),
            Self::Text(_) => "text".into(),
            Self::Url => "URL".into(),
            Self::Id => "id".into(),
            Self::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Self::List(Item::Word(words)) => {
                format!("list of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
            }
            Self::List(Item::Network) => "list of addresses and networks".into(),
            Self::List(Item::Id) => "list of account ids".into(),
            Self::List(Item::Currency) => "list of currency codes".into(),
            Self::List(Item::Url) => "list of URLs".into(),
            Self::List(Item::Text) => "list of texts".into(),
            Self::Tiers => "object of tiers by name".into(),
            Self::Objects => "list of objects".into(),
            Self::Object => "object".into(),
        }
    }

    /// The JSON type of the value.
    pub fn json_type(self) -> &'static str {
        match self {
            Self::Flag => "boolean",
            Self::Int(..) => "integer",
            Self::Number(..) => "number",
            Self::Text(_) | Self::Url | Self::Id | Self::Word(_) => "string",
            Self::List(_) | Self::Objects => "array",
            Self::Tiers | Self::Object => "object",
        }
    }
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(number: T, least: T, most: T) -> Result<T, String> {
    if number < least {
        return Err(format!("ensure this value is greater than or equal to {least}"));
    }
    if number > most {
        return Err(format!("ensure this value is less than or equal to {most}"));
    }
    Ok(number)
}

fn flag(given: &Value) -> Option<bool> {
    match given {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) if number.as_i64() == Some(1) => Some(true),
        Value::Number(number) if number.as_i64() == Some(0) => Some(false),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn whole(given: &Value) -> Option<i64> {
    match given {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
            format!("{number:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn real(given: &Value) -> Option<f64> {
    match given {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

fn text(given: &Value, most: usize) -> Result<String, String> {
    let text = match given {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err("str type expected".into()),
    };
    if text.chars().count() > most {
        return Err(format!("ensure this value has at most {most} characters"));
    }
    if text.chars().any(|c| c == '\0') {
        return Err("a text has no NUL in it".into());
    }
    Ok(text)
}

fn url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !text.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("a URL begins with https:// or http:// and names a host".into()),
    }
}

fn id(text: &str) -> Result<String, String> {
    let text = text.trim().replace('-', "").to_ascii_lowercase();
    text.parse::<crate::domain::WalletId>().map(|id| id.to_string()).map_err(|()| "an id has 32 hex digits".to_owned())
}

fn word(text: &str, words: &[&str]) -> Result<String, String> {
    let known = words.iter().find(|word| **word == text.trim());
    known.map(|word| (*word).to_owned()).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        format!("unexpected value; permitted: {}", known.join(", "))
    })
}

fn list(given: &Value, item: Item) -> Result<Value, String> {
    let entries: Vec<Value> = match parsed(given) {
        Value::Array(list) => list,
        Value::String(text) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(Value::from).collect()
        }
        _ => return Err("value is not a valid list".into()),
    };
    if entries.len() > LIST_MAX {
        return Err(format!("ensure this value has at most {LIST_MAX} items"));
    }
    let mut read: Vec<Value> = Vec::with_capacity(entries.len());
    for entry in entries {
        let text = text(&entry, 2000)?.trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let entry = Value::from(match item {
            Item::Text => text,
            Item::Word(words) => word(&text, words)?,
            Item::Network => network(&text)?.to_string(),
            Item::Id => id(&text)?,
            Item::Url => url(&text)?.trim_end_matches('/').to_owned(),
            Item::Currency => currency(&text)?,
        });
        if !read.contains(&entry) {
            read.push(entry);
        }
    }
    Ok(Value::Array(read))
}

/// A text that is JSON, such as the value of a variable, is what it says.
fn parsed(given: &Value) -> Value {
    match given {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).unwrap_or_else(|_| given.clone())
        }
        _ => given.clone(),
    }
}

/// An address stands for the network that has it alone.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("{text:?} is neither an address nor a network such as 10.0.0.0/8"))
}

pub(super) fn currency(text: &str) -> Result<String, String> {
    let code = text.trim().to_ascii_uppercase();
    let like_one = (3..=5).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase());
    if like_one { Ok(code) } else { Err(format!("{text:?} is not the code of a currency")) }
}

fn tiers(given: &Value) -> Result<Value, String> {
    let Value::Object(tiers) = parsed(given) else { return Err("value is not a valid dict".into()) };
    if !tiers.contains_key(Tiers::FIRST) {
        return Err(format!("there is no tier {:?}, in which accounts begin", Tiers::FIRST));
    }
    if tiers.len() > 50 {
        return Err("ensure this value has at most 50 items".into());
    }
    let mut read = Map::new();
    for (name, tier) in tiers {
        let named =
            (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !named {
            return Err(format!("{name:?} does not name a tier: 1 to 32 letters, digits, - and _"));
        }
        let tier: Tier = serde_json::from_value(tier).map_err(|error| format!("tier {name:?}: {error}"))?;
        if tier.price_sat < 0 || crate::domain::Msat::from_sat(tier.price_sat).is_none() {
            return Err(format!("tier {name:?}: no price is below 0 or above all the bitcoin"));
        }
        read.insert(name, serde_json::to_value(tier).unwrap_or_default());
    }
    Ok(Value::Object(read))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Item, Kind};

    #[test]
    fn values_are_read_as_people_write_them() {
        for (kind, given, expected) in [
            (Kind::Flag, json!("True"), json!(true)),
            (Kind::Flag, json!(0), json!(false)),
            (Kind::Int(0, 10), json!("7"), json!(7)),
            (Kind::Int(0, 10), json!(7.0), json!(7)),
            (Kind::Number(0.0, 10.0), json!("1.5"), json!(1.5)),
            (Kind::List(Item::Text), json!("a, b,,a"), json!(["a", "b"])),
            (Kind::List(Item::Text), json!("[\"a\", \"b\"]"), json!(["a", "b"])),
            (Kind::List(Item::Network), json!(["10.0.0.0/8", "::1"]), json!(["10.0.0.0/8", "::1/128"])),
            (Kind::List(Item::Currency), json!("usd,EUR"), json!(["USD", "EUR"])),
            (Kind::Id, json!("0123456789abcdef0123456789ABCDEF"), json!("0123456789abcdef0123456789abcdef")),
            (Kind::Url, json!(" https://a.example/x "), json!("https://a.example/x")),
            (Kind::Word(&["a", "b"]), json!("b"), json!("b")),
        ] {
            assert_eq!(kind.read(&given), Ok(expected), "{kind:?} {given}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (kind, given) in [
            (Kind::Flag, json!("perhaps")),
            (Kind::Flag, json!(2)),
            (Kind::Int(0, 10), json!(11)),
            (Kind::Int(0, 10), json!(-1)),
            (Kind::Int(0, 10), json!(1.5)),
            (Kind::Int(0, 10), json!(true)),
            (Kind::Number(0.0, 10.0), json!("NaN")),
            (Kind::Text(3), json!("four")),
            (Kind::Text(3), json!(["a"])),
            (Kind::Url, json!("ftp://a.example")),
            (Kind::Id, json!("root")),
            (Kind::Word(&["a", "b"]), json!("c")),
            (Kind::List(Item::Network), json!("localhost")),
            (Kind::List(Item::Text), json!(5)),
            (Kind::Tiers, json!({ "pro": { "requests_per_minute": 1, "capabilities": [] } })),
            (Kind::Tiers, json!({ "free": { "requests_per_minute": -1, "capabilities": [] } })),
            (Kind::Tiers, json!({ "free": { "requests_per_minute": 1, "capabilities": ["fly"] } })),
            (Kind::Objects, Value::Null),
        ] {
            assert!(kind.read(&given).is_err(), "{kind:?} {given}");
        }
    }
}
