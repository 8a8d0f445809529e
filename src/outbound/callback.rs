//! Which addresses callbacks may go to, as the operator's rules have it.

use super::read;
use crate::domain::webhook::CallbackRules;

/// Why a callback's address is not taken; LNbits clients know the texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is none that anything could be sent to.
    #[error("Callback URL is not allowed.")]
    Unusable,
    /// No rule matches it.
    #[error("Callback URL origin '{0}' is not allowed. Please check your admin settings.")]
    Origin(String),
}

/// May callbacks go to this address?
///
/// # Errors
/// When not, and why.
pub fn check_callback(url: &str, rules: &CallbackRules) -> Result<(), NotAllowed> {
    let url = read(url).map_err(|_| NotAllowed::Unusable)?;
    let origin = url.origin().ascii_serialization();
    if rules.origins.is_empty() || rules.origins.iter().any(|rule| matches(rule, &origin)) {
        return Ok(());
    }
    Err(NotAllowed::Origin(origin))
}

/// Does the expression match the whole text? One that is none matches nothing.
pub(super) fn matches(rule: &str, text: &str) -> bool {
    regex::RegexBuilder::new(&format!("^(?:{rule})$")).size_limit(1 << 20).build().is_ok_and(|rule| rule.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::{CallbackRules, NotAllowed, check_callback};

    #[test]
    fn the_whole_origin_has_to_match_a_rule() {
        let usual = CallbackRules::default();
        for url in ["https://a.example/x?y", "http://a.example:8080", "https://A.EXAMPLE/"] {
            assert_eq!(check_callback(url, &usual), Ok(()), "{url}");
        }
        for url in ["http://127.0.0.1/", "https://localhost/x", "http://[::1]:80/"] {
            assert!(matches!(check_callback(url, &usual), Err(NotAllowed::Origin(_))), "{url}");
        }
        for url in ["ftp://a.example", "https://u:p@a.example", "a.example", "", "https://", "file:///etc/passwd"] {
            assert_eq!(check_callback(url, &usual), Err(NotAllowed::Unusable), "{url}");
        }
        let own = CallbackRules { origins: vec!["https://a\\.example".into()], allow_private: false };
        assert_eq!(check_callback("https://a.example/anything", &own), Ok(()));
        assert!(
            check_callback("https://a.example.evil.example/", &own).is_err()
                && check_callback("https://aXexample/", &own).is_err()
        );
        let none = CallbackRules { origins: vec!["(".into()], allow_private: false };
        assert!(check_callback("https://a.example", &none).is_err());
        let any = CallbackRules { origins: Vec::new(), allow_private: true };
        assert_eq!(check_callback("http://127.0.0.1:1/", &any), Ok(()));
    }
}
