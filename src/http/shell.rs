//! What happens around every request: its id, cross-origin headers, compression, the body of an error,
//! a line in the log.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, ContentEncoding, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use tracing::Instrument;

use super::{
    House, observe,
    problem::{Code, Problem},
    spans,
};
use crate::accounts::Counted;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bodies from this size on are compressed for clients that take it.
const COMPRESS_FROM: u64 = 1000;

/// Where the super user is named.
const INSTALL_PAGE: &str = "/first_install";
/// What is answered before that.
const BEFORE_INSTALL: &[&str] =
    &[INSTALL_PAGE, "/api/v1/auth/first_install", "/api/v1/health", "/api/v1/ready", "/api/v1/server"];

/// The request's id, for whoever writes its answer.
pub struct RequestId(pub String);

/// Wraps every request.
pub async fn shell(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(&request);
    // whatever is logged on the way carries the request's id
    let span = spans::begin(&request, &id);
    let response = wrapped(request, next, id).instrument(span.clone()).await?;
    spans::end(&span, &response);
    Ok(response)
}

async fn wrapped(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    id: String,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(problem) = blocked(&request) {
        let (request, _) = request.into_parts();
        return Ok(finish(with_problem(ServiceResponse::new(request, problem.error_response()), &id), &id, began));
    }
    // Every connection keeps room for what its requests wait for, as long as it is open. This is waited for once in
    // the server's life: it gets its room when it needs it.
    if !is_known_installed(&request)
        && let Some(answer) = Box::pin(before_install(&request)).await
    {
        let (request, _) = request.into_parts();
        return Ok(finish(with_problem(ServiceResponse::new(request, answer), &id), &id, began));
    }
    if is_preflight(&request) {
        let (request, _) = request.into_parts();
        return Ok(finish(ServiceResponse::new(request, preflight()), &id, began));
    }
    let wants_gzip =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(takes_gzip);
    let response = with_problem(next.call(request).await?.map_into_boxed_body(), &id);
    let response = if wants_gzip { compressed(response) } else { response };
    Ok(finish(response, &id, began))
}

fn is_known_installed(request: &ServiceRequest) -> bool {
    request.app_data::<Data<House>>().is_some_and(|house| house.accounts.is_known_installed())
}

/// Until the super user has a name, everything leads to where he gets one; but the server's health can be asked
/// for, so that whoever watches it does not kill it.
async fn before_install(request: &ServiceRequest) -> Option<HttpResponse> {
    let house = request.app_data::<Data<House>>()?.clone();
    match house.accounts.is_installed().await {
        Ok(true) => None,
        Ok(false) if BEFORE_INSTALL.contains(&request.path()) || request.path().starts_with("/static/") => None,
        Ok(false) => Some(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, INSTALL_PAGE)).finish()),
        Err(error) => Some(Problem::from(error).error_response()),
    }
}

/// Are requests from there refused?
fn blocked(request: &ServiceRequest) -> Option<Problem> {
    let house = request.app_data::<Data<House>>()?;
    let limits = house.ledger.limits();
    if limits.blocked_ips.is_empty() {
        return None;
    }
    let text = match super::origin::client_address(request.request()) {
        Some(address) if limits.blocks(address) => "IP is blocked",
        Some(_) => return None,
        None => "No request client",
    };
    Some(Problem::new(Code::Forbidden, text))
}

/// Does this Accept-Encoding name gzip without refusing it by a weight of zero (RFC 9110, 12.5.3)?
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').filter_map(|coding| coding.trim().strip_prefix("gzip")).any(|rest| {
        let weight = rest.trim_start_matches([';', ' ']).strip_prefix("q=");
        weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_none_or(|weight| weight > 0.0)
    })
}

/// The client's own id, if it is a harmless one, or else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless =
        |id: &&str| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match given.filter(harmless) {
        Some(id) => id.to_owned(),
        None => {
            let clock = request.app_data::<Data<House>>().map(|house| house.clock.clone());
            crate::domain::ids::to_hex(&clock.map_or([0; 8], |clock| clock.bytes::<8>()))
        }
    }
}

fn is_preflight(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "*, Authorization, Content-Type, Idempotency-Key, X-Api-Key, X-Wallet-Id",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("OK")
}

/// Writes the body that an error left to be written.
fn with_problem(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let left = response.response().extensions().get::<Problem>().cloned();
    let problem = match left {
        Some(problem) => problem,
        // errors of the framework itself: a request that is no HTTP, or too slow
        None if response.response().body().size() == BodySize::Sized(0) => foreign(status),
        None if status.is_client_error() && !is_json(&response) => foreign(status),
        None => return response,
    };
    if let Some(cause) = problem.cause() {
        tracing::error!(request = id, code = problem.code().as_str(), cause, "a request failed");
    }
    let text = problem.body(id).to_string();
    let mut response = response.map_body(|_, _| BoxBody::new(text));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn is_json(response: &ServiceResponse<BoxBody>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

fn foreign(status: StatusCode) -> Problem {
    let code = Code::ALL.iter().copied().find(|code| code.status() == status.as_u16()).unwrap_or(Code::InvalidRequest);
    Problem::new(code, status.canonical_reason().unwrap_or("Bad request"))
}

fn compressed(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let large = matches!(response.response().body().size(), BodySize::Sized(size) if size >= COMPRESS_FROM);
    if !large || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
        .map_body(|head, body| actix_http::encoding::Encoder::response(ContentEncoding::Gzip, head, body))
        .map_into_boxed_body()
}

/// What is left of the caller's requests.
fn count_down(headers: &mut HeaderMap, counted: &Counted) {
    headers.insert(HeaderName::from_static("ratelimit-limit"), counted.limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), counted.remaining.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), counted.reset_seconds.into());
    if let Some(wait) = counted.retry_after {
        headers.insert(header::RETRY_AFTER, wait.into());
    }
}

fn finish(mut response: ServiceResponse<BoxBody>, id: &str, began: Instant) -> ServiceResponse<BoxBody> {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let counted = response.request().extensions().get::<Counted>().cloned();
    if let Some(counted) = counted {
        count_down(response.headers_mut(), &counted);
    }
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    observe::note(&response, id, began.elapsed());
    let request = response.request();
    // the path's template, never the path: keys and hashes are in paths
    tracing::debug!(
        request = id,
        method = %request.method(),
        route = request.match_pattern().as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
    );
    response
}
