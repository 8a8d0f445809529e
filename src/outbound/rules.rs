//! Rules of the operator's about where requests may go.

use regex::Regex;
use reqwest::Url;

/// The longest rule that is read, in bytes, and what it may cost once compiled.
const RULE_MAX: usize = 1_000;
const RULE_COST: usize = 64 * 1024;

/// Regular expressions, one of which must fit an origin (`https://host:port`) or a URL as a whole.
#[derive(Debug, Clone)]
pub struct Rules(Vec<Regex>);

impl Rules {
    /// Allows nothing.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads rules. One that is none allows nothing.
    pub fn read<'a>(rules: impl IntoIterator<Item = &'a str>) -> Self {
        let rules = rules.into_iter().filter(|rule| rule.len() <= RULE_MAX).filter_map(|rule| {
            // the whole must fit: a rule about `https://good.example` says nothing about `https://good.example.evil`
            regex::RegexBuilder::new(&format!("^(?:{rule})$")).size_limit(RULE_COST).build().ok()
        });
        Self(rules.collect())
    }

    /// Does one of them fit?
    pub fn allow(&self, url: &Url) -> bool {
        let origin = url.origin().ascii_serialization();
        self.0.iter().any(|rule| rule.is_match(&origin) || rule.is_match(url.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, url: &str) -> bool {
        Rules::read([rule]).allow(&url.parse().unwrap())
    }

    #[test]
    fn a_rule_fits_an_origin_as_a_whole() {
        assert!(allows("https://good\\.example", "https://good.example/any/path?k=v"));
        assert!(allows("https?://([a-zA-Z0-9.-]+\\.[a-zA-Z]{2,})(:\\d+)?", "https://a.good.example:8443/path"));
        assert!(!allows("https://good\\.example", "https://good.example.evil.example/"));
        assert!(!allows("https://good\\.example", "https://evil.example/https://good.example"));
        assert!(!allows("https?://([a-zA-Z0-9.-]+\\.[a-zA-Z]{2,})(:\\d+)?", "http://127.0.0.1/"));
    }

    #[test]
    fn a_rule_may_be_about_a_whole_url() {
        assert!(allows("https://good\\.example/pay/.*", "https://good.example/pay/1"));
        assert!(!allows("https://good\\.example/pay/.*", "https://good.example/other"));
    }

    #[test]
    fn a_rule_that_is_none_allows_nothing() {
        assert!(!allows("(", "https://good.example/"));
        assert!(!allows("(.{500}){500}", "https://good.example/"));
        assert!(!Rules::none().allow(&"https://good.example/".parse().unwrap()));
    }
}
