//! What handlers answer beside plain JSON.

use std::{convert::Infallible, pin::Pin};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    cookie::Cookie,
    http::{StatusCode, header, header::HeaderName},
    web::Bytes,
};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::backup::Parts;

/// The body of every error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A text, or a list of `{loc, msg, type}` with each value that is wrong.
    pub detail: Value,
    /// For programs.
    pub code: String,
    /// What became of the payment: `failed`, `pending` or `success`. Only where one was asked for.
    pub status: Option<String>,
    /// Names the request in the server's log.
    pub request_id: String,
}

/// 201 with JSON.
pub struct Created<T>(pub T);

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Created().json(self.0)
    }
}

/// JSON that comes with cookies.
pub struct LoggedIn<T> {
    /// The body.
    pub body: T,
    /// What the browser is to remember or forget.
    pub cookies: Vec<Cookie<'static>>,
}

impl<T: Serialize> Responder for LoggedIn<T> {
    type Body = BoxBody;
    /// A browser that came by https, as a trusted proxy says, is to send them by https only. A page of somebody else's
    /// gets the body alone: it is not to log the browser in or out here.
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        let https = super::origin::is_https(request);
        let foreign = super::origin::is_foreign_write(request);
        for mut cookie in self.cookies.into_iter().filter(|_| !foreign) {
            if https {
                cookie.set_secure(true);
            }
            response.cookie(cookie);
        }
        response.json(self.body)
    }
}

/// Sends a browser elsewhere, with this status and cookies.
pub struct Elsewhere<const STATUS: u16> {
    /// Where to.
    pub location: String,
    /// What the browser is to remember or forget.
    pub cookies: Vec<Cookie<'static>>,
}

impl<const STATUS: u16> Responder for Elsewhere<STATUS> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::SEE_OTHER);
        let mut response = HttpResponse::build(status);
        for cookie in self.cookies {
            response.cookie(cookie);
        }
        // what is on the way is for this browser, now
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::REFERRER_POLICY, "no-referrer"));
        response.insert_header((header::LOCATION, self.location)).finish()
    }
}

/// A page or another file that is part of the program.
pub struct Page {
    /// Its media type.
    pub content_type: &'static str,
    /// The file.
    pub content: Bytes,
}

/// Pages run only what this server serves, and load nothing from anywhere else.
const CONTENT_SECURITY: &str = "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'";

impl Responder for Page {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, self.content_type))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .body(self.content)
    }
}

/// A file on its way.
pub struct Download {
    /// Its name.
    pub name: String,
    /// Its parts.
    pub parts: Parts,
}

impl Responder for Download {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        // an error on the way cuts the connection, so that nobody takes a part for the whole
        let parts = stream::unfold(self.parts, |mut parts| async move { Some((parts.recv().await?, parts)) });
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/octet-stream"))
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.name)))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .streaming(parts.map(|part| part.map(Bytes::from)))
    }
}

/// Server-sent events (WHATWG HTML, 9.2), as long as both sides like.
pub struct EventStream(Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>>>>);

impl EventStream {
    /// Of these words, each whole with its empty line.
    pub fn of(words: impl Stream<Item = Result<Bytes, Infallible>> + 'static) -> Self {
        Self(Box::pin(words))
    }
}

impl Responder for EventStream {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "text/event-stream"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            // nginx would keep the words until it has many
            .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
            .streaming(self.0)
    }
}

/// A connection that goes on as a websocket.
pub struct Switched(pub HttpResponse);

impl Responder for Switched {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}
