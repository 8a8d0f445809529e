//! Live updates: a websocket per wallet key or payment hash. Only the server speaks.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::Method,
    rt,
    web::{Data, Payload},
};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, MessageStream, Session};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::watch;

use super::{
    House,
    answer::Switched,
    body::{Params, PathPart},
    events::Resumption,
    permission::{Caller, Public},
    problem::{Code, Problem},
    route::{Route, route},
    shapes::PaymentShape,
};
use crate::{
    domain::{Status, event::EventKind},
    events::{Channel, Delivery, Feed, Message, Subscription},
};

/// How often a silent connection is asked whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Until a credential is looked up again when the database did not answer.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The largest frame a client may send; all are discarded.
const FRAME_MAX: usize = 4096;

pub fn routes() -> Vec<Route> {
    vec![route(Method::GET, "/api/v1/ws/{item_id}", Public, listen).doc(
        "Listens to a wallet (by its admin or invoice key) or to a payment (by its hash).\n\
        A wallet's messages are `{\"wallet_balance\": sat, \"payment\": Payment}`, a payment's `{\"pending\": false, \"status\": \"success\"}`. \
        A listener that fell behind gets `{\"gap\": true}` and should read the list. Re-check by GET before releasing goods.\n\
        Who listens to a wallet with `after` (the last `cursor` he heard, or 0) is sent what happened since, then what happens, \
        nothing left out; each message then has a `cursor`.",
    )]
}

/// What a connection is about.
#[derive(Clone, Copy)]
enum About {
    Wallet,
    Payment,
}

/// How somebody listens.
enum Ears {
    /// To what happens; he is told when he missed something.
    Live(Subscription),
    /// From a position on, to everything.
    Resumed(Feed),
}

async fn listen(
    _: Caller<Public>,
    request: HttpRequest,
    house: Data<House>,
    PathPart(item): PathPart<String>,
    Params(from): Params<Resumption>,
    payload: Payload,
) -> Result<Switched, Problem> {
    // taken before the key is looked at, so that no change after that is missed
    let changes = house.accounts.changes();
    let (heard, leave) = match channel(&house, &item).await? {
        Some((about, channel)) => {
            let ears = match (&channel, from.after) {
                (Channel::Wallet(wallet), Some(after)) => {
                    let feed = house.events.follow(wallet.clone(), Some(after.max(0))).await;
                    Ears::Resumed(feed.map_err(super::unavailable)?)
                }
                _ => Ears::Live(house.events.subscribe(channel.clone()).await.map_err(super::unavailable)?),
            };
            (Some((about, ears)), Some(Leave { item, channel, changes, unsure: false }))
        }
        None => (None, None),
    };
    // whoever listens by a payment's hash shows no credential that could end
    let leave = leave.filter(|leave| matches!(leave.channel, Channel::Wallet(_)));
    let upgraded = actix_ws::handle(&request, payload);
    let (response, session, frames) =
        upgraded.map_err(|error| Problem::invalid(format!("Not a websocket: {error}.")))?;
    rt::spawn(converse(house, session, frames.max_frame_size(FRAME_MAX), heard, leave));
    Ok(Switched(response))
}

/// What the name in the path stands for. Any other name is a channel on which nothing is ever said.
async fn channel(house: &House, item: &str) -> Result<Option<(About, Channel)>, Problem> {
    if let Ok(hash) = item.parse() {
        return Ok(Some((About::Payment, Channel::Payment(hash))));
    }
    match house.accounts.by_wallet_key(item).await {
        Ok(principal) if !house.accounts.may_listen(&principal) => Ok(None),
        Ok(principal) => Ok(principal.wallet.as_ref().map(|card| (About::Wallet, Channel::Wallet(card.id.clone())))),
        Err(crate::accounts::AccountError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn converse(
    house: Data<House>,
    mut session: Session,
    frames: MessageStream,
    mut heard: Option<(About, Ears)>,
    mut leave: Option<Leave>,
) {
    let mut frames = std::pin::pin!(frames.aggregate_continuations());
    let mut ping = rt::time::interval(PING_EVERY);
    let mut stopping = house.stopping.clone();
    loop {
        let sent = tokio::select! {
            frame = frames.next() => match frame {
                Some(Ok(AggregatedMessage::Ping(bytes))) => session.pong(&bytes).await,
                Some(Ok(AggregatedMessage::Close(reason))) => {
                    let _ = session.close(reason).await;
                    return;
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(_)) | None => return,
            },
            _ = stopping.changed() => {
                let _ = session.close(Some(CloseCode::Away.into())).await;
                return;
            }
            () = ended(&house, &mut leave) => {
                let description = Some("This key is not valid any more.".to_owned());
                let _ = session.close(Some(CloseReason { code: CloseCode::Policy, description })).await;
                return;
            }
            _ = ping.tick() => session.ping(b"").await,
            message = next(&mut heard) => match message {
                Some((about, message, resumed)) => match text(&house, about, &message, resumed) {
                    Some(text) => session.text(text).await,
                    None => Ok(()),
                },
                None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The credential behind a connection, by whose leave it listens.
struct Leave {
    item: String,
    channel: Channel,
    changes: watch::Receiver<u64>,
    /// The credential may have ended, and could not be looked up.
    unsure: bool,
}

/// Returns when the credential behind the connection does not open its channel any more. May be dropped and called
/// again at any time: what was not looked up yet is looked up then.
async fn ended(house: &House, leave: &mut Option<Leave>) {
    let Some(leave) = leave else { return std::future::pending().await };
    loop {
        if leave.unsure {
            // boxed, as below: thousands of connections wait here, and hardly one of them ever gets so far
            match Box::pin(channel(house, &leave.item)).await {
                Ok(Some((_, channel))) if channel == leave.channel => leave.unsure = false,
                // the database is not there: nobody's credential can have ended in it, but look again soon
                Err(problem) if problem.code() == Code::DatabaseUnavailable => rt::time::sleep(LOOK_AGAIN).await,
                _ => return,
            }
        } else if leave.changes.changed().await.is_err() {
            return;
        } else {
            leave.unsure = true;
        }
    }
}

/// The next message; a connection that listens to nothing waits for ever.
async fn next(heard: &mut Option<(About, Ears)>) -> Option<(About, Message, bool)> {
    match heard {
        Some((about, Ears::Live(subscription))) => Some((*about, subscription.next().await?, false)),
        Some((about, Ears::Resumed(feed))) => loop {
            match Box::pin(feed.next()).await {
                Ok(message) => return Some((*about, message?, true)),
                Err(error) => {
                    tracing::warn!(%error, "could not read events; trying again");
                    rt::time::sleep(LOOK_AGAIN).await;
                }
            }
        },
        None => std::future::pending().await,
    }
}

fn text(house: &House, about: About, message: &Message, resumed: bool) -> Option<String> {
    let delivery = match message {
        Message::Gap => return Some(json!({ "gap": true }).to_string()),
        Message::Event(delivery) => delivery,
    };
    let Delivery { id, kind, payment, balance, .. } = delivery.as_ref();
    match about {
        About::Wallet if matches!(kind, EventKind::PaymentReceived | EventKind::PaymentSent) => {
            let payment = PaymentShape::of(payment.clone(), &house.ledger);
            let mut message = json!({ "wallet_balance": balance.sat_floor(), "payment": payment });
            if let (true, Some(message)) = (resumed, message.as_object_mut()) {
                message.insert("cursor".to_owned(), (*id).into());
            }
            Some(message.to_string())
        }
        // both sides of a transfer have the same hash: the listener is told once, by the receipt
        About::Payment if *kind == EventKind::PaymentSent && payment.kind == crate::domain::Kind::Internal => None,
        About::Payment => {
            let pending = payment.status == Status::Pending;
            Some(json!({ "pending": pending, "status": payment.status.as_str() }).to_string())
        }
        About::Wallet => None,
    }
}
