//! A wallet's statement over a span of time.

use super::{
    pdf::{Pages, Style, fitted},
    sat_text, worth,
};
use crate::{
    domain::{
        Msat, Payment, Status, Time, WalletId,
        filter::{Condition, LIMIT_MAX, Listing, Operand, Operator},
        payment::Scope,
    },
    ledger::{Ledger, LedgerError},
};

/// Most payments of a statement.
pub const MOST: usize = 10_000;

/// A statement.
pub struct Statement {
    /// The site's name.
    site: String,
    wallet: (WalletId, String),
    span: (Time, Time),
    opening: Msat,
    payments: Vec<Payment>,
    at: Time,
}

impl Statement {
    /// Gathers the payments of a span, which begins with its first moment and ends before its last. What counts is when
    /// a payment was made, and that it succeeded or is on its way out.
    ///
    /// # Errors
    /// When there are more than [`MOST`], or the database is not available.
    pub async fn gather(
        ledger: &Ledger,
        site: String,
        wallet: (WalletId, String),
        (from, to): (Time, Time),
        at: Time,
    ) -> Result<Self, LedgerError> {
        let scope = Scope::Wallet(wallet.0.clone());
        let bound = |operator, time: Time| Condition {
            sql: "payments.created_at",
            operator,
            operands: vec![Operand::Integer(time.0)],
        };
        let since = Listing { conditions: vec![bound(Operator::Ge, from)], limit: LIMIT_MAX, ..Listing::default() };
        let within = Listing {
            conditions: vec![bound(Operator::Ge, from), bound(Operator::Lt, to)],
            limit: LIMIT_MAX,
            ..Listing::default()
        };
        let balance = ledger.balance(&wallet.0).await?.unwrap_or_default();
        let moved = ledger.by_wallet(scope.clone(), since).await?;
        let moved = moved.iter().fold(0_i64, |sum, group| sum.saturating_add(group.total.0));
        let opening = Msat(balance.0.saturating_sub(moved));
        let mut payments: Vec<Payment> = Vec::new();
        let mut place = (Time(i64::MIN), crate::domain::PaymentId(i64::MIN));
        loop {
            let page = ledger.after(scope.clone(), within.clone(), place, LIMIT_MAX).await?;
            let Some(last) = page.last() else { break };
            place = (last.created_at, last.id);
            payments.extend(page.into_iter().filter(counts));
            if payments.len() > MOST {
                return Err(LedgerError::Invalid(format!(
                    "A statement has at most {MOST} payments: choose a shorter span, or export a CSV file."
                )));
            }
        }
        Ok(Self { site, wallet, span: (from, to), opening, payments, at })
    }

    /// Writes it as PDF.
    pub fn write(&self) -> Vec<u8> {
        let mut pages = Pages::new(&format!("Statement of {}", self.wallet.1));
        let mut totals = (Msat::ZERO, Msat::ZERO, Msat::ZERO);
        for payment in &self.payments {
            let size = payment.amount_msat.size().0;
            let side = if payment.is_outgoing() { &mut totals.1 } else { &mut totals.0 };
            *side = Msat(side.0.saturating_add(size));
            totals.2 = Msat(totals.2.0.saturating_add(payment.fee_msat.0));
        }
        let closing =
            self.payments.iter().fold(self.opening, |balance, payment| Msat(balance.0.saturating_add(net(payment))));
        pages.line(Style::Title, "Statement");
        pages.line(Style::Plain, &self.site);
        pages.space();
        pages.entry("Wallet", &self.wallet.1);
        pages.entry("", self.wallet.0.as_str());
        pages.entry("From", &self.span.0.to_string());
        pages.entry("To", &self.span.1.to_string());
        pages.space();
        pages.entry("Opening balance", &format!("{:>22} sat", sat_text(self.opening)));
        pages.entry("Received", &format!("{:>22} sat", sat_text(totals.0)));
        pages.entry("Sent", &format!("{:>22} sat", sat_text(totals.1.negated())));
        pages.entry("Fees", &format!("{:>22} sat", sat_text(totals.2.negated())));
        pages.entry("Closing balance", &format!("{:>22} sat", sat_text(closing)));
        pages.entry("Payments", &self.payments.len().to_string());
        pages.space();
        pages.repeat(&row("Time (UTC)", "For", "Amount, sat", "Fee", "Balance, sat", "Value"));
        let mut balance = self.opening;
        for payment in &self.payments {
            balance = Msat(balance.0.saturating_add(net(payment)));
            let time = payment.created_at.to_string();
            let memo = if payment.status == Status::Pending {
                format!("(on its way) {}", payment.memo)
            } else {
                payment.memo.clone()
            };
            let value = worth(payment).map(|(currency, value, _)| format!("{value} {currency}")).unwrap_or_default();
            pages.line(
                Style::Plain,
                &row(
                    &time.get(..16).unwrap_or_default().replace('T', " "),
                    &memo,
                    &sat_text(payment.amount_msat),
                    &sat_text(payment.fee_msat),
                    &sat_text(balance),
                    &value,
                ),
            );
        }
        pages.space();
        pages.line(Style::Plain, &format!("Made on {}.", self.at));
        pages.finish(self.at)
    }
}

fn counts(payment: &Payment) -> bool {
    payment.status == Status::Success || (payment.status == Status::Pending && payment.is_outgoing())
}

/// What a payment does to the balance.
fn net(payment: &Payment) -> i64 {
    payment.amount_msat.0.saturating_sub(payment.fee_msat.0)
}

fn row(time: &str, memo: &str, amount: &str, fee: &str, balance: &str, value: &str) -> String {
    format!("{time:<16} {} {amount:>17} {fee:>9} {balance:>17} {value:>15}", fitted(memo, 21))
}
