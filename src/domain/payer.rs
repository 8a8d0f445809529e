//! What a payee asks of whoever pays him, and what he is told (LUD-18).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::column::word_enum;

word_enum! {
    /// What can be told of a payer.
    #[derive(PartialOrd, Ord)]
    PayerField {
        /// What he is called.
        Name = "name",
        /// A public key of his: 33 bytes as hex.
        Pubkey = "pubkey",
        /// An address at which he can be reached or paid.
        Identifier = "identifier",
        /// His e-mail address.
        Email = "email",
    }
}

/// The longest value, in characters.
const VALUE_MAX: usize = 255;
/// The longest of all that is told, in bytes of JSON.
const TOLD_MAX: usize = 4096;
const OPTIONAL: &str = "optional";
const MANDATORY: &str = "mandatory";

/// What a payee wants to be told, and whether he insists on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(BTreeMap<PayerField, bool>);

impl Wanted {
    /// Reads `{"name": "optional", "email": "mandatory"}`.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read(words: &Map<String, Value>) -> Result<Self, String> {
        let fields = words.iter().map(|(name, word)| {
            let field = name.parse().map_err(|()| {
                let all: Vec<&str> = PayerField::ALL.iter().map(PayerField::as_str).collect();
                format!("{name:?} cannot be asked for; there are {}", all.join(", "))
            })?;
            match word.as_str() {
                Some(OPTIONAL) => Ok((field, false)),
                Some(MANDATORY) => Ok((field, true)),
                _ => Err(format!("{name}: `{OPTIONAL}` or `{MANDATORY}`")),
            }
        });
        fields.collect::<Result<_, String>>().map(Self)
    }

    /// The same as text, as it is stored.
    pub fn stored(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .and_then(|words| Self::read(&words).ok())
            .unwrap_or_default()
    }

    /// What [`Wanted::read`] reads.
    pub fn words(&self) -> Map<String, Value> {
        let word = |mandatory: bool| if mandatory { MANDATORY } else { OPTIONAL };
        self.0.iter().map(|(field, mandatory)| (field.to_string(), word(*mandatory).into())).collect()
    }

    /// Nothing?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What payers are asked, as LUD-18 writes it; `None` when they are asked nothing.
    pub fn offer(&self) -> Option<Value> {
        let asked = self.0.iter().map(|(field, mandatory)| (field.to_string(), json!({ "mandatory": mandatory })));
        (!self.0.is_empty()).then(|| Value::Object(asked.collect()))
    }

    /// Reads what a service asks.
    ///
    /// # Errors
    /// The name of something that it insists on and that nobody here tells.
    pub fn offered(asked: Option<&Value>) -> Result<Self, String> {
        let mut wanted = BTreeMap::new();
        for (name, asked) in asked.and_then(Value::as_object).into_iter().flatten() {
            let mandatory = asked.get("mandatory").and_then(Value::as_bool).unwrap_or(false);
            match name.parse() {
                Ok(field) => drop(wanted.insert(field, mandatory)),
                Err(()) if mandatory => return Err(name.chars().take(40).collect()),
                Err(()) => {}
            }
        }
        Ok(Self(wanted))
    }

    /// What a payer tells of what he is ready to tell: nothing that is not asked for. `None` for nothing.
    ///
    /// # Errors
    /// What is missing or wrong, for people.
    pub fn told(&self, ready: &Map<String, Value>) -> Result<Option<String>, String> {
        let told = ready.iter().filter(|(name, _)| name.parse().is_ok_and(|field| self.0.contains_key(&field)));
        let told: Map<String, Value> = told.map(|(name, value)| (name.clone(), value.clone())).collect();
        self.check(&told)?;
        Ok((!told.is_empty()).then(|| Value::Object(told).to_string()))
    }

    /// Reads what a payer told.
    ///
    /// # Errors
    /// What is missing or wrong, for people.
    pub fn accept(&self, told: Option<&str>) -> Result<Map<String, Value>, String> {
        let told = told.unwrap_or("{}");
        if told.len() > TOLD_MAX {
            return Err(format!("{TOLD_MAX} bytes at most"));
        }
        let told: Map<String, Value> = serde_json::from_str(told).map_err(|_| "not a JSON object".to_owned())?;
        self.check(&told)?;
        Ok(told)
    }

    fn check(&self, told: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in told {
            let asked = name.parse().ok().filter(|field| self.0.contains_key(field));
            let field = asked.ok_or_else(|| format!("{name:?} is not asked for"))?;
            if !value.as_str().is_some_and(|value| is_good(field, value)) {
                return Err(format!("{name} is not one"));
            }
        }
        match self.0.iter().find(|(field, mandatory)| **mandatory && !told.contains_key(field.as_str())) {
            Some((field, _)) => Err(format!("{field} is required")),
            None => Ok(()),
        }
    }
}

fn is_good(field: PayerField, value: &str) -> bool {
    let length = value.chars().count();
    let is_address = || value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    (1..=VALUE_MAX).contains(&length)
        && !value.chars().any(char::is_control)
        && match field {
            PayerField::Name => !value.trim().is_empty(),
            PayerField::Pubkey => length == 66 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
            PayerField::Identifier | PayerField::Email => is_address(),
        }
}

/// What the invoice of an LNURL payment commits to: the metadata, and what the payer told, to the letter.
pub fn commitment(metadata: &str, told: Option<&str>) -> [u8; 32] {
    Sha256::new().chain_update(metadata).chain_update(told.unwrap_or_default()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(words: Value) -> Wanted {
        let Value::Object(words) = words else { panic!("{words} is no object") };
        Wanted::read(&words).unwrap()
    }

    #[test]
    fn what_is_asked_is_written_as_it_was_read() {
        let words = json!({ "email": "mandatory", "name": "optional" });
        let asked = wanted(words.clone());
        assert_eq!(Value::Object(asked.words()), words);
        assert_eq!(Wanted::stored(Some(&words.to_string())), asked);
        let offer = json!({ "name": { "mandatory": false }, "email": { "mandatory": true } });
        assert_eq!(asked.offer(), Some(offer.clone()));
        assert_eq!(Wanted::offered(Some(&offer)), Ok(asked));
        assert_eq!(wanted(json!({})).offer(), None);
        for bad in [json!({ "age": "optional" }), json!({ "name": "yes" }), json!({ "name": true })] {
            assert!(Wanted::read(bad.as_object().unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_told_that_nobody_asks_for() {
        let ready = json!({ "name": "Ada", "email": "ada@example.com" });
        let ready = ready.as_object().unwrap();
        assert_eq!(wanted(json!({})).told(ready), Ok(None));
        assert_eq!(wanted(json!({ "name": "optional" })).told(ready), Ok(Some(r#"{"name":"Ada"}"#.to_owned())));
        assert_eq!(wanted(json!({ "pubkey": "mandatory" })).told(ready), Err("pubkey is required".to_owned()));
        let auth = json!({ "auth": { "mandatory": true, "k1": "00" }, "name": { "mandatory": true } });
        assert_eq!(Wanted::offered(Some(&auth)), Err("auth".to_owned()));
    }

    #[test]
    fn what_is_told_is_what_was_asked_for() {
        let asked = wanted(json!({ "name": "mandatory", "email": "optional", "pubkey": "optional" }));
        let key = format!("02{}", "ab".repeat(32));
        assert!(asked.accept(Some(&json!({ "name": "Ada", "pubkey": key, "email": "a@b" }).to_string())).is_ok());
        for (told, why) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "name is required"),
            (r#"{"name":""}"#, "name is not one"),
            (r#"{"name":7}"#, "name is not one"),
            (r#"{"name":"a\u0000"}"#, "name is not one"),
            (r#"{"name":"a","email":"nobody"}"#, "email is not one"),
            (r#"{"name":"a","pubkey":"02"}"#, "pubkey is not one"),
            (r#"{"name":"a","identifier":"a@b"}"#, "\"identifier\" is not asked for"),
        ] {
            assert_eq!(asked.accept(Some(told)), Err(why.to_owned()), "{told}");
        }
        assert!(asked.accept(Some(&format!("{{\"name\":\"{}\"}}", "x".repeat(256)))).is_err());
        assert!(asked.accept(Some(&" ".repeat(TOLD_MAX + 1))).is_err());
        assert_eq!(asked.accept(None), Err("name is required".to_owned()));
    }
}
