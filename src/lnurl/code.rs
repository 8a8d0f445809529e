//! How an LNURL is written: bech32 (LUD-01), a scheme of its own (LUD-17), a fallback in a web address (LUD-01), or a
//! lightning address (LUD-16).

use bech32::{Bech32, Checksum, Hrp, primitives::decode::CheckedHrpstring};
use reqwest::Url;

use crate::outbound::{OutboundError, target};

/// The longest text that is looked at, in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// What LUD-17 writes instead of `https`.
const SCHEMES: [&str; 4] = ["lnurlp", "lnurlw", "lnurlc", "keyauth"];

/// Why a text is no LNURL. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAnLnurl(pub &'static str);

const UNREADABLE: NotAnLnurl = NotAnLnurl("Invalid LNURL.");

/// Bech32 without the bound that its code gives to its length: LUD-01 does not know one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Long {}

impl Checksum for Long {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    const CODE_LENGTH: usize = MAX_LENGTH;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

/// The web address that an LNURL stands for. Whether it may be asked is another question.
///
/// # Errors
/// When the text is none.
pub fn read(text: &str) -> Result<Url, NotAnLnurl> {
    let text = text.trim();
    let text = match text.split_at_checked(10) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("lightning:") => rest.trim_start_matches("//"),
        _ => text,
    };
    if text.is_empty() || text.len() > MAX_LENGTH {
        return Err(UNREADABLE);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let scheme = scheme.to_ascii_lowercase();
        if SCHEMES.contains(&scheme.as_str()) {
            return written_out(rest);
        }
        let url = target(text).map_err(refused)?;
        let fallback = url.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("lightning"));
        return match fallback {
            Some((_, code)) => decode(&code),
            None => Ok(url),
        };
    }
    if text.contains('@') { address(text) } else { decode(text) }
}

/// The link of this web address as LUD-17 writes it, where that is possible: `lnurlp://…`.
pub fn with_scheme(scheme: &str, url: &Url) -> String {
    let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    format!("{scheme}://{rest}")
}

/// The LNURL of a web address in bech32, in upper case as QR codes like it; `None` when it is too long.
pub fn encode(url: &str) -> Option<String> {
    let hrp = Hrp::parse("lnurl").ok()?;
    bech32::encode_upper::<Long>(hrp, url.as_bytes()).ok()
}

fn decode(text: &str) -> Result<Url, NotAnLnurl> {
    let checked = CheckedHrpstring::new::<Long>(text).map_err(|_| UNREADABLE)?;
    if checked.hrp().to_lowercase() != "lnurl" {
        return Err(UNREADABLE);
    }
    let url = String::from_utf8(checked.byte_iter().collect()).map_err(|_| UNREADABLE)?;
    target(&url).map_err(refused)
}

/// The web address of a lightning address.
///
/// # Errors
/// When the text is none.
pub fn address(text: &str) -> Result<Url, NotAnLnurl> {
    let (name, host) = text.trim().split_once('@').ok_or(UNREADABLE)?;
    let name = name.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-+".contains(&byte);
    if name.is_empty() || name.len() > 512 || !name.bytes().all(allowed) || matches!(name.as_str(), "." | "..") {
        return Err(UNREADABLE);
    }
    if host.is_empty() || host.contains(['/', '?', '#', '@', '\\', '%']) || host.contains(char::is_whitespace) {
        return Err(UNREADABLE);
    }
    written_out(&format!("{host}/.well-known/lnurlp/{name}"))
}

/// With the scheme that everybody can tell: encrypted, but for hidden services and this machine itself.
fn written_out(rest: &str) -> Result<Url, NotAnLnurl> {
    let url = target(&format!("https://{rest}")).map_err(refused)?;
    let host = url.host_str().unwrap_or_default();
    let own =
        host == "localhost" || host == "[::1]" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|v4| v4.is_loopback());
    if own || host.to_ascii_lowercase().ends_with(".onion") {
        return target(&format!("http://{rest}")).map_err(refused);
    }
    Ok(url)
}

fn refused(error: OutboundError) -> NotAnLnurl {
    NotAnLnurl(super::fetch::words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, url: &str) {
        assert_eq!(read(text).map(|url| url.to_string()).as_deref(), Ok(url), "{text}");
    }

    const SPECIFIED: &str = "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS";
    const MEANT: &str = "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df";

    #[test]
    fn the_example_of_lud_01_is_read_in_every_coat() {
        check(SPECIFIED, MEANT);
        check(&SPECIFIED.to_lowercase(), MEANT);
        check(&format!("lightning:{SPECIFIED}"), MEANT);
        check(&format!("LIGHTNING:{SPECIFIED}"), MEANT);
        check(&format!(" https://service.com/giftcard/redeem?id=123&lightning={SPECIFIED}"), MEANT);
        assert_eq!(encode(MEANT).as_deref(), Some(SPECIFIED));
    }

    #[test]
    fn long_links_are_written_and_read() {
        let url = format!("https://service.com/?q={}", "a".repeat(3_000));
        check(&encode(&url).unwrap(), &url);
    }

    #[test]
    fn schemes_stand_for_https() {
        check("lnurlp://service.com/pay?x=1", "https://service.com/pay?x=1");
        check("LNURLW://service.com/w", "https://service.com/w");
        check("keyauth://service.com:444/login?tag=login", "https://service.com:444/login?tag=login");
        check("lightning:lnurlp://service.com/pay", "https://service.com/pay");
        check("lnurlp://service.onion/pay", "http://service.onion/pay");
        check("lnurlp://127.0.0.1:5000/pay", "http://127.0.0.1:5000/pay");
        assert_eq!(with_scheme("lnurlp", &"https://service.com/pay".parse().unwrap()), "lnurlp://service.com/pay");
    }

    #[test]
    fn lightning_addresses_have_their_place() {
        check("me@service.com", "https://service.com/.well-known/lnurlp/me");
        check("Me+Tag@Service.COM:8443", "https://service.com:8443/.well-known/lnurlp/me+tag");
        check("me@127.0.0.1:5000", "http://127.0.0.1:5000/.well-known/lnurlp/me");
    }

    #[test]
    fn what_is_none_is_refused() {
        let other = "LNBC1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M3";
        let mixed = SPECIFIED.replacen("LNURL1D", "LNURL1d", 1);
        let broken = SPECIFIED.replacen("5FNS", "5FNN", 1);
        for text in
            ["", " ", "hello", "lightning:", other, &mixed, &broken, "@b.co", "a@", "a@b/c", "a b@c.de", "..@c.de"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["lnurlp://", "lnurlp://u:p@service.com/", "ftp://service.com/", "a@b@c.de", "a@b:99999", "é@c.de"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&encode("javascript:alert(1)").unwrap()).is_err());
    }

    #[test]
    fn the_checksum_is_bech32s() {
        Long::sanity_check();
    }
}
