//! What happened to a wallet, in order and without an omission: by pages, and as a stream.

use std::{convert::Infallible, rc::Rc, time::Duration};

use actix_web::{
    HttpRequest,
    http::Method,
    rt,
    web::{Bytes, Data, Json},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use super::{
    House,
    answer::EventStream,
    body::Params,
    lenient,
    permission::{self, Caller, WalletRead},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::PaymentShape,
};
use crate::events::{Delivery, Feed, Message};

/// Events of a page, unless the request says otherwise.
const PAGE: i64 = 100;
const PAGE_MAX: i64 = 1000;
/// After so long a silence something is said, so that nobody on the way takes the connection for dead.
const BREATH: Duration = Duration::from_secs(15);
/// Until the database is asked again when it did not answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long a client should wait before it comes again, in milliseconds.
const RETRY_MS: u32 = 2000;

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/events", WalletRead, page).doc(
            "Lists what happened to the wallet after a position, oldest first.\n\
            Ask again with `after` as the answer's `next`: every event comes exactly once. Events are kept for a week; `gap` \
            is true when some after the position are not kept any more: then read the list of payments.",
        ),
        route(Method::GET, "/api/v1/events/stream", WalletRead, listen).doc(
            "Streams what happens to the wallet as server-sent events, from now on, or after the event that `Last-Event-ID` \
            or `after` names.\n\
            The data of an event is what `GET /api/v1/events` lists; an event `gap` says that some are not kept any more.",
        ),
    ]
}

/// Something that happened to a wallet.
#[derive(Serialize, ToSchema)]
pub struct EventShape {
    /// Position: larger for what happened later.
    pub id: i64,
    /// `payment_received`, `payment_sent`, `payment_failed`, `invoice_expired` or `hold_accepted`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When, in ISO 8601.
    pub created_at: String,
    /// The wallet's balance right after, in msat.
    pub balance_msat: i64,
    /// The payment as it stood when this was read.
    pub payment: PaymentShape,
}

impl EventShape {
    pub fn of(delivery: &Delivery, house: &House) -> Self {
        Self {
            id: delivery.id,
            kind: delivery.kind.as_str(),
            created_at: delivery.at.to_string(),
            balance_msat: delivery.balance.0,
            payment: PaymentShape::of(delivery.payment.clone(), &house.ledger),
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
struct EventPage {
    /// The events, oldest first.
    data: Vec<EventShape>,
    /// What to ask for next as `after`.
    next: i64,
    /// Were events after the position forgotten for their age?
    gap: bool,
}

#[derive(Deserialize, IntoParams)]
struct After {
    /// The position after which to begin: an event's `id`, or 0 for the oldest that is kept.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    after: Option<i64>,
    /// How many at most: 100 unless said, 1000 at most.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    limit: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
pub struct Resumption {
    /// The position after which to begin: the last event that was heard.
    #[serde(default, deserialize_with = "lenient::opt_int")]
    pub after: Option<i64>,
}

async fn page(
    Caller(caller): Caller<WalletRead>,
    house: Data<House>,
    Params(asked): Params<After>,
) -> Result<Json<EventPage>, Problem> {
    let after = asked.after.unwrap_or(0).max(0);
    let most = asked.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&most) {
        return Err(Problem::invalid(format!("limit must be from 1 to {PAGE_MAX}.")));
    }
    let (events, gap) = house.events.page(&caller.wallet.id, after, most).await.map_err(super::unavailable)?;
    let next = events.last().map_or(after, |delivery| delivery.id);
    let data = events.iter().map(|delivery| EventShape::of(delivery, &house)).collect();
    Ok(Json(EventPage { data, next, gap }))
}

async fn listen(
    Caller(caller): Caller<WalletRead>,
    request: HttpRequest,
    house: Data<House>,
    Params(from): Params<Resumption>,
) -> Result<EventStream, Problem> {
    let after = match request.headers().get("last-event-id") {
        None => from.after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Some(id.ok_or_else(|| Problem::invalid("Last-Event-ID is not the id of an event."))?)
        }
    };
    // taken before the credential is looked at again, so that no change is missed
    let changes = house.accounts.changes();
    let (wallet, after) = (caller.wallet.id.clone(), after.map(|after| after.max(0)));
    let feed = house.events.follow(wallet, after).await.map_err(super::unavailable)?;
    let leave = Leave { request, wallet: Rc::new(caller.wallet.id.to_string()), changes, unsure: true };
    let stopping = house.stopping.clone();
    let hearing = Hearing { house, feed, leave, stopping };
    let first = Bytes::from(format!("retry: {RETRY_MS}\n\n"));
    let words = stream::unfold((Some(first), hearing), |(first, mut hearing)| async move {
        let said = match first {
            Some(first) => first,
            None => hearing.next().await?,
        };
        Some((Ok::<_, Infallible>(said), (None, hearing)))
    });
    Ok(EventStream::of(words))
}

/// One who listens.
struct Hearing {
    house: Data<House>,
    feed: Feed,
    leave: Leave,
    stopping: watch::Receiver<bool>,
}

impl Hearing {
    /// What is said next; `None` when there is nothing more to say to him.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let heard = tokio::select! {
                // before anything else is said
                biased;
                () = self.leave.ended() => return None,
                _ = self.stopping.changed() => return None,
                heard = self.feed.next() => heard,
                () = rt::time::sleep(BREATH) => return Some(Bytes::from_static(b": still here\n\n")),
            };
            match heard {
                Ok(Some(Message::Event(delivery))) => {
                    let event = EventShape::of(&delivery, &self.house);
                    let data = json!(event).to_string();
                    return Some(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind).into());
                }
                Ok(Some(Message::Gap)) => return Some(Bytes::from_static(b"event: gap\ndata: {}\n\n")),
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "could not read events; trying again");
                    rt::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    }
}

/// The credential by whose leave somebody listens.
struct Leave {
    request: HttpRequest,
    wallet: Rc<String>,
    changes: watch::Receiver<u64>,
    /// It may have ended, and was not looked up yet.
    unsure: bool,
}

impl Leave {
    /// Returns when the credential does not open this wallet any more. May be dropped and called again at any time.
    async fn ended(&mut self) {
        loop {
            if self.unsure {
                match permission::again::<WalletRead>(&self.request).await {
                    Ok(caller) if caller.wallet.id.to_string() == *self.wallet => self.unsure = false,
                    // the database is not there: nobody's credential can have ended in it, but look again soon
                    Err(problem) if problem.code() == Code::DatabaseUnavailable => rt::time::sleep(ASK_AGAIN).await,
                    _ => return,
                }
            } else if self.changes.changed().await.is_err() {
                return;
            } else {
                self.unsure = true;
            }
        }
    }
}
