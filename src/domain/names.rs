//! What people may call themselves and their things.

/// Two to twenty letters, digits, dots or underscores; punctuation neither at an end nor doubled.
pub fn is_username(text: &str) -> bool {
    let punctuation = |c: char| c == '.' || c == '_';
    let allowed = text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation(c));
    let ends = text.starts_with(punctuation) || text.ends_with(punctuation);
    let doubled = text.chars().zip(text.chars().skip(1)).any(|(a, b)| punctuation(a) && punctuation(b));
    allowed && !ends && !doubled && (2..=20).contains(&text.len())
}

/// `local@domain.tld`, loosely: what a mail server would at least try.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let Some((host, tld)) = domain.rsplit_once('.') else { return false };
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && local.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let host_ok = !host.is_empty()
        && host.split('.').all(|part| {
            !part.is_empty()
                && part.len() <= 63
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
    let tld_ok = (2..=63).contains(&tld.len()) && tld.chars().all(|c| c.is_ascii_alphabetic());
    local_ok && host_ok && tld_ok && text.len() <= 254
}

/// At most 256 characters without spaces or line breaks.
pub fn is_external_id(text: &str) -> bool {
    text.chars().count() <= 256 && !text.contains([' ', '\n', '\r'])
}

/// The part before the `@`: 1 to 210 lower-case letters, digits, dots, underscores or dashes.
pub fn is_lightning_address(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
    (1..=210).contains(&text.len()) && text.bytes().all(allowed)
}

/// One to a hundred letters, digits, spaces, dots, underscores or dashes.
pub fn is_label(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{is_email, is_external_id, is_label, is_username};

    #[test]
    fn names_follow_their_rules() {
        for good in ["ab", "a.b", "A_9", "abcdefghij0123456789"] {
            assert!(is_username(good), "{good}");
        }
        for bad in ["a", "", "_ab", "ab.", "a..b", "a._b", "a b", "é1", "abcdefghij01234567890"] {
            assert!(!is_username(bad), "{bad}");
        }
        for good in ["a@b.co", "first.last+tag@mail.example.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a@b", "@b.co", "a@.co", "a@b.c", "a@-b.co", "a b@c.de", "a@b.c0m"] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(is_external_id("order-17") && !is_external_id("a b") && !is_external_id(&"x".repeat(257)));
        assert!(is_label("rent 2026") && !is_label("") && !is_label("<b>"));
    }
}
