//! Amounts: whole millisatoshi, signed, never a float.

use std::fmt;

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::BigInt};
use serde::{Deserialize, Serialize};

use super::column::integer_column;

/// An amount in millisatoshi (1/1000 satoshi).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, AsExpression, FromSqlRow,
)]
#[serde(transparent)]
#[diesel(sql_type = BigInt)]
pub struct Msat(pub i64);
integer_column!(Msat);

impl Msat {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// All the bitcoin there will ever be: no amount above it is real.
    pub const MAX: Self = Self(21_000_000 * 100_000_000 * 1000);

    /// So many satoshi; `None` beyond [`Msat::MAX`] in either direction.
    pub const fn from_sat(sat: i64) -> Option<Self> {
        match sat.checked_mul(1000) {
            Some(msat) if msat <= Self::MAX.0 && msat >= -Self::MAX.0 => Some(Self(msat)),
            _ => None,
        }
    }

    /// Whole satoshi, rounded towards minus infinity.
    pub const fn sat_floor(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole satoshi, rounded up.
    pub const fn sat_ceil(self) -> i64 {
        -((-self.0).div_euclid(1000))
    }

    /// The sum, unless it overflows.
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The other direction. Amounts are within ±[`Msat::MAX`], so that this cannot overflow; should
    /// it, the result saturates.
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// The size without the direction.
    pub const fn size(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// True when nothing is left.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Msat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} msat", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Msat;

    #[test]
    fn satoshi_convert_without_overflow_and_round_as_said() {
        assert_eq!(Msat::from_sat(21), Some(Msat(21_000)));
        assert_eq!(Msat::from_sat(i64::MAX), None);
        assert_eq!(Msat::from_sat(2_100_000_000_000_001), None);
        assert_eq!((Msat(1999).sat_floor(), Msat(1999).sat_ceil(), Msat(2000).sat_ceil()), (1, 2, 2));
        assert_eq!((Msat(-1).sat_floor(), Msat(0).sat_ceil()), (-1, 0));
        assert_eq!(Msat(i64::MAX).plus(Msat(1)), None);
    }
}
