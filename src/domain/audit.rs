//! The audit log: which requests are recorded, what of them, and the chain that their lines form.
//!
//! Each line's hash covers the line before it and is made with a key that is not in the database. So whoever
//! can write to the database, but does not have the master secret, cannot take a line away, change one or
//! move one without `satchel check --audit` naming it. What no chain within the database can show is that *all* of
//! it was put back to an earlier state: for that, keep a copy of the lines elsewhere.

use std::{fmt, sync::Arc};

use diesel::{Insertable, Queryable, Selectable};
use hmac::{Hmac, Mac};
use regex::{RegexSet, RegexSetBuilder};
use sha2::Sha256;

use super::{
    Time,
    filter::{Field, Fields, Type},
};

/// Which requests are recorded, and what of them. The names are those of the settings (`lnbits_audit_…`).
///
/// There is no field for request bodies: passwords, pass phrases and keys are in them, so they are never recorded.
#[expect(clippy::struct_excessive_bools, reason = "the flags are the settings'")]
#[derive(Debug, Clone)]
pub struct AuditPolicy {
    /// Is anything recorded?
    pub enabled: bool,
    /// For how many days lines are kept; 0 stands for 365.
    pub retention_days: i64,
    /// Is the caller's address recorded?
    pub log_ip_address: bool,
    /// Are the variable parts of the path recorded? Keys among them are masked.
    pub log_path_params: bool,
    /// Are the parameters of the query recorded? Secrets among them are masked.
    pub log_query_params: bool,
    /// Route templates that are recorded: any of these.
    pub include_paths: Patterns,
    /// Route templates that are not, even so.
    pub exclude_paths: Patterns,
    /// Methods that are recorded, in capitals.
    pub http_methods: Vec<String>,
    /// Statuses that are recorded, as `404` or `4.*`.
    pub http_response_codes: Patterns,
}

impl Default for AuditPolicy {
    fn default() -> Self {
        let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<String>>();
        // what is written here is sound: a test reads it
        let patterns = |texts: &[&str]| Patterns::parse(list(texts)).unwrap_or_default();
        Self {
            enabled: true,
            retention_days: 7,
            log_ip_address: false,
            log_path_params: true,
            log_query_params: true,
            include_paths: patterns(&[".*api/v1/.*"]),
            exclude_paths: patterns(&["/static"]),
            http_methods: list(&["POST", "PUT", "PATCH", "DELETE"]),
            http_response_codes: patterns(&["4.*", "5.*"]),
        }
    }
}

impl AuditPolicy {
    /// Is such a request recorded?
    pub fn records(&self, method: &str, template: &str, status: u16) -> bool {
        self.enabled
            && self.http_methods.iter().any(|known| known.eq_ignore_ascii_case(method))
            && self.http_response_codes.matches(&status.to_string())
            && self.include_paths.matches(template)
            && !self.exclude_paths.matches(template)
    }

    /// Until when a line of this moment is kept.
    pub fn delete_at(&self, now: Time) -> Time {
        let days = if self.retention_days <= 0 { 365 } else { self.retention_days };
        now.plus_seconds(days.saturating_mul(24 * 3600))
    }
}

/// Regular expressions, each of which must match a whole text.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    texts: Vec<String>,
    set: RegexSet,
}

/// Most memory of a compiled list, in bytes.
const COMPILED_MAX: usize = 1 << 20;

impl Patterns {
    /// Reads a list.
    ///
    /// # Errors
    /// For people: what is wrong with it.
    pub fn parse(texts: Vec<String>) -> Result<Self, String> {
        let whole = texts.iter().map(|text| format!("^(?:{text})$"));
        let set = RegexSetBuilder::new(whole).size_limit(COMPILED_MAX).build().map_err(|error| error.to_string())?;
        Ok(Self { texts, set })
    }

    /// As they were written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    fn matches(&self, text: &str) -> bool {
        self.set.is_match(text)
    }
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::audit)]
pub struct AuditLine {
    /// Its number in the chain.
    pub id: i64,
    /// When it was answered.
    pub created_at: Time,
    /// How long that took, in microseconds.
    pub duration_us: i64,
    /// `core`, or the first part of the path.
    pub component: String,
    /// `POST`, …
    pub request_method: String,
    /// The route's template.
    pub path: String,
    /// The path as it was asked for, keys masked.
    pub request_path: Option<String>,
    /// JSON of the parameters, secrets masked.
    pub details: Option<String>,
    /// The status.
    pub response_code: i64,
    /// Who asked, if he was recognised.
    pub account_id: Option<String>,
    /// The family of his credential.
    pub family: Option<String>,
    /// The number of the login or the handed-out credential; for a wallet's key, the wallet.
    pub credential_id: Option<String>,
    /// From where, if that is recorded.
    pub ip_address: Option<String>,
    /// The request's id, as in the log and the answer.
    pub request_id: String,
    /// Until when the line is kept.
    pub delete_at: Time,
    /// Its link in the chain.
    pub hash: Vec<u8>,
}

/// The two ends of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, diesel::AsChangeset)]
#[diesel(table_name = crate::store::schema::audit_chain)]
pub struct Ends {
    /// Always 1.
    pub id: i64,
    /// The last line that was deleted by age; 0 when none was.
    pub first: i64,
    /// Its hash.
    pub first_hash: Vec<u8>,
    /// The newest line; 0 when there never was one.
    pub last: i64,
    /// Its hash.
    pub last_hash: Vec<u8>,
    /// Proof that the server wrote this.
    pub mac: Vec<u8>,
}

/// Makes and checks links of the chain. Only servers with the master secret have it.
#[derive(Clone)]
pub struct ChainKey([u8; 32]);

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey")
    }
}

impl ChainKey {
    /// A key that was derived from the master secret.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The hash of a line that follows a line with that hash.
    pub fn link(&self, previous: &[u8], line: &AuditLine) -> Vec<u8> {
        let mut link = self.begin(b"line");
        let optional = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        for part in [
            Some(previous.to_vec()),
            Some(line.id.to_be_bytes().to_vec()),
            Some(line.created_at.0.to_be_bytes().to_vec()),
            Some(line.duration_us.to_be_bytes().to_vec()),
            Some(line.component.as_bytes().to_vec()),
            Some(line.request_method.as_bytes().to_vec()),
            Some(line.path.as_bytes().to_vec()),
            optional(&line.request_path),
            optional(&line.details),
            Some(line.response_code.to_be_bytes().to_vec()),
            optional(&line.account_id),
            optional(&line.family),
            optional(&line.credential_id),
            optional(&line.ip_address),
            Some(line.request_id.as_bytes().to_vec()),
            Some(line.delete_at.0.to_be_bytes().to_vec()),
        ] {
            update(&mut link, part.as_deref());
        }
        link.finalize().into_bytes().to_vec()
    }

    /// The chain before its first line.
    pub fn no_lines(&self) -> Ends {
        let nothing = vec![0; 32];
        self.sealed(Ends { id: 1, first: 0, first_hash: nothing.clone(), last: 0, last_hash: nothing, mac: Vec::new() })
    }

    /// The ends with the proof that the server wrote them.
    pub fn sealed(&self, ends: Ends) -> Ends {
        Ends { mac: self.proof(&ends).finalize().into_bytes().to_vec(), ..ends }
    }

    /// Did a server write these ends?
    pub fn wrote(&self, ends: &Ends) -> bool {
        self.proof(ends).verify_slice(&ends.mac).is_ok()
    }

    fn proof(&self, ends: &Ends) -> Hmac<Sha256> {
        let mut proof = self.begin(b"ends");
        update(&mut proof, Some(&ends.first.to_be_bytes()));
        update(&mut proof, Some(&ends.first_hash));
        update(&mut proof, Some(&ends.last.to_be_bytes()));
        update(&mut proof, Some(&ends.last_hash));
        proof
    }

    fn begin(&self, what: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length; the fallback is never reached
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0)
            .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
        mac.update(what);
        mac
    }
}

/// Adds a field so that no two lists of fields look alike: whether it is there, how long it is, and itself.
fn update(mac: &mut Hmac<Sha256>, field: Option<&[u8]>) {
    match field {
        None => mac.update(&[0]),
        Some(bytes) => {
            mac.update(&[1]);
            mac.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(bytes);
        }
    }
}

/// Most faults that are told.
const FAULTS_MAX: usize = 50;

/// Walks along the chain and says what is wrong with it.
#[derive(Debug)]
pub struct Walk {
    key: Arc<ChainKey>,
    ends: Ends,
    at: i64,
    hash: Option<Vec<u8>>,
    lines: i64,
    faults: Vec<String>,
    more: usize,
}

/// What a walk along the chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many lines there are.
    pub lines: i64,
    /// The newest line's number.
    pub last: i64,
    /// What is wrong; empty when the chain is whole.
    pub faults: Vec<String>,
}

impl Walk {
    /// Begins before the first line.
    pub fn new(key: ChainKey, ends: Option<Ends>) -> Self {
        let mut faults = Vec::new();
        let ends = match ends {
            Some(ends) => {
                if !key.wrote(&ends) {
                    faults.push("the record of the chain's ends was altered".to_owned());
                }
                ends
            }
            None => key.no_lines(),
        };
        let (at, hash) = (ends.first, Some(ends.first_hash.clone()));
        Self { key: Arc::new(key), ends, at, hash, lines: 0, faults, more: 0 }
    }

    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The next line, by number.
    pub fn step(&mut self, line: &AuditLine) {
        self.lines = self.lines.saturating_add(1);
        if line.id != self.at.saturating_add(1) {
            self.missing(line.id);
            self.hash = None;
        }
        // after a gap nobody knows what the line followed; the gap itself was told
        if let Some(previous) = &self.hash
            && self.key.link(previous, line) != line.hash
        {
            self.fault(format!("line {} was altered or is not where it was written", line.id));
        }
        if line.id > self.ends.last {
            self.fault(format!("line {} stands beyond the end of the chain", line.id));
        }
        self.at = line.id;
        self.hash = Some(line.hash.clone());
    }

    fn missing(&mut self, before: i64) {
        let (from, to) = (self.at.saturating_add(1), before.saturating_sub(1));
        match from.cmp(&to) {
            std::cmp::Ordering::Equal => self.fault(format!("line {from} is missing")),
            std::cmp::Ordering::Less => self.fault(format!("the lines {from} to {to} are missing")),
            std::cmp::Ordering::Greater => self.fault(format!("line {before} stands before the chain's beginning")),
        }
    }

    /// The end of the lines.
    pub fn finish(mut self) -> Verdict {
        if self.at < self.ends.last {
            self.missing(self.ends.last.saturating_add(1));
        } else if self.at == self.ends.last && self.hash.as_ref() != Some(&self.ends.last_hash) {
            let at = self.at;
            self.fault(format!("line {at} is not the one that the chain ended with"));
        }
        let mut faults = self.faults;
        if self.more > 0 {
            faults.push(format!("and {} more", self.more));
        }
        Verdict { lines: self.lines, last: self.ends.last, faults }
    }
}

const fn field(name: &'static str, sql: &'static str, of: Type, found: bool) -> Field {
    Field { name, sql, of, filter: found, sort: !found, search: found }
}

/// What lists of the audit log know.
pub const AUDIT: Fields = Fields(&[
    field("ip_address", "audit.ip_address", Type::Text, true),
    field("user_id", "audit.account_id", Type::Text, true),
    field("path", "audit.path", Type::Text, true),
    field("request_method", "audit.request_method", Type::Text, true),
    field("response_code", "audit.response_code", Type::Integer, true),
    field("component", "audit.component", Type::Text, true),
    field("request_id", "audit.request_id", Type::Text, true),
    field("credential_id", "audit.credential_id", Type::Text, true),
    Field { filter: true, ..field("created_at", "audit.created_at", Type::Time, false) },
    field("duration", "audit.duration_us", Type::Integer, false),
]);

#[cfg(test)]
mod tests {
    use super::{AuditPolicy, Patterns};

    #[test]
    fn what_is_recorded_is_what_the_policy_says() {
        let policy = AuditPolicy::default();
        assert_eq!(policy.include_paths.texts(), [".*api/v1/.*"]);
        assert!(policy.records("POST", "/api/v1/payments", 520));
        assert!(policy.records("DELETE", "/users/api/v1/user/{id}", 404));
        assert!(!policy.records("GET", "/api/v1/payments", 404), "a method that is not asked for");
        assert!(!policy.records("POST", "/api/v1/payments", 201), "a success");
        assert!(!policy.records("POST", "/first_install", 404), "another path");
        let without = AuditPolicy { exclude_paths: Patterns::parse(vec!["/api/v1/pay.*".into()]).unwrap(), ..policy };
        assert!(!without.records("POST", "/api/v1/payments", 520));
        assert!(without.records("POST", "/api/v1/wallet", 400));
        assert!(!AuditPolicy { enabled: false, ..without }.records("POST", "/api/v1/wallet", 400));
    }

    #[test]
    fn a_pattern_matches_whole_texts_or_is_refused() {
        assert!(!Patterns::parse(vec!["/static".into()]).unwrap().matches("/static/x"));
        assert!(Patterns::parse(vec!["a|b".into()]).unwrap().matches("b"));
        assert!(!Patterns::parse(vec!["a|b".into()]).unwrap().matches("bc"));
        assert!(Patterns::parse(vec!["(".into()]).is_err());
        assert!(Patterns::parse(vec!["(a{1000}){1000}".into()]).is_err(), "too large");
    }
}
