//! Puts a driver, its counterpart and the relay between them together.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::BoxBody,
    dev::{Service, ServiceResponse},
    web::{self, ServiceConfig},
};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use lightning_invoice::Currency;
use satchel::{
    clock::Clock,
    domain::{
        Msat, PaymentHash, PaymentId,
        bolt11::{self, Invoice},
    },
    funding::{
        AttemptRef, BadField, Description, Driver, Fields, FundingSource, InvoiceOrder, Outcome, OutsideWorld, Payee,
        PaymentOrder, Setup, simulated::Script,
    },
};

use super::{
    desk::{Desk, Trouble},
    front::{Door, Front},
};

/// How long anything that is to happen may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// A fee limit that every script keeps, and every price.
pub const LIMIT: Msat = Msat(50_000);

/// A driver and its counterpart.
pub struct Row {
    pub driver: &'static Driver,
    /// Serves the driver's wire interface.
    pub serve: fn(Arc<Desk>) -> BoxFuture<'static, Served>,
    /// The settings that reach the counterpart through this door.
    pub fields: fn(&Served, &Door) -> Vec<(&'static str, String)>,
    /// Settings with a wrong secret instead.
    pub wrong_secret: (&'static str, &'static str),
    /// The name of a setting that has to be an address, or that cannot be missing.
    pub needed: &'static str,
}

/// What serves.
pub struct Served {
    pub door: Door,
}

impl Served {
    pub fn at(door: Door) -> Self {
        Self { door }
    }
}

/// A driver and its counterpart, at work.
pub struct Bench {
    pub source: Arc<dyn FundingSource>,
    pub desk: Arc<Desk>,
    pub front: Arc<Front>,
    pub served: Served,
    pub row: &'static Row,
    next: std::cell::Cell<i64>,
}

impl Bench {
    pub async fn open(row: &'static Row) -> Self {
        let desk = Desk::open(Currency::Regtest);
        let served = (row.serve)(Arc::clone(&desk)).await;
        let front = Front::open(served.door).await;
        assert!(desk.front.set(Arc::clone(&front)).is_ok());
        let fields = Fields::new((row.fields)(&served, &front.door));
        let source = (row.driver.open)(&fields, &Setup::new(Clock::system())).unwrap();
        Self { source, desk, front, served, row, next: std::cell::Cell::new(1) }
    }

    /// The same counterpart, with a setting changed.
    pub fn reopened(&self, name: &'static str, value: &str) -> Result<Arc<dyn FundingSource>, BadField> {
        let mut fields = (self.row.fields)(&self.served, &self.front.door);
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value.to_owned()));
        (self.row.driver.open)(&Fields::new(fields), &Setup::new(Clock::system()))
    }

    /// An invoice of somebody outside.
    pub fn foreign(&self, amount: Msat) -> Invoice {
        bolt11::parse(&self.desk.node.issue(amount, "for the story", 600).unwrap()).unwrap()
    }

    /// An invoice of somebody outside, and what becomes of the next payment of it.
    pub fn scripted(&self, script: Script) -> Invoice {
        let invoice = self.foreign(Msat(21_000));
        self.desk.node.script(&invoice.payment_hash, script);
        invoice
    }

    /// Somebody outside pays an invoice of ours.
    pub fn receive(&self, bolt11: &str) {
        OutsideWorld::pay(self.desk.node.as_ref(), bolt11, None).unwrap();
    }

    pub fn order(&self, invoice: &Invoice) -> PaymentOrder {
        let attempt = PaymentId(self.next.replace(self.next.get() + 1));
        let amount = invoice.amount.unwrap();
        PaymentOrder { attempt, payee: Payee::Invoice(Box::new(invoice.clone())), amount, fee_limit: LIMIT }
    }

    /// How an order that is handed over now is asked about later.
    pub fn question(&self, order: &PaymentOrder) -> AttemptRef {
        AttemptRef {
            attempt: order.attempt,
            payment_hash: order.payee.payment_hash(),
            source_ref: None,
            dispatched_at: Some(self.desk.now()),
        }
    }

    /// Hands an order over, and gives up waiting for the answer as a server does that is stopped.
    pub async fn pay_shortly(&self, order: &PaymentOrder) -> Outcome {
        let paying = self.source.pay(order.clone());
        tokio::time::timeout(Duration::from_millis(1500), paying)
            .await
            .unwrap_or_else(|_| Outcome::Unknown("nobody waits any more".into()))
    }

    /// The question with what the answer to the order told of it.
    pub fn knowing(question: &AttemptRef, outcome: &Outcome) -> AttemptRef {
        let source_ref = match outcome {
            Outcome::Paid { source_ref, .. } | Outcome::InFlight { source_ref } => source_ref.clone(),
            _ => None,
        };
        AttemptRef { source_ref, ..question.clone() }
    }

    /// Asks until the answer is one that is waited for.
    pub async fn ask_until(&self, question: &AttemptRef, wanted: impl Fn(&Outcome) -> bool) -> Outcome {
        let mut last = Outcome::Unknown("not asked".into());
        let asking = async {
            loop {
                last = self.source.lookup_payment(question.clone()).await;
                if wanted(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, asking).await.is_err() {
            panic!("still {last:?}");
        }
        last
    }

    pub fn invoice_order(amount: Msat) -> InvoiceOrder {
        let description = Description::Text("a cup of coffee".into());
        InvoiceOrder { amount, description, expiry_seconds: 900, hold: None }
    }

    /// Is the word definite, it has to be true.
    pub async fn is_true(&self, outcome: &Outcome, hash: &PaymentHash) {
        if matches!(outcome, Outcome::NotSent(_) | Outcome::Failed { .. }) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(self.desk.node.sends_of(hash), 0, "{outcome:?}, and money left");
        }
    }
}

/// True for what ends a payment.
pub fn is_paid(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Paid { .. })
}

/// Serves an interface over HTTP. Requests for which `is_order` is true meet the trouble that the desk was told of.
pub async fn serve<C>(desk: Arc<Desk>, is_order: fn(&str) -> bool, routes: C) -> Door
where
    C: Fn(&mut ServiceConfig) + Send + Clone + 'static,
{
    serve_over(desk, is_order, routes, None).await
}

/// The same, over TLS when a configuration for it is given.
pub async fn serve_over<C>(
    desk: Arc<Desk>,
    is_order: fn(&str) -> bool,
    routes: C,
    tls: Option<rustls::ServerConfig>,
) -> Door
where
    C: Fn(&mut ServiceConfig) + Send + Clone + 'static,
{
    let server = HttpServer::new(move || {
        let troubled = Arc::clone(&desk);
        App::new()
            .app_data(web::Data::from(Arc::clone(&desk)))
            .app_data(web::PayloadConfig::new(1 << 20))
            .wrap_fn(move |request, service| {
                let trouble = if is_order(request.path()) { troubled.take_trouble() } else { None };
                let desk = Arc::clone(&troubled);
                if trouble == Some(Trouble::ErrorBefore) {
                    let answer = request.into_response(server_error());
                    let refused: OnItsWay = Box::pin(async move { Ok(answer) });
                    return refused;
                }
                let served = service.call(request);
                Box::pin(async move { Ok(troubled_by(trouble, served.await?.map_into_boxed_body(), &desk).await) })
            })
            .configure(routes.clone())
    })
    .workers(1)
    .keep_alive(Duration::from_secs(30));
    let server = match tls {
        None => server.bind("127.0.0.1:0").unwrap(),
        Some(config) => server.bind_rustls_0_23("127.0.0.1:0", config).unwrap(),
    };
    let address = server.addrs()[0];
    tokio::spawn(server.disable_signals().run());
    Door(address)
}

/// An answer on its way.
type OnItsWay = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

async fn troubled_by(
    trouble: Option<Trouble>,
    answer: ServiceResponse<BoxBody>,
    desk: &Desk,
) -> ServiceResponse<BoxBody> {
    match trouble {
        None | Some(Trouble::ErrorBefore) => answer,
        Some(Trouble::ErrorAfter) => {
            // what is told bit by bit is only done once all of it was told
            let request = answer.request().clone();
            drop(actix_web::body::to_bytes(answer.into_body()).await);
            ServiceResponse::new(request, server_error())
        }
        Some(Trouble::Nonsense) => {
            let request = answer.request().clone();
            ServiceResponse::new(request, HttpResponse::Ok().content_type("text/html").body("<html>welcome</html>\n"))
        }
        Some(Trouble::Cut) => {
            desk.cut().await;
            answer
        }
        Some(Trouble::Silence) => std::future::pending().await,
    }
}

fn server_error() -> HttpResponse {
    HttpResponse::InternalServerError().content_type("text/plain").body("something went wrong")
}

/// Runs a story on the runtime that the counterparts need.
pub fn run(story: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(async {
        tokio::time::timeout(Duration::from_secs(100), story).await.expect("the story does not end");
    });
}
