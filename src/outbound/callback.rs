//! Which addresses callbacks may go to, as the operator's rules have it.

use super::{Rules, target};
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

/// May callbacks go to this address? Without rules to any.
///
/// # Errors
/// When not, and why.
pub fn check_callback(url: &str, rules: &CallbackRules) -> Result<(), NotAllowed> {
    let url = target(url).map_err(|_| NotAllowed::Unusable)?;
    if rules.origins.is_empty() || Rules::read(rules.origins.iter().map(String::as_str)).allow(&url) {
        return Ok(());
    }
    Err(NotAllowed::Origin(url.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::{CallbackRules, NotAllowed, check_callback};

    #[test]
    fn the_origin_has_to_match_a_rule() {
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
        let none = CallbackRules { origins: vec!["(".into()], allow_private: false };
        assert!(check_callback("https://a.example", &none).is_err());
        let any = CallbackRules { origins: Vec::new(), allow_private: true };
        assert_eq!(check_callback("http://127.0.0.1:1/", &any), Ok(()));
    }
}
