//! A record as a page that is the same in every run: what is different each time is given a name, numbered by first
//! appearance.

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use regex::{Captures, Regex};
use serde_json::Value;

use super::recorder::{Exchange, Record};

/// The headers by which a request is understood, in the order of the page: a request has them in any.
const HEADERS: &[&str] = &["authorization", "x-api-key", "accept", "content-type"];

/// Fields whose values, in hex, are named for what they are. Everything else is named for what it looks like.
const FIELDS: &[(&str, &str)] = &[
    ("description_hash", "description hash"),
    ("payee", "node"),
    ("payment_secret", "payment secret"),
    ("preimage", "preimage"),
    ("request_id", "request id"),
    ("signature", "signature"),
];

/// What is different in every run, by what it looks like.
const PATTERNS: &[(&str, &str)] = &[
    ("bolt11", "(?:lnbc|lntb|LNBC|LNTB)[0-9A-Za-z]{100,}"),
    ("hex", "[0-9a-f]{32,}"),
    ("uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("memo", "story-[0-9a-f]{10}"),
    ("time", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"),
    ("unix", r"(?-u:\b)1[789][0-9]{8}(?-u:\b)"),
];

static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let names: Vec<_> = FIELDS.iter().map(|(field, _)| *field).collect();
    Regex::new(&format!(r#""({})": ?"([0-9a-f]{{16,}})""#, names.join("|"))).unwrap()
});

/// The page. `names` are values that the test knows, and what they are called.
pub(super) fn page(record: &Record, names: Vec<(String, String)>) -> String {
    let mut page = String::new();
    for exchange in &record.exchanges {
        write_exchange(&mut page, exchange);
    }
    for socket in &record.sockets {
        writeln!(page, "======== said on {}\n", socket.path).unwrap();
        for frame in &socket.frames {
            let (who, text) = frame.split_once(": ").unwrap();
            writeln!(page, "{who}:\n{}\n", pretty(text)).unwrap();
        }
    }
    named(&page, names)
}

fn write_exchange(page: &mut String, exchange: &Exchange) {
    let Exchange { method, path, headers, body, status, content_type, answer } = exchange;
    writeln!(page, "======== {method} {path}").unwrap();
    for header in HEADERS {
        for (_, value) in headers.iter().filter(|(name, _)| name == header) {
            writeln!(page, "{header}: {value}").unwrap();
        }
    }
    if !body.is_empty() {
        writeln!(page, "{body}").unwrap();
    }
    writeln!(page, "-------- {status} {content_type}").unwrap();
    if !answer.is_empty() {
        writeln!(page, "{}", pretty(answer)).unwrap();
    }
    page.push('\n');
}

/// JSON with a line for each field, anything else as it is.
fn pretty(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap(),
        Err(_) => text.to_owned(),
    }
}

fn named(page: &str, known: Vec<(String, String)>) -> String {
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    for found in FIELD.captures_iter(page) {
        let (_, [field, value]) = found.extract();
        kinds.insert(value, FIELDS.iter().find(|(name, _)| *name == field).unwrap().1);
    }
    // what is known by its value comes first, the longest first
    let mut literal: Vec<&str> = kinds.keys().copied().chain(known.iter().map(|(value, _)| value.as_str())).collect();
    literal.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let literal: Vec<_> = literal.into_iter().map(regex::escape).collect();
    let patterns = PATTERNS.iter().map(|(name, pattern)| format!("(?<{name}>{pattern})"));
    let any: Vec<_> = [format!("(?<literal>{})", literal.join("|"))].into_iter().chain(patterns).collect();
    let any = Regex::new(&any.join("|")).unwrap();

    let mut names: HashMap<String, String> = known.iter().cloned().collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let name = |found: &Captures<'_>| {
        let value = &found[0];
        let pattern = any.capture_names().flatten().find(|name| found.name(name).is_some()).unwrap();
        let kind = match (pattern, value.len()) {
            ("time", _) => return "<time>".to_owned(),
            ("unix", _) => return "<unix time>".to_owned(),
            // nobody draws lots for this one
            ("hex", _) if value.chars().all(|c| value.starts_with(c)) => return value.to_owned(),
            ("literal", _) => match kinds.get(value).copied().unwrap_or_default() {
                "request id" => return "<request id>".to_owned(),
                kind => kind,
            },
            ("hex", 64) => "payment hash",
            ("hex", 32) | ("uuid", _) => "id",
            (other, _) => other,
        };
        let lower = value.to_lowercase();
        let name = names.entry(lower).or_insert_with(|| {
            let count = counts.entry(kind).or_default();
            *count += 1;
            format!("<{kind} {count}>")
        });
        if pattern == "bolt11" && value.starts_with("LN") { name.to_uppercase() } else { name.clone() }
    };
    any.replace_all(page, name).into_owned()
}
