//! Prices in a currency: what they are in millisatoshi, and for how long that is kept for a payer.
//!
//! Between an offer and the payer's answer the rate moves. So the place where he answers has the amounts in it that he was
//! offered, until when they hold, and a mark that only this server can make: nobody is offered one thing and refused it,
//! and nobody chooses a price for himself.

use rust_decimal::Decimal;
use subtle::ConstantTimeEq;

use super::{LinkError, Links};
use crate::domain::{Msat, Time, fiat::Quote, ids::to_hex, link::Link};

/// How long an offer holds, in seconds: as long as people need who look at it on a telephone.
const KEPT_SECONDS: i64 = 600;

/// So many thousandths of a currency's unit.
pub(super) fn in_msat(quote: Quote, milli: i64) -> Result<Msat, LinkError> {
    let msat = quote.price.sat(Decimal::new(milli, 3)).and_then(Msat::from_sat).filter(|msat| !msat.is_zero());
    let text = || format!("What it costs in {} is not between one satoshi and all there are.", quote.currency);
    msat.ok_or_else(|| LinkError::Invalid(text()))
}

impl Links {
    /// The name under which a payer answers this offer of a link.
    pub(super) fn kept_as(&self, link: &Link, min: Msat, max: Msat) -> String {
        let until = self.clock.now().unix().saturating_add(KEPT_SECONDS);
        let offer = format!("{}.{}.{until}", min.0, max.0);
        format!("{}.{offer}.{}", link.id, self.mark(link, &offer))
    }

    /// What was offered under this name, as long as it holds and its link is as it was.
    pub(super) fn kept(&self, link: &Link, name: &str) -> Option<(Msat, Msat)> {
        let (offer, mark) = name.rsplit_once('.')?;
        if !bool::from(mark.as_bytes().ct_eq(self.mark(link, offer).as_bytes())) {
            return None;
        }
        let mut numbers = offer.split('.').map(|number| number.parse::<i64>().ok());
        let (min, max, until) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (self.clock.now() < Time::from_unix(until)).then_some((Msat(min), Msat(max)))
    }

    fn mark(&self, link: &Link, offer: &str) -> String {
        let what = format!("link offer/{}/{}/{offer}", link.id, link.updated_at.0);
        to_hex(&self.vault.fingerprint(&what)).chars().take(32).collect()
    }
}
