//! Who calls, and how often:
//!
//! - `SATCHEL_TRUSTED_PROXIES`: the reverse proxies whose word on a request's origin is taken.
//! - `SATCHEL_WALLET_REQUESTS_PER_MINUTE`: for each wallet key and each login.
//! - `SATCHEL_ANONYMOUS_REQUESTS_PER_MINUTE`: for each address without a credential.

use std::{net::IpAddr, str::FromStr};

use clap::Args;
use ipnet::IpNet;

use crate::domain::tier::Tiers;

/// Settings of who calls, and how often.
#[derive(Debug, Clone, Default, Args)]
pub struct Traffic {
    /// Reverse proxies whose X-Forwarded-For, X-Forwarded-Proto and Forwarded are believed: addresses and
    /// networks with commas between, such as `127.0.0.1,10.0.0.0/8` [default: none].
    #[arg(long, env = "SATCHEL_TRUSTED_PROXIES")]
    pub trusted_proxies: Option<Networks>,
    /// Requests a minute for each wallet key and each login; 0 for as many as it likes [default: 1200].
    #[arg(long, env = "SATCHEL_WALLET_REQUESTS_PER_MINUTE")]
    pub wallet_requests_per_minute: Option<u32>,
    /// Requests a minute for each address without a credential; 0 for as many as it likes [default: 600].
    #[arg(long, env = "SATCHEL_ANONYMOUS_REQUESTS_PER_MINUTE")]
    pub anonymous_requests_per_minute: Option<u32>,
}

impl Traffic {
    /// The tiers of a server that was told this.
    pub fn tiers(&self) -> Tiers {
        let usual = Tiers::default();
        Tiers {
            trusted_proxies: self.trusted_proxies.clone().unwrap_or_default().0,
            wallet_requests_per_minute: self.wallet_requests_per_minute.unwrap_or(usual.wallet_requests_per_minute),
            anonymous_requests_per_minute: self
                .anonymous_requests_per_minute
                .unwrap_or(usual.anonymous_requests_per_minute),
            ..usual
        }
    }
}

/// A list of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = |word: &str| {
            let network = word.parse::<IpNet>().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("{word:?} is neither an address nor a network such as 10.0.0.0/8"))
        };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(network).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Networks;

    #[test]
    fn networks_are_addresses_and_prefixes() {
        let read = |text: &str| text.parse::<Networks>().map(|read| read.0.len());
        assert_eq!((read(""), read("127.0.0.1, 10.0.0.0/8,fd00::/8,"), read("::1")), (Ok(0), Ok(3), Ok(1)));
        for bad in ["localhost", "10.0.0.0/33", "1.2.3"] {
            assert!(read(bad).unwrap_err().contains(bad));
        }
    }
}
