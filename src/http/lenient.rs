//! Reading values the way existing clients write them: numbers as texts, flags as words.
//!
//! Every reader here says what it wanted in the words of the wire contract, `message|kind`, and
//! [`super::body`] turns that into the list of errors that clients know.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A whole number, also as text; a fraction is refused, because cutting it off would change an amount.
pub(super) fn int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    whole(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same; null and absence are none.
pub(super) fn opt_int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => whole(&value).map(Some).map_err(D::Error::custom),
    }
}

/// A number of at least zero; `None` for null. Beyond what fits, the largest number stands for it, so
/// that the limits that follow refuse it.
pub(super) fn opt_natural<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match opt_int(deserializer)? {
        Some(number) if number < 0 => {
            Err(D::Error::custom("ensure this value is greater than or equal to 0|value_error.number.not_ge"))
        }
        number => Ok(number),
    }
}

/// An amount of at least zero in a unit that is not known yet; `None` for null. What is no number is refused.
pub(super) fn opt_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    let number = crate::domain::fiat::decimal(&value).or_else(|| whole(&value).ok().map(Into::into));
    match number {
        None => Err(D::Error::custom(whole(&value).err().unwrap_or("value is not a valid integer|type_error.integer"))),
        Some(number) if number.is_sign_negative() && !number.is_zero() => {
            Err(D::Error::custom("ensure this value is greater than or equal to 0|value_error.number.not_ge"))
        }
        Some(_) => Ok(Some(value)),
    }
}

/// An amount in whole satoshi, or what is wrong with it and of which kind that is.
pub(super) fn satoshi(value: &Value) -> Result<i64, (&'static str, &'static str)> {
    whole(value).map_err(|text| text.split_once('|').unwrap_or((text, "value_error")))
}

/// The same for a value that may be cleared: null is `Some(None)`; with `serde(default)`, absence is `None`.
#[expect(clippy::option_option, reason = "absence keeps, null clears")]
pub(super) fn change_natural<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    opt_natural(deserializer).map(Some)
}

/// A flag: true and false, 1 and 0, and the words for them.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    truth(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same; `None` for null.
pub(super) fn opt_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => truth(&value).map(Some).map_err(D::Error::custom),
    }
}

/// A text; a number is taken as its text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    words(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same; `None` for null.
pub(super) fn opt_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => words(value).map(Some).map_err(D::Error::custom),
    }
}

/// A text of `MIN` to `MAX` characters.
pub(super) fn text_between<'de, D: Deserializer<'de>, const MIN: usize, const MAX: usize>(
    deserializer: D,
) -> Result<String, D::Error> {
    let text = text(deserializer)?;
    match text.chars().count() {
        n if n < MIN => Err(D::Error::custom(format!(
            "ensure this value has at least {MIN} characters|value_error.any_str.min_length"
        ))),
        n if n > MAX => Err(D::Error::custom(format!(
            "ensure this value has at most {MAX} characters|value_error.any_str.max_length"
        ))),
        _ => Ok(text),
    }
}

/// A text of at most `MAX` characters; `None` for null.
pub(super) fn opt_text_up_to<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    match opt_text(deserializer)? {
        Some(text) if text.chars().count() > MAX => Err(D::Error::custom(format!(
            "ensure this value has at most {MAX} characters|value_error.any_str.max_length"
        ))),
        text => Ok(text),
    }
}

/// An object; null and the empty list, which some clients send for it, are the empty object.
pub(super) fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<serde_json::Map<String, Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(serde_json::Map::new()),
        Value::Array(list) if list.is_empty() => Ok(serde_json::Map::new()),
        _ => Err(D::Error::custom("value is not a valid dict|type_error.dict")),
    }
}

fn whole(value: &Value) -> Result<i64, &'static str> {
    const BAD: &str = "value is not a valid integer|type_error.integer";
    const FRACTION: &str = "value must be a whole number|value_error.number.not_whole";
    match value {
        Value::Null => Err("none is not an allowed value|type_error.none.not_allowed"),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole),
            (None, Some(float)) if float.fract() != 0.0 => Err(FRACTION),
            (None, Some(float)) => Ok(saturated(float)),
            _ => Err(BAD),
        },
        Value::String(text) => {
            let text = text.trim();
            if let Ok(whole) = text.parse::<i64>() {
                return Ok(whole);
            }
            match text.parse::<f64>() {
                Ok(float) if float.is_finite() && float.fract() != 0.0 => Err(FRACTION),
                Ok(float) if float.is_finite() && text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
                    Ok(saturated(float))
                }
                _ => Err(BAD),
            }
        }
        _ => Err(BAD),
    }
}

/// A whole float as an integer; beyond the range, the end of the range.
fn saturated(float: f64) -> i64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "float to integer saturates, which is what is wanted"
    )]
    let whole = float as i64;
    whole
}

fn truth(value: &Value) -> Result<bool, &'static str> {
    const BAD: &str = "value could not be parsed to a boolean|type_error.bool";
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(BAD),
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "y" | "on" | "t" => Ok(true),
            "false" | "0" | "no" | "n" | "off" | "f" => Ok(false),
            _ => Err(BAD),
        },
        Value::Null => Err("none is not an allowed value|type_error.none.not_allowed"),
        _ => Err(BAD),
    }
}

fn words(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) if text.contains('\0') => Err("NUL characters are not allowed|value_error.str"),
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err("none is not an allowed value|type_error.none.not_allowed"),
        _ => Err("str type expected|type_error.str"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{truth, whole};

    #[test]
    fn numbers_are_read_as_clients_write_them_but_never_bent() {
        for (value, expected) in [(json!(12), 12), (json!("12"), 12), (json!(3.0), 3), (json!(1e30), i64::MAX)] {
            assert_eq!(whole(&value), Ok(expected), "{value}");
        }
        assert_eq!(whole(&json!(9_223_372_036_854_775_808_u64)), Ok(i64::MAX));
        for value in
            [json!(1.5), json!("1.5"), json!("1e3"), json!("NaN"), json!("x"), json!(null), json!([1]), json!(true)]
        {
            assert!(whole(&value).is_err(), "{value}");
        }
        assert_eq!(truth(&json!("no")), Ok(false));
        assert!(truth(&json!("maybe")).is_err());
    }
}
