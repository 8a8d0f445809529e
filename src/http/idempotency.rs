//! `Idempotency-Key`: the same request under the same key is carried out once, and answered alike every time.
//!
//! What is answered again: every answer of a request that got as far as its handler, errors too. What is not:
//! refusals that say nothing of the request itself (401, 403, 409, 429), and failures of the server after which
//! nothing is left behind; these can be tried again under the same key.

use std::{future::Future, sync::Arc};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::to_bytes,
    dev,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::{Bytes, Data},
};
use serde_json::Value;
use tokio::time::sleep;
use tracing::Instrument;

use super::{
    House,
    body::read,
    problem::{Code, Problem, store_problem},
    shell::RequestId,
};
use crate::{
    accounts::policy::{Bearing, Principal},
    idempotency::{Begun, Idempotency, IdempotencyError, Parts, RENEW_EVERY, Reply, RequestKey},
};

/// The header that names a request.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const KEY_MAX: usize = 255;
/// The shortest key of somebody who shows no credential: whoever knows the key hears the answer again.
const UNKNOWN_CALLERS_KEY_MIN: usize = 32;
/// Most parts of a body that are told apart; larger ones are one part.
const PARTS_MAX: usize = 64;
/// When to ask again, in seconds, for somebody who waited in vain.
const RETRY_AFTER: &str = "2";

/// For the documentation of every route that knows the header.
pub const ABOUT: &str = "Names the request: 1–255 visible ASCII characters, at least 32 where no credential is shown. For 24 hours the same request under the same key is answered as it was the first time (with the header Idempotency-Replayed), and carried out once. Another request under the same key is refused (422); one that is still under way is waited for, then refused (409).";

/// The name of the request, for handlers whose work is to be done once; `None` without the header.
pub struct Once(pub Option<Vec<u8>>);

impl FromRequest for Once {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let key = request.extensions().get::<RequestKey>().cloned();
        std::future::ready(Ok(Self(key.map(RequestKey::into_bytes))))
    }
}

impl super::openapi::Argument for Once {
    fn describe(_: &mut super::openapi::Sketch) {}
}

/// Does the request carry a key?
pub fn is_asked(request: &HttpRequest) -> bool {
    request.headers().contains_key(KEY)
}

/// Carries a request out, or answers it as it was answered before.
pub async fn once<F>(
    request: HttpRequest,
    payload: dev::Payload,
    execute: impl FnOnce(HttpRequest, dev::Payload) -> F,
) -> HttpResponse
where
    F: Future<Output = HttpResponse> + 'static,
{
    match begin(&request, payload).await {
        Err(problem) => problem.error_response(),
        Ok((_, _, Begun::Answered(reply))) => again(reply),
        Ok((_, _, Begun::Other(differing))) => {
            let text =
                format!("This Idempotency-Key was used for another request. They differ in: {}.", differing.join(", "));
            Problem::new(Code::IdempotencyMismatch, text).with("differing", differing).error_response()
        }
        Ok((_, _, Begun::Busy)) => {
            let text = "A request with this Idempotency-Key is still under way. Ask again.";
            let mut response = Problem::new(Code::IdempotencyInProgress, text).error_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            response
        }
        Ok((key, body, Begun::Ours)) => {
            request.extensions_mut().insert(key.clone());
            let work = execute(request.clone(), payload_of(body));
            // the work is the server's from here on: it goes on when the client goes away
            let task = actix_web::rt::spawn(carry_out(request, key, work).in_current_span());
            task.await.unwrap_or_else(|_| Problem::new(Code::Internal, "Unexpected error!").error_response())
        }
    }
}

async fn begin(request: &HttpRequest, payload: dev::Payload) -> Result<(RequestKey, Bytes, Begun), Problem> {
    let memory = memory(request)?;
    let key = memory.key(&caller(request), given(request)?);
    let body = read(payload).await?.freeze();
    let parts = parts(&memory, &key, request, &body);
    let begun = memory.begin(&key, &parts).await?;
    Ok((key, body, begun))
}

fn memory(request: &HttpRequest) -> Result<Idempotency, Problem> {
    let house = request.app_data::<Data<House>>();
    house.map(|house| house.idempotency.clone()).ok_or_else(|| Problem::new(Code::Internal, "Unexpected error!"))
}

/// The key, if it is a sound one.
fn given(request: &HttpRequest) -> Result<&str, Problem> {
    let mut keys = request.headers().get_all(KEY);
    let key = keys.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sound = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !sound || keys.next().is_some() {
        let text = format!("An Idempotency-Key is one header of 1 to {KEY_MAX} visible ASCII characters.");
        return Err(Problem::invalid(text));
    }
    if key.len() < UNKNOWN_CALLERS_KEY_MIN && request.extensions().get::<Arc<Principal>>().is_none() {
        return Err(Problem::invalid(format!(
            "Without a credential, an Idempotency-Key has at least {UNKNOWN_CALLERS_KEY_MIN} characters and nobody \
             else can guess it; a random UUID is one."
        )));
    }
    Ok(key)
}

/// Who asks: each credential for itself, and an account's logins as one, so that a new login hears the answer too.
fn caller(request: &HttpRequest) -> String {
    match request.extensions().get::<Arc<Principal>>() {
        None => "anybody".to_owned(),
        Some(principal) => match &principal.bearing {
            Bearing::AdminKey(wallet) => format!("admin key/{wallet}"),
            Bearing::InvoiceKey(wallet) => format!("invoice key/{wallet}"),
            Bearing::Session(_) | Bearing::AccountId => format!("account/{}", principal.account),
            Bearing::Credential(id) => format!("credential/{id}"),
        },
    }
}

/// What makes two requests the same: method, path, wallet, and each field of the body.
fn parts(memory: &Idempotency, key: &RequestKey, request: &HttpRequest, body: &[u8]) -> Parts {
    let wallet = request.headers().get("x-wallet-id").map_or(&b""[..], HeaderValue::as_bytes);
    let frame = [
        ("(method)", request.method().as_str().as_bytes()),
        ("(path)", request.path().as_bytes()),
        ("(query)", request.query_string().as_bytes()),
        ("(wallet)", wallet),
    ];
    let frame = frame.map(|(name, value)| (name.to_owned(), value));
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) if fields.len() <= PARTS_MAX => {
            let fields: Vec<(String, String)> =
                fields.into_iter().map(|(name, value)| (name, sorted(value).to_string())).collect();
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.as_bytes()));
            memory.parts(key, frame.into_iter().chain(fields))
        }
        _ => memory.parts(key, frame.into_iter().chain([("(body)".to_owned(), body)])),
    }
}

/// With the members of objects in the order of their names: written in another order they are the same.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// A body that was read, for those who want to read it.
fn payload_of(body: Bytes) -> dev::Payload {
    let (_, mut payload) = actix_http::h1::Payload::create(true);
    payload.unread_data(body);
    dev::Payload::from(payload)
}

/// Does the work, saying all the while that somebody is at it, and keeps the answer.
async fn carry_out(request: HttpRequest, key: RequestKey, work: impl Future<Output = HttpResponse>) -> HttpResponse {
    let Ok(memory) = memory(&request) else { return work.await };
    let mut work = std::pin::pin!(work);
    let response = loop {
        tokio::select! {
            response = &mut work => break response,
            () = sleep(RENEW_EVERY) => warn(memory.renew(&key).await),
        }
    };
    match is_final(response.status(), &memory, &key).await {
        Ok(true) => {
            let (response, reply) = copied(&request, response).await;
            warn(memory.keep(&key, &reply).await);
            response
        }
        Ok(false) => {
            warn(memory.give_up(&key).await);
            response
        }
        // nobody knows now what is left behind; whoever takes the request over will
        Err(_) => response,
    }
}

fn warn(outcome: Result<(), IdempotencyError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a request that may come twice could not be noted");
    }
}

/// Is this what the request is answered from now on?
async fn is_final(status: StatusCode, memory: &Idempotency, key: &RequestKey) -> Result<bool, IdempotencyError> {
    match status.as_u16() {
        401 | 403 | 409 | 429 => Ok(false),
        500 | 503 => memory.left_a_payment(key).await,
        _ => Ok(true),
    }
}

/// The answer, and a copy of it to keep.
async fn copied(request: &HttpRequest, response: HttpResponse) -> (HttpResponse, Reply) {
    let status = response.status().as_u16();
    let problem = response.extensions().get::<Problem>().cloned();
    if let Some(problem) = problem {
        // the shell will write the same
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        return (response, Reply { status, headers, body: problem.body(&id).to_string().into_bytes() });
    }
    let (head, body) = response.into_parts();
    // a body in memory cannot fail
    let body = to_bytes(body).await.unwrap_or_default();
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let headers = head.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect();
    let reply = Reply { status, headers, body: body.to_vec() };
    (head.set_body(body).map_into_boxed_body(), reply)
}

fn again(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for header in reply.headers {
        response.append_header(header);
    }
    response.insert_header((REPLAYED, "true")).body(reply.body)
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        store_problem(error.is_unavailable(), &error.to_string())
    }
}
