//! What becomes of a payment: decided by a test, or by the memo of the invoice being paid.

use std::time::Duration;

use super::fact::Ending;
use crate::domain::{Msat, PaymentId};

/// Memos that make the simulated node misbehave, and what each does. An invoice from outside with any
/// other memo is simply paid.
pub const MEMOS: &[(&str, &str)] = &[
    ("sim:fail", "The payment fails for good."),
    ("sim:refused", "The node refuses to begin, so that nothing is sent."),
    ("sim:hang", "The recipient holds the payment for 30 seconds and then takes it."),
    ("sim:late", "The node stops answering; the payment arrives after 60 seconds."),
    ("sim:late-fail", "The node stops answering; the payment fails after 60 seconds."),
    ("sim:lost", "The payment arrives at once, but the node's answer is lost."),
    ("sim:fee N", "Routing costs N millisatoshi; above the fee limit the payment fails."),
    ("sim:overcharge", "Routing costs five times the fee limit, as with a node that ignores the limit."),
];

/// How long `sim:hang` holds a payment.
const HANG: Duration = Duration::from_secs(30);
/// How long `sim:late` and `sim:late-fail` leave everybody in the dark.
const LATE: Duration = Duration::from_mins(1);

/// What the node does with a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Pays at the usual fee.
    Pay,
    /// Fails for good.
    Fail,
    /// Refuses to begin: nothing is sent, nothing is remembered.
    Refuse,
    /// Is in flight for 30 seconds, then paid; the caller waits as long.
    Hang,
    /// Stops answering; paid after 60 seconds.
    Late,
    /// Stops answering; failed after 60 seconds.
    LateFail,
    /// Pays at once, but the answer is lost.
    Lost,
    /// Pays at this fee in millisatoshi, if the limit allows it.
    Fee(i64),
    /// Pays at five times the fee limit.
    Overcharge,
    /// Pays, but whoever asks is told a preimage that proves nothing, until the payment is resolved.
    WrongPreimage,
    /// Pays, but the answer is lost and the first question is answered with another attempt's failure.
    StaleFailed,
    /// Pays, but the answer is lost and so many questions find nothing.
    NotFoundThen(u32),
    /// Is in flight until a test resolves it; the caller waits for ever.
    Never,
    /// Is in flight for so many milliseconds and then ends so; the caller waits as long.
    Delay(u64, Ending),
}

/// A script taken apart: when a payment ends, how, and what is said of it.
pub(super) struct Course {
    pub(super) ends: Ending,
    /// From acceptance to the end; `None` leaves the end to somebody else.
    pub(super) after: Option<Duration>,
    pub(super) reply: Reply,
    pub(super) quirk: Quirk,
}

/// What the caller of `pay` hears.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    /// The truth, at once.
    Truth,
    /// The truth, once the payment is over.
    AtTheEnd,
    /// That nobody knows, for this reason.
    Lost(&'static str),
    /// Nothing, ever.
    Silence,
}

/// A lie that the node tells about an attempt. Not written down: a restarted node tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quirk {
    None,
    WrongPreimage,
    /// The next question is answered with the failure of another attempt.
    StaleFailed,
    /// So many more questions find nothing.
    NotFound(u32),
}

impl Script {
    /// What an invoice's memo asks for.
    pub(super) fn of_memo(memo: &str) -> Self {
        match memo.trim() {
            "sim:fail" => Self::Fail,
            "sim:refused" => Self::Refuse,
            "sim:hang" => Self::Hang,
            "sim:late" => Self::Late,
            "sim:late-fail" => Self::LateFail,
            "sim:lost" => Self::Lost,
            "sim:overcharge" => Self::Overcharge,
            other => match other.strip_prefix("sim:fee ").map(|fee| fee.trim().parse::<u32>()) {
                Some(Ok(msat)) => Self::Fee(msat.into()),
                _ => Self::Pay,
            },
        }
    }

    /// What routing costs, and whether the fee limit counts.
    pub(super) fn fee(&self, amount: Msat, limit: Msat) -> (Msat, bool) {
        match self {
            Self::Fee(msat) => (Msat(*msat), true),
            Self::Overcharge => (Msat(limit.0.max(1).saturating_mul(5)), false),
            _ => (usual_fee(amount), true),
        }
    }

    pub(super) fn course(&self) -> Course {
        let now = Some(Duration::ZERO);
        let (ends, after, reply, quirk) = match self {
            Self::Pay | Self::Fee(_) | Self::Overcharge => (Ending::Paid, now, Reply::Truth, Quirk::None),
            Self::Fail | Self::Refuse => (unreachable_recipient(), now, Reply::Truth, Quirk::None),
            Self::Hang => (Ending::Paid, Some(HANG), Reply::AtTheEnd, Quirk::None),
            Self::Late => (Ending::Paid, Some(LATE), Reply::Lost("timed out"), Quirk::None),
            Self::LateFail => (unreachable_recipient(), Some(LATE), Reply::Lost("timed out"), Quirk::None),
            Self::Lost => (Ending::Paid, now, Reply::Lost("the node's answer was lost"), Quirk::None),
            Self::WrongPreimage => (Ending::Paid, now, Reply::Truth, Quirk::WrongPreimage),
            Self::StaleFailed => (Ending::Paid, now, Reply::Lost("timed out"), Quirk::StaleFailed),
            Self::NotFoundThen(questions) => (Ending::Paid, now, Reply::Lost("timed out"), Quirk::NotFound(*questions)),
            Self::Never => (Ending::Paid, None, Reply::Silence, Quirk::None),
            Self::Delay(ms, ending) => (ending.clone(), Some(Duration::from_millis(*ms)), Reply::AtTheEnd, Quirk::None),
        };
        Course { ends, after, reply, quirk }
    }
}

impl Quirk {
    /// The number of some other attempt, for a stale answer.
    pub(super) const fn stale_number(attempt: PaymentId) -> PaymentId {
        PaymentId(attempt.0.saturating_sub(1))
    }
}

/// Nothing below 1000 sat, 0.1 % from there on.
fn usual_fee(amount: Msat) -> Msat {
    if amount.0 < 1_000_000 { Msat::ZERO } else { Msat(amount.0 / 1000) }
}

fn unreachable_recipient() -> Ending {
    Ending::Failed("the recipient's node cannot be reached".into())
}
