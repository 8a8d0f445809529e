//! Points in time: microseconds since the Unix epoch, UTC, shown as ISO 8601.

use std::fmt;

use diesel::{deserialize::FromSqlRow, expression::AsExpression, sql_types::BigInt};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

use super::column::integer_column;

/// A point in time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct Time(pub i64);
integer_column!(Time);

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in an hour.
pub const HOUR: i64 = 3600 * SECOND;
/// Microseconds in a day.
pub const DAY: i64 = 24 * HOUR;

impl Time {
    /// So many seconds after the epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Whole seconds since the epoch.
    pub const fn unix(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// This point moved by so many seconds.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// Reads Unix seconds (with or without a fraction) or an ISO 8601 date-time.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<i64>() {
            return Some(Self::from_unix(seconds));
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Self(timestamp.as_microsecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        if !text.contains(':') {
            return None; // a bare date says no time
        }
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_microsecond()))
    }

    /// The start of the calendar month (UTC) that this point lies in.
    pub fn month_start(self) -> Self {
        let Ok(timestamp) = Timestamp::from_microsecond(self.0) else { return self };
        let first = timestamp.to_zoned(TimeZone::UTC).first_of_month().and_then(|day| day.start_of_day());
        first.map_or(self, |start| Self(start.timestamp().as_microsecond()))
    }
}

impl fmt::Display for Time {
    /// `2026-11-22T15:33:15.408207+00:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => {
                let utc = timestamp.to_zoned(TimeZone::UTC).datetime();
                let micros = self.0.rem_euclid(SECOND);
                write!(
                    f,
                    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{micros:06}+00:00",
                    utc.year(),
                    utc.month(),
                    utc.day(),
                    utc.hour(),
                    utc.minute(),
                    utc.second()
                )
            }
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn times_read_and_show_as_iso_8601() {
        let time = Time(1_795_361_595_408_207);
        assert_eq!(time.to_string(), "2026-11-22T15:33:15.408207+00:00");
        assert_eq!(Time::parse("2026-11-22T15:33:15.408207+00:00"), Some(time));
        assert_eq!(Time::parse("2026-11-22T15:33:15.408207"), Some(time));
        assert_eq!(Time::parse("1795361595"), Some(Time::from_unix(1_795_361_595)));
        assert_eq!(Time::parse("2026-11-22"), None);
        assert_eq!(Time::parse("soon"), None);
        assert_eq!(time.month_start().to_string(), "2026-11-01T00:00:00.000000+00:00");
    }
}
