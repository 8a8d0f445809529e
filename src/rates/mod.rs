//! What bitcoin costs: asked in the background, answered from memory.
//!
//! Why it is a floor of its own: a payment must never wait for a web service. So whoever moves money looks only at
//! what is known ([`Rates::known`]), which notes besides that somebody wanted to know. Who asks in fiat, and only he,
//! may wait for the first answer, for a bounded time ([`Rates::price`]). Asking is one job; what failed is remembered
//! too, so that a service that is down is not asked by everybody.

mod ask;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use tokio::sync::{Notify, watch};

use crate::{
    clock::Clock,
    domain::{
        Time,
        fiat::{Currency, Price, Quote, RatePolicy, Source},
    },
    settings::Settings,
};

/// How long a price holds that nobody could confirm since.
const STALE: Duration = Duration::from_mins(10);
/// A currency is kept fresh so long after somebody wanted it.
const WANTED: Duration = Duration::from_hours(1);
/// After a failure a currency rests so long.
const REST: Duration = Duration::from_secs(15);
/// Between two looks at what has to be asked, unless somebody wants something new.
const ROUND: Duration = Duration::from_secs(5);
/// How long somebody who asks in fiat waits for the first answer.
const PATIENCE: Duration = Duration::from_secs(7);
/// Currencies that are asked about at the same time.
const AT_ONCE: usize = 4;
/// The currency whose past is remembered where the operator named none.
const USUAL: Currency = Currency::USD;

/// There is no price to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Could not get exchange rate for {currency}. {reason}")]
pub struct NoRate {
    /// Of which currency.
    pub currency: Currency,
    /// Why.
    pub reason: String,
}

/// What services said at a moment of the past, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRates {
    /// When.
    pub at: Time,
    /// What.
    pub prices: BTreeMap<String, Price>,
}

/// The exchange rates. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Rates(Arc<Shared>);

struct Shared {
    settings: Settings,
    clock: Clock,
    book: Mutex<Book>,
    /// Rung when somebody wants what is not known.
    wanted: Notify,
    /// Changes whenever something was learned.
    learned: watch::Sender<u64>,
}

#[derive(Default)]
struct Book {
    currencies: HashMap<Currency, Entry>,
    past: VecDeque<PastRates>,
    past_at: Option<Duration>,
}

#[derive(Default)]
struct Entry {
    wanted: Duration,
    /// The last price, when it was learned, and who said what.
    price: Option<(Price, Duration, BTreeMap<String, Price>)>,
    /// The last failure since that.
    failure: Option<(String, Duration)>,
}

impl Rates {
    /// Knows nothing yet.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        let (book, wanted, learned) = (Mutex::default(), Notify::new(), watch::Sender::new(0));
        Self(Arc::new(Shared { settings, clock, book, wanted, learned }))
    }

    /// The price as far as it is known, without waiting for anything; notes that it is wanted.
    pub fn known(&self, currency: Currency) -> Option<Quote> {
        let price = match self.0.settings.limits().rates.source {
            Source::Off => None,
            Source::Fixed(ref prices) => prices.get(&currency).copied(),
            Source::Services => {
                let now = self.0.clock.elapsed();
                let mut book = self.book();
                let entry = book.currencies.entry(currency).or_default();
                let slept = now.saturating_sub(entry.wanted) > WANTED;
                entry.wanted = now;
                let price = entry.price.as_ref().filter(|(_, at, _)| now.saturating_sub(*at) < STALE);
                let price = price.map(|(price, _, _)| *price);
                let resting = entry.failure.as_ref().is_some_and(|(_, at)| now.saturating_sub(*at) < REST);
                if (price.is_none() && !resting) || slept {
                    self.0.wanted.notify_one();
                }
                price
            }
        };
        price.map(|price| Quote { currency, price })
    }

    /// The price, after waiting for the first answer where none is known yet. Not for whoever moves satoshi.
    ///
    /// # Errors
    /// When there is none to be had, with the reason.
    pub async fn price(&self, currency: Currency) -> Result<Quote, NoRate> {
        let mut learned = self.0.learned.subscribe();
        let since = self.0.clock.elapsed();
        let late = async {
            loop {
                if let Some(quote) = self.known(currency) {
                    return Ok(quote);
                }
                if let Some(reason) = self.failure(currency, since) {
                    return Err(reason);
                }
                if learned.changed().await.is_err() {
                    return Err("The server is stopping.".to_owned());
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, late).await;
        let answer = answer.unwrap_or_else(|_| Err("No service answered in time.".to_owned()));
        answer.map_err(|reason| NoRate { currency, reason })
    }

    /// What was learned in the past of the operator's currency, oldest first.
    pub fn past(&self) -> Vec<PastRates> {
        self.book().past.iter().cloned().collect()
    }

    /// Keeps what is wanted fresh, for ever.
    pub async fn run(&self) {
        // made when it is needed first: a server that nobody asks in fiat needs none
        let client = OnceLock::new();
        loop {
            self.round(&client).await;
            // what was wanted during the round is seen at once
            let _ = tokio::time::timeout(ROUND, self.0.wanted.notified()).await;
        }
    }

    async fn round(&self, client: &OnceLock<Result<reqwest::Client, String>>) {
        let policy = self.0.settings.kept_limits().rates.clone();
        let remembered = self.remembered();
        if matches!(policy.source, Source::Services) {
            // the operator's own currency is wanted always
            if self.0.settings.limits().default_currency.is_some() {
                let _ = self.known(remembered);
            }
            let asked = futures_util::stream::iter(self.due(&policy)).map(|currency| {
                let policy = &policy;
                async move {
                    let answer = match client.get_or_init(ask::client) {
                        Ok(client) => ask::price(client, policy, currency).await,
                        Err(why) => Err(why.clone()),
                    };
                    self.learn(currency, answer);
                }
            });
            asked.buffer_unordered(AT_ONCE).collect::<()>().await;
        }
        self.remember(&policy, remembered);
    }

    /// What is wanted, and old or not there.
    fn due(&self, policy: &RatePolicy) -> Vec<Currency> {
        let now = self.0.clock.elapsed();
        let fresh = Duration::from_secs(u64::try_from(policy.cache_seconds).unwrap_or(0).max(1)).min(STALE / 2);
        let mut book = self.book();
        book.currencies.retain(|_, entry| now.saturating_sub(entry.wanted) <= WANTED);
        let due = book.currencies.iter().filter(|(_, entry)| {
            let old = entry.price.as_ref().is_none_or(|(_, at, _)| now.saturating_sub(*at) >= fresh);
            let rested = entry.failure.as_ref().is_none_or(|(_, at)| now.saturating_sub(*at) >= REST);
            old && rested
        });
        due.map(|(currency, _)| *currency).collect()
    }

    fn learn(&self, currency: Currency, answer: Result<(Price, BTreeMap<String, Price>), String>) {
        let now = self.0.clock.elapsed();
        let mut book = self.book();
        let entry = book.currencies.entry(currency).or_default();
        match answer {
            Ok((price, by)) => {
                entry.price = Some((price, now, by));
                entry.failure = None;
            }
            Err(reason) => {
                tracing::debug!(currency = currency.code(), reason, "no exchange rate");
                entry.failure = Some((reason, now));
            }
        }
        drop(book);
        self.0.learned.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Puts a price aside for later generations, when it is time.
    fn remember(&self, policy: &RatePolicy, currency: Currency) {
        let now = self.0.clock.elapsed();
        let pause = Duration::from_secs(u64::try_from(policy.history_seconds).unwrap_or(0).max(1));
        let mut book = self.book();
        let prices = match &policy.source {
            Source::Off => BTreeMap::new(),
            Source::Fixed(prices) => {
                prices.get(&currency).map(|price| ("Fixed".to_owned(), *price)).into_iter().collect()
            }
            Source::Services => {
                let said = book.currencies.get(&currency).and_then(|entry| entry.price.as_ref());
                said.map(|(_, _, by)| by.clone()).unwrap_or_default()
            }
        };
        if !prices.is_empty() && book.past_at.is_none_or(|at| now.saturating_sub(at) >= pause) {
            book.past_at = Some(now);
            book.past.push_back(PastRates { at: self.0.clock.now(), prices });
        }
        let most = usize::try_from(policy.history_size).unwrap_or(0).min(10_000);
        let above = book.past.len().saturating_sub(most);
        book.past.drain(..above);
    }

    fn remembered(&self) -> Currency {
        let limits = self.0.settings.limits();
        let named = limits.default_currency.as_deref().and_then(Currency::parse);
        named.unwrap_or(USUAL)
    }

    /// Why there is no price, where that is known.
    fn failure(&self, currency: Currency, since: Duration) -> Option<String> {
        match self.0.settings.limits().rates.source {
            Source::Off => return Some("This server has no source of exchange rates.".to_owned()),
            Source::Fixed(_) => return Some("The fixed rates of this server do not have it.".to_owned()),
            Source::Services => {}
        }
        let book = self.book();
        let (reason, at) = book.currencies.get(&currency)?.failure.as_ref()?;
        // an older failure counts as long as nobody asks again
        let now = self.0.clock.elapsed();
        (*at >= since || now.saturating_sub(*at) < REST).then(|| reason.clone())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
