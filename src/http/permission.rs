//! Who may call: each right as a type, and the proof of it as a handler's argument.
//!
//! Which credential carries which right is one table, `accounts::policy::Family::rights`. Here a request's
//! credential becomes a principal, once, and the route's own bit is looked up in what it allows.

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web::Data};

pub(super) use super::origin::client_address;
use super::{
    House,
    admission::{self, Door},
    problem::{Code, Problem},
    route,
};
use crate::{
    accounts::{
        AccountError, Through, WalletCard, acl,
        policy::{Family, Operation, Principal, Right},
    },
    domain::{credential::HandedOut, payment::Author},
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

impl WalletCaller {
    /// Who he is to the wallet's owner, where he is somebody else.
    pub fn author(&self) -> Option<Author> {
        self.wallet.through.as_ref().map(|through| through.author.clone())
    }
}

/// Anybody.
#[derive(Clone, Copy)]
pub struct Public;

impl Permission for Public {
    type Proof = ();
    const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::Public)];

    fn check(request: HttpRequest) -> impl Future<Output = Result<(), Problem>> + 'static {
        std::future::ready(admission::may_publicly(&request))
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
                    let number = number_of(&request)?;
                    let principal = wallet_principal(&request).await?;
                    may(&request, &principal, number)?;
                    let caller = on_wallet(&request, principal).await?;
                    // a wallet of somebody else allows less than the credential
                    may(&request, &caller.principal, number)?;
                    Ok(caller)
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
wallet_permission!(
    /// May let other people use a wallet.
    WalletShare
);

/// May make invoices, or pay, or both: the body says which of the two is asked.
#[derive(Clone, Copy)]
pub struct WalletReceiveOrSend;

/// Somebody who may do at least one of the two; which, the handler asks when it has read the body.
pub struct EitherCaller {
    caller: WalletCaller,
    refused: [Option<Problem>; 2],
}

impl EitherCaller {
    /// The caller, if he may make invoices.
    pub fn receive(self) -> Result<WalletCaller, Problem> {
        let [receive, _] = self.refused;
        receive.map_or(Ok(self.caller), Err)
    }

    /// The caller, if he may pay.
    pub fn send(self) -> Result<WalletCaller, Problem> {
        let [_, send] = self.refused;
        send.map_or(Ok(self.caller), Err)
    }
}

impl Permission for WalletReceiveOrSend {
    type Proof = EitherCaller;
    const RIGHTS: &'static [(&'static str, Right)] = &[("receive", Right::WalletReceive), ("send", Right::WalletSend)];

    async fn check(request: HttpRequest) -> Result<EitherCaller, Problem> {
        let first = number_of(&request)?;
        let principal = wallet_principal(&request).await?;
        let refused = |principal: &Principal| [first, first + 1].map(|number| may(&request, principal, number).err());
        let by_itself = refused(&principal);
        // a mirror that may do neither is told so by the word for what it asks, which stands in the body
        if principal.wallet.as_ref().is_none_or(|wallet| wallet.through.is_none())
            && let [Some(receive), Some(_)] = by_itself
        {
            return Err(receive);
        }
        let caller = on_wallet(&request, principal).await?;
        let ([receive, send], [there_receive, there_send]) = (by_itself, refused(&caller.principal));
        let refused = [receive.or(there_receive), send.or(there_send)];
        Ok(EitherCaller { caller, refused })
    }
}

macro_rules! account_permission {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name;

        impl Permission for $name {
            type Proof = Arc<Principal>;
            const RIGHTS: &'static [(&'static str, Right)] = &[("", Right::$name)];

            fn check(request: HttpRequest) -> impl Future<Output = Result<Arc<Principal>, Problem>> + 'static {
                async move {
                    let number = number_of(&request)?;
                    let principal = account_principal(&request).await?;
                    may(&request, &principal, number)?;
                    Ok(principal)
                }
            }
        }
    };
}
account_permission!(
    /// May ask what his credential allows.
    Introspect
);
account_permission!(
    /// May see and use all of the account's wallets.
    Wallets
);
account_permission!(
    /// May see and change the account.
    Account
);
account_permission!(
    /// May hand out credentials.
    Credentials
);
account_permission!(
    /// May change what lets people into the account.
    AccountSecrets
);
account_permission!(
    /// May administer other people's accounts.
    Users
);
account_permission!(
    /// Is the super user.
    SuperUser
);

/// Finds out once more, for an answer that goes on for long: what was found when it began does not count.
pub(super) async fn again<P: Permission>(request: &HttpRequest) -> Result<P::Proof, Problem> {
    admission::forget(request);
    P::check(request.clone()).await
}

/// Who calls a route of wallets: by a wallet's key, or by any other credential.
pub(super) async fn wallet_principal(request: &HttpRequest) -> Result<Arc<Principal>, Problem> {
    if let Some(known) = admission::known(request, Door::Wallet) {
        return known;
    }
    let house = house(request)?;
    let principal = match (api_key(request), token(request)) {
        (Some(key), _) => house.accounts.by_api_key(&key).await?,
        (None, Some(token)) => house.accounts.by_bearer(&token).await?,
        (None, None) if parameter(request, "api-key").is_some() => {
            let text = "Keys are not accepted in the query string here: send yours in the header X-Api-Key.";
            return Err(AccountError::Unauthenticated(text).into());
        }
        (None, None) => return Err(AccountError::Unauthenticated("No Api Key provided.").into()),
    };
    from_here(request, principal)
}

/// Who calls a route of the account: wallet keys are no answer to that.
pub(super) async fn account_principal(request: &HttpRequest) -> Result<Arc<Principal>, Problem> {
    if let Some(known) = admission::known(request, Door::Account) {
        return known;
    }
    let house = house(request)?;
    let handed_out = api_key(request).filter(|key| HandedOut::resembles(key));
    let principal = match (handed_out, token(request)) {
        (Some(key), _) => house.accounts.by_secret(&key).await?,
        (None, Some(token)) => house.accounts.by_bearer(&token).await?,
        (None, None) => {
            let named = match parameter(request, "usr") {
                Some(id) => house.accounts.by_account_id(&id).await?,
                None => None,
            };
            named.ok_or(AccountError::Unauthenticated("Missing user ID or access token."))?
        }
    };
    from_here(request, principal)
}

/// Some credentials are good from some networks only. What is good is used from here.
fn from_here(request: &HttpRequest, principal: Arc<Principal>) -> Result<Arc<Principal>, Problem> {
    // who calls is left with the request, for those who wrap its handler
    request.extensions_mut().insert(Arc::clone(&principal));
    let address = client_address(request);
    let admitted = principal.policy.sources.is_empty() || address.is_some_and(|from| principal.policy.admits(from));
    let house = house(request)?;
    if principal.family != Family::SuperUserSession && !house.accounts.may_act(&principal.account) {
        return Err(Problem::new(Code::Forbidden, "User not allowed."));
    }
    if admitted {
        house.accounts.note_use(&principal, address);
        return Ok(principal);
    }
    let text = format!("This {} may not be used from this address.", principal.family.name());
    Err(Problem::new(Code::Forbidden, text).with("exceeded", "source_ips"))
}

/// The wallet that the caller acts on, and what he may do there: with a wallet that somebody shares with him only
/// what that share allows, and only from where it may be used.
async fn on_wallet(request: &HttpRequest, principal: Arc<Principal>) -> Result<WalletCaller, Problem> {
    let named = match &principal.wallet {
        Some(_) => None,
        None => header_text(request, "x-wallet-id").map(str::to_owned).or_else(|| parameter(request, "wallet_id")),
    };
    let (principal, wallet) = house(request)?.accounts.acting_on(&principal, named.as_deref()).await?;
    let principal = if wallet.through.is_some() { from_here(request, principal)? } else { principal };
    Ok(WalletCaller { principal, wallet })
}

/// Is this operation one of those that the caller's credential allows, and his tier?
fn may(request: &HttpRequest, principal: &Principal, number: usize) -> Result<(), Problem> {
    if !principal.policy.routes.contains(number) {
        return Err(refusal(request, principal, number));
    }
    let house = house(request)?;
    admission::may(&house, principal, number)
}

/// Names the right that is missing.
fn refusal(request: &HttpRequest, principal: &Principal, number: usize) -> Problem {
    let operation = house(request).ok().and_then(|house| house.catalogue.operations().get(number).cloned());
    let Some(operation) = operation else { return Problem::new(Code::Forbidden, "Not allowed.") };
    let endpoint = acl::name(&operation);
    let shared = principal.wallet.as_ref().and_then(|wallet| wallet.through.as_ref());
    let by_itself = house(request).is_ok_and(|house| house.catalogue.allowed(principal.family).contains(number));
    if let Some(through) = shared.filter(|_| by_itself) {
        return not_shared(through, &operation)
            .with("missing_right", operation.right.as_str())
            .with("missing_endpoint", endpoint);
    }
    let who = principal.family.name();
    // the texts that LNbits clients know stand first
    let text = match (principal.family, operation.right) {
        (Family::InvoiceKey, Right::WalletSend) if operation.fork == "send" => {
            "Invoice (or Admin) key required.".to_owned()
        }
        (Family::InvoiceKey, _) => "Invalid adminkey.".to_owned(),
        (_, Right::Users) => "User not authorized. No admin privileges.".to_owned(),
        (_, Right::SuperUser) => "User not authorized. No super user privileges.".to_owned(),
        (Family::AclToken, _) => format!("Path not allowed. This token lacks {endpoint:?}."),
        _ => format!("This {who} lacks {endpoint:?}."),
    };
    Problem::new(Code::Forbidden, text)
        .with("missing_right", operation.right.as_str())
        .with("missing_endpoint", endpoint)
}

/// What the wallet's owner did not share. The keys of a mirror hear what LNbits says to them; it answers empty lists
/// instead of payments, where here as everywhere the missing right is named.
fn not_shared(through: &Through, operation: &Operation) -> Problem {
    let lacks = |what: &str| {
        let text = format!("Wallet does not have permission to {what}.");
        Problem::new(Code::NotShared, text).with("status", "failed")
    };
    match (&through.mirror, operation.right) {
        (Some(_), Right::WalletReceive) => lacks("create invoices"),
        (Some(_), Right::WalletSend) if operation.fork == "send" => lacks("pay invoices"),
        (Some(_), Right::WalletShare) if operation.method == "DELETE" => {
            Problem::invalid("Source wallet is not a lightning wallet.")
        }
        (Some(_), Right::WalletShare) => Problem::invalid("Only lightning wallets can be shared."),
        _ => {
            let endpoint = acl::name(operation);
            Problem::new(Code::Forbidden, format!("This wallet is shared with you, but not {endpoint:?}."))
        }
    }
}

fn number_of(request: &HttpRequest) -> Result<usize, Problem> {
    route::number(request).ok_or_else(|| Problem::new(Code::NotFound, "Not Found"))
}

fn house(request: &HttpRequest) -> Result<Data<House>, Problem> {
    request.app_data::<Data<House>>().cloned().ok_or_else(|| Problem::new(Code::Internal, "Unexpected error!"))
}

/// The API key of the header, or else of the query string where the operator allows it.
fn api_key(request: &HttpRequest) -> Option<String> {
    let header = header_text(request, "x-api-key").filter(|key| !key.is_empty());
    header.map(str::to_owned).or_else(|| {
        let allowed = house(request).is_ok_and(|house| house.ledger.limits().tiers.allow_query_keys);
        parameter(request, "api-key").filter(|_| allowed)
    })
}

/// Does the request show a credential, of whatever worth?
pub(super) fn shows_credential(request: &HttpRequest) -> bool {
    api_key(request).is_some() || token(request).is_some()
}

/// The bearer token of the header, or else of the session cookie, which does not count for what another site's page
/// sends.
pub(super) fn token(request: &HttpRequest) -> Option<String> {
    let bearer = header_text(request, header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
    });
    bearer.or_else(|| {
        let cookie = request.cookie(super::auth::SESSION_COOKIE)?;
        (!super::origin::is_foreign_write(request)).then(|| cookie.value().to_owned())
    })
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
