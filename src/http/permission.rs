//! Who may call: each right as a type, and the proof of it as a handler's argument.
//!
//! Which credential carries which right is one table, `accounts::policy::Family::rights`. Here a request's
//! credential becomes a principal, once, and the route's own bit is looked up in what it allows.

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web::Data};

use super::{
    House,
    problem::{Code, Problem},
    route,
};
use crate::accounts::{
    AccountError, WalletCard,
    policy::{Principal, Right},
};

/// What a route asks of its caller, and what its handler gets to know about him.
pub trait Permission: Copy + 'static {
    /// What the handler is given.
    type Proof: 'static;
    /// The operations behind the route and what each asks for. A route that does one thing names it "".
    const RIGHTS: &'static [(&'static str, Right)];
    /// Finds out.
    fn check(request: HttpRequest) -> impl Future<Output = Result<Self::Proof, Problem>> + 'static;
}

/// Proof, in a handler's arguments, that the caller holds the permission `P`.
pub struct Caller<P: Permission>(pub P::Proof);

/// The proof that the route left with the request when it let it through.
pub(super) struct Admitted<P: Permission>(pub(super) P::Proof);

impl<P: Permission> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if let Some(Admitted(proof)) = request.extensions_mut().remove::<Admitted<P>>() {
            return Box::pin(std::future::ready(Ok(Self(proof))));
        }
        let request = request.clone();
        Box::pin(async move { P::check(request).await.map(Caller) })
    }
}

/// Somebody who may act on a wallet.
pub struct WalletCaller {
    /// Who.
    pub principal: Arc<Principal>,
    /// On which wallet.
    pub wallet: Arc<WalletCard>,
}

/// Anybody.
#[derive(Clone, Copy)]
pub struct Public;

impl Permission for Public {
    type Proof = ();
    const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::Public)];

    fn check(_: HttpRequest) -> impl Future<Output = Result<(), Problem>> + 'static {
        std::future::ready(Ok(()))
    }
}

macro_rules! wallet_permission {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name;

        impl Permission for $name {
            type Proof = WalletCaller;
            const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::$name)];

            fn check(request: HttpRequest) -> impl Future<Output = Result<WalletCaller, Problem>> + 'static {
                async move {
                    let caller = wallet_caller(&request).await?;
                    let number = number_of(&request)?;
                    if caller.principal.policy.routes.contains(number) { Ok(caller) } else { Err(refusal(&caller)) }
                }
            }
        }
    };
}
wallet_permission!(
    /// May read a wallet and its payments.
    WalletRead
);
wallet_permission!(
    /// May pay from a wallet.
    WalletSend
);
wallet_permission!(
    /// May rename, change and delete a wallet.
    WalletManage
);

/// May make invoices, or pay, or both: the body says which of the two is asked.
#[derive(Clone, Copy)]
pub struct WalletReceiveOrSend;

/// Somebody who may do at least one of the two; which, the handler asks when it has read the body.
pub struct EitherCaller {
    caller: WalletCaller,
    first: usize,
}

impl EitherCaller {
    /// The caller, if he may make invoices.
    pub fn receive(self) -> Result<WalletCaller, Problem> {
        let number = self.first;
        self.only(number, "This credential may not create invoices.")
    }

    /// The caller, if he may pay.
    pub fn send(self) -> Result<WalletCaller, Problem> {
        let number = self.first + 1;
        self.only(number, "Invoice (or Admin) key required.")
    }

    fn only(self, number: usize, otherwise: &str) -> Result<WalletCaller, Problem> {
        if self.caller.principal.policy.routes.contains(number) {
            Ok(self.caller)
        } else {
            Err(Problem::new(Code::Forbidden, otherwise))
        }
    }
}

impl Permission for WalletReceiveOrSend {
    type Proof = EitherCaller;
    const RIGHTS: &'static [(&'static str, Right)] = &[("receive", Right::WalletReceive), ("send", Right::WalletSend)];

    async fn check(request: HttpRequest) -> Result<EitherCaller, Problem> {
        let caller = wallet_caller(&request).await?;
        let first = number_of(&request)?;
        let routes = caller.principal.policy.routes;
        if routes.contains(first) || routes.contains(first + 1) {
            Ok(EitherCaller { caller, first })
        } else {
            Err(refusal(&caller))
        }
    }
}

macro_rules! account_permission {
    ($(#[$doc:meta])* $name:ident, $refusal:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name;

        impl Permission for $name {
            type Proof = Arc<Principal>;
            const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::$name)];

            fn check(request: HttpRequest) -> impl Future<Output = Result<Arc<Principal>, Problem>> + 'static {
                async move {
                    let house = house(&request)?;
                    let principal = match token(&request) {
                        Some(token) => house.accounts.by_token(&token).await?,
                        None => return Err(AccountError::Unauthenticated("Missing user ID or access token.").into()),
                    };
                    if principal.policy.routes.contains(number_of(&request)?) {
                        Ok(principal)
                    } else {
                        Err(Problem::new(Code::Forbidden, $refusal))
                    }
                }
            }
        }
    };
}
account_permission!(
    /// May see and change the account and its wallets.
    Account,
    "This credential may not use the account."
);
account_permission!(
    /// May change what lets people into the account.
    AccountSecrets,
    "This credential may not change passwords or credentials."
);
account_permission!(
    /// Is the super user.
    SuperUser,
    "User not authorized. No super user privileges."
);

/// Who acts on which wallet: by its key, or by a token that names the wallet.
async fn wallet_caller(request: &HttpRequest) -> Result<WalletCaller, Problem> {
    let house = house(request)?;
    let principal = match (wallet_key(request), token(request)) {
        (Some(key), _) => house.accounts.by_wallet_key(&key).await?,
        (None, Some(token)) => house.accounts.by_token(&token).await?,
        (None, None) => return Err(AccountError::Unauthenticated("No Api Key provided.").into()),
    };
    let wallet = match &principal.wallet {
        Some(own) => Arc::clone(own),
        None => {
            let named =
                header_text(request, "x-wallet-id").map(str::to_owned).or_else(|| parameter(request, "wallet_id"));
            house.accounts.wallet_of(&principal, named.as_deref()).await?
        }
    };
    Ok(WalletCaller { principal, wallet })
}

fn refusal(caller: &WalletCaller) -> Problem {
    let text = if caller.principal.sees_admin_key { "This credential may not do that." } else { "Invalid adminkey." };
    Problem::new(Code::Forbidden, text)
}

fn number_of(request: &HttpRequest) -> Result<usize, Problem> {
    route::number(request).ok_or_else(|| Problem::new(Code::NotFound, "Not Found"))
}

fn house(request: &HttpRequest) -> Result<Data<House>, Problem> {
    request.app_data::<Data<House>>().cloned().ok_or_else(|| Problem::new(Code::Internal, "Unexpected error!"))
}

/// The wallet key of the header, or else of the query string.
fn wallet_key(request: &HttpRequest) -> Option<String> {
    let header = header_text(request, "x-api-key").filter(|key| !key.is_empty());
    header.map(str::to_owned).or_else(|| parameter(request, "api-key"))
}

/// The bearer token of the header, or else of the session cookie.
pub(super) fn token(request: &HttpRequest) -> Option<String> {
    let bearer = header_text(request, header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
    });
    bearer.or_else(|| request.cookie(super::auth::SESSION_COOKIE).map(|cookie| cookie.value().to_owned()))
}

fn header_text<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    if request.query_string().is_empty() {
        return None;
    }
    let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    pairs.into_inner().into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
}
