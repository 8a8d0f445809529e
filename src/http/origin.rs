//! Where a request came from: the peer, or what a trusted proxy says of it (RFC 7239 and its forerunners
//! `X-Forwarded-For` and `X-Forwarded-Proto`).
//!
//! Anybody can send such headers; they are believed only from the operator's own proxies, and only as far
//! back as those wrote them: each appends whom it spoke to, so the last name that is not a proxy's is true.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::{HttpRequest, http::Method, web::Data};
use ipnet::IpNet;

use super::House;

/// The address that the request came from; `None` when a trusted proxy does not say.
pub(super) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = peer(request)?;
    let Some(house) = request.app_data::<Data<House>>() else { return Some(peer) };
    let limits = house.ledger.limits();
    let proxies = &limits.tiers.trusted_proxies;
    if !is_among(proxies, peer) {
        return Some(peer);
    }
    let forwarded_for = header_text(request, "x-forwarded-for");
    let forwarded = header_text(request, "forwarded");
    behind(peer, proxies, forwarded_for.as_deref(), forwarded.as_deref())
}

/// Who sent the request to this server: the client or a proxy.
pub(super) fn peer(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip().to_canonical())
}

/// Did the request come by https, as a trusted proxy says?
pub(super) fn is_https(request: &HttpRequest) -> bool {
    let Some((house, peer)) = request.app_data::<Data<House>>().zip(peer(request)) else { return false };
    if !is_among(&house.ledger.limits().tiers.trusted_proxies, peer) {
        return false;
    }
    let scheme = match header_text(request, "x-forwarded-proto") {
        Some(text) => text.rsplit(',').next().map(|scheme| scheme.trim().to_owned()),
        None => header_text(request, "forwarded").and_then(|text| parameter(text.rsplit(',').next()?, "proto")),
    };
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Does a browser say that a page of somebody else sends this, and would it change something?
///
/// A browser adds the session's cookie to whatever is sent here from the same site, which can be another port or a
/// neighbouring name; so the cookie alone does not tell that our own page asks. Programs that are no browsers send
/// neither header (Fetch Metadata, and RFC 6454).
pub(super) fn is_foreign_write(request: &HttpRequest) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    if let Some(site) = header_text(request, "sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = header_text(request, "origin") else { return false };
    let host = header_text(request, "host").unwrap_or_default();
    let public = request.app_data::<Data<House>>().is_some_and(|house| house.public_url == origin);
    !public && origin.split_once("://").is_none_or(|(_, name)| name != host)
}

fn is_among(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// A proxy that writes one of the two headers passes on the other as the client wrote it. So where there are
/// both and they do not agree, neither is believed.
fn behind(peer: IpAddr, proxies: &[IpNet], forwarded_for: Option<&str>, forwarded: Option<&str>) -> Option<IpAddr> {
    let forwarded_for = forwarded_for.map(|text| last_stranger(peer, proxies, text.rsplit(',').map(address)));
    let forwarded = forwarded.map(|text| {
        let hops = text.rsplit(',').map(|element| address(&parameter(element, "for")?));
        last_stranger(peer, proxies, hops)
    });
    match (forwarded_for, forwarded) {
        (None, None) => Some(peer),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) => one.filter(|_| one == other),
    }
}

/// The first address, going back, that is not a proxy's; the farthest proxy when all are. A hop without an
/// address ends the search: who was before it, nobody vouches for.
fn last_stranger(peer: IpAddr, proxies: &[IpNet], hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
    let mut farthest = peer;
    for hop in hops {
        farthest = hop?;
        if !is_among(proxies, farthest) {
            break;
        }
    }
    Some(farthest)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// A parameter of one element of the header Forwarded.
fn parameter(element: &str, name: &str) -> Option<String> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(found.1.trim().trim_matches('"').to_owned())
}

/// All lines of a header, joined as RFC 9110 (5.3) says.
fn header_text(request: &HttpRequest, name: &str) -> Option<String> {
    let lines: Vec<&str> = request.headers().get_all(name).map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::{IpAddr, IpNet, behind};

    #[track_caller]
    fn check(forwarded_for: Option<&str>, forwarded: Option<&str>, expected: Option<&str>) {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        let expected: Option<IpAddr> = expected.map(|address| address.parse().unwrap());
        assert_eq!(behind("10.0.0.1".parse().unwrap(), &proxies, forwarded_for, forwarded), expected);
    }

    #[test]
    fn the_last_name_that_is_no_proxys_is_believed() {
        check(None, None, Some("10.0.0.1"));
        check(Some("192.0.2.7"), None, Some("192.0.2.7"));
        check(Some("203.0.113.9, 192.0.2.7"), None, Some("192.0.2.7"));
        check(Some("203.0.113.9, 192.0.2.7, 10.2.2.2"), None, Some("192.0.2.7"));
        check(Some("10.3.3.3, 10.2.2.2"), None, Some("10.3.3.3"));
        check(Some("192.0.2.7:4711"), None, Some("192.0.2.7"));
        check(Some("nonsense, 192.0.2.7"), None, Some("192.0.2.7"));
        check(Some("2001:db8::7"), None, Some("2001:db8::7"));
        check(None, Some("for=192.0.2.7;proto=https;by=10.0.0.1"), Some("192.0.2.7"));
        check(None, Some("for=203.0.113.9, For=\"[2001:db8::7]:80\", for=\"[fd00::1]\""), Some("2001:db8::7"));
    }

    #[test]
    fn what_nobody_vouches_for_is_not_believed() {
        check(Some(""), None, None);
        check(Some("192.0.2.7, nonsense"), None, None);
        check(None, Some("for=unknown"), None);
        check(None, Some("proto=https"), None);
        // the proxy wrote one of them, the client the other
        check(Some("192.0.2.7"), Some("for=203.0.113.9"), None);
        check(Some("192.0.2.7"), Some("for=192.0.2.7"), Some("192.0.2.7"));
    }
}
