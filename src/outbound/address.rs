//! Which addresses belong to the internet, and which to somebody's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anybody on the internet.
    Global,
    /// This machine or a network of the operator's: only where that is allowed.
    Private,
    /// Nothing that a request may go to: many receivers, no receiver, or the neighbours of this machine on the wire,
    /// where clouds answer with the machine's own credentials.
    Never,
}

impl Reach {
    /// Of an address, after what is wrapped in it (RFC 4291 §2.5.5, RFC 6052 §2.1).
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => match wrapped(v6) {
                Some(v4) => Self::of_v4(v4),
                None => Self::of_v6(v6),
            },
        }
    }

    /// RFC 6890 with its updates: the registry of special addresses.
    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0 | 224..=255, ..] | [169, 254, ..] => Self::Never,
            [10 | 127, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            // protocol assignments, documentation, the former 6to4 relays, benchmarks
            [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
                Self::Private
            }
            _ => Self::Global,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let [first, second, ..] = address.segments();
        // protocol assignments with Teredo and ORCHID, documentation, 6to4: tunnels to what cannot be judged here
        let odd = matches!((first, second), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff));
        match first {
            _ if address.is_unspecified() => Self::Never,
            // link-local, the former site-local, multicast
            0xfe80..=0xffff => Self::Never,
            // global unicast is handed out from here alone (RFC 4291 §2.4, IANA)
            0x2000..=0x3fff if !odd => Self::Global,
            _ => Self::Private,
        }
    }
}

/// The IPv4 address inside: mapped, compatible, or translated (`64:ff9b::/96`).
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let inside = Some(Ipv4Addr::new(a, b, c, d));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => inside,
        // `::` and `::1` are addresses of their own
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => inside,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: Reach, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(Reach::of(text.parse().unwrap()), reach, "{text}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_global() {
        let v4 = ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1"];
        check(Reach::Global, &v4);
        check(Reach::Global, &["2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]);
    }

    #[test]
    fn addresses_of_a_network_at_home_are_private() {
        let v4 = ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"];
        check(Reach::Private, &v4);
        check(
            Reach::Private,
            &["100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9"],
        );
        let v6 = ["::1", "fc00::1", "fdff::1", "2001:db8::1", "2002:7f00:1::1", "2001::1", "4000::1", "100::1"];
        check(Reach::Private, &v6);
        check(Reach::Private, &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"]);
    }

    #[test]
    fn no_request_goes_to_many_to_nobody_or_to_neighbours() {
        check(Reach::Never, &["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "169.254.169.254"]);
        check(Reach::Never, &["::", "ff02::1", "fe80::1", "fec0::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0"]);
    }
}
