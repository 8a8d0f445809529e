//! Payments to take away: as a table, as a statement, as a receipt.

use actix_web::{
    http::Method,
    web::{Bytes, Data},
};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::{
    House,
    body::{List, OfPayments, Params, PathPart},
    files::{File, Streamed},
    permission::{Caller, WalletCaller, WalletRead, Wallets},
    problem::{Code, FieldError, Problem},
    route::{Route, route},
};
use crate::{
    domain::{Status, Time, WalletId, filter::Listing, payment::Scope},
    export::{
        csv::Table,
        receipt::{self, Particulars},
        statement::Statement,
    },
    ledger::LedgerError,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/payments/export.csv", WalletRead, table).doc(
            "The wallet's payments as a CSV file, oldest first, with what each was worth.\n\
            All that match the same filters as the list's; how many of them, and their order, is not asked.",
        ),
        route(Method::GET, "/api/v1/payments/all/export.csv", Wallets, table_of_all)
            .doc("The payments of all of the account's wallets as a CSV file; for the super user, the whole server's."),
        route(Method::GET, "/api/v1/payments/statement.pdf", WalletRead, statement)
            .doc("The wallet's statement over a span of time as PDF: balances, totals, and each payment."),
        route(Method::GET, "/api/v1/payments/{payment_hash}/receipt.pdf", WalletRead, one_receipt)
            .doc("A receipt for a payment that succeeded as PDF."),
    ]
}

const CSV: &str = "text/csv; charset=utf-8; header=present";
const PRIVATE: &str = "no-store";

#[derive(Deserialize, IntoParams)]
struct Span {
    /// Its first moment: Unix seconds, a date or an ISO 8601 date-time. The beginning of this month (UTC) when absent.
    #[serde(default)]
    from: Option<String>,
    /// The moment before which it ends. Now when absent.
    #[serde(default)]
    to: Option<String>,
}

async fn table(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Streamed, Problem> {
    streamed(&house, Scope::Wallet(caller.wallet.id.clone()), listing.into_inner()).await
}

async fn table_of_all(
    Caller(principal): Caller<Wallets>,
    house: Data<House>,
    listing: List<OfPayments>,
) -> Result<Streamed, Problem> {
    streamed(&house, super::stats::scope(&principal), listing.into_inner()).await
}

/// Each part is read when the one before it was sent, so that a slow reader keeps nothing in memory.
async fn streamed(house: &House, scope: Scope, listing: Listing) -> Result<Streamed, Problem> {
    let table = Table::new(house.ledger.clone(), scope, listing).await?;
    let parts = stream::try_unfold(table, |mut table| async move {
        let part = table.next().await.map_err(std::io::Error::other)?;
        Ok(part.map(|part| (Bytes::from(part), table)))
    });
    Ok(Streamed::new(CSV, "payments.csv", parts))
}

async fn statement(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    Params(span): Params<Span>,
) -> Result<File, Problem> {
    let now = house.clock.now();
    let from = moment("from", span.from.as_deref())?.unwrap_or_else(|| now.month_start());
    let to = moment("to", span.to.as_deref())?.unwrap_or(now.plus_seconds(1));
    if to <= from {
        return Err(wrong("to", "the end lies before the beginning"));
    }
    let (site, wallet) = (house.ledger.limits().site_title.clone(), named(&caller));
    let statement = Statement::gather(&house.ledger, site, wallet, (from, to), now).await?;
    paper("statement.pdf", move || statement.write()).await
}

async fn one_receipt(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    PathPart(name): PathPart<String>,
) -> Result<File, Problem> {
    let found = house.ledger.find(&name, Some(&caller.wallet.id)).await;
    let payment = found.map_err(|error| match error {
        LedgerError::Missing(_) => Problem::new(Code::NotFound, "Payment does not exist."),
        other => other.into(),
    })?;
    if payment.status != Status::Success {
        return Err(Problem::invalid("Only payments that succeeded have a receipt."));
    }
    let of = Particulars {
        site: house.ledger.limits().site_title.clone(),
        wallet: named(&caller),
        preimage: house.ledger.preimage(&payment),
        at: house.clock.now(),
    };
    paper("receipt.pdf", move || receipt::write(&payment, &of)).await
}

/// Writes a paper beside the threads that answer requests.
async fn paper(name: &str, write: impl FnOnce() -> Vec<u8> + Send + 'static) -> Result<File, Problem> {
    let written = actix_web::web::block(write).await;
    let content =
        written.map_err(|error| Problem::new(Code::Internal, "Unexpected error!").because(&error.to_string()))?;
    Ok(File { content_type: "application/pdf".into(), name: Some(name.to_owned()), cache: PRIVATE, content })
}

fn named(caller: &WalletCaller) -> (WalletId, String) {
    (caller.wallet.id.clone(), caller.wallet.name.clone())
}

fn moment(name: &str, given: Option<&str>) -> Result<Option<Time>, Problem> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00")));
    read.map(Some).ok_or_else(|| wrong(name, "invalid datetime format"))
}

fn wrong(name: &str, text: &str) -> Problem {
    let loc = vec!["query".into(), name.into()];
    Problem::fields(vec![FieldError { loc, msg: text.into(), kind: "value_error.datetime".into() }])
}
