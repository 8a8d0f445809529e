//! Files as answers: tables and papers to keep, pictures to show.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::header, web::Bytes};
use futures_util::{Stream, StreamExt, stream::LocalBoxStream};

/// Files show nothing but themselves, and run nothing.
const CONTENT_SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// A file that is there as a whole.
pub struct File {
    /// Its media type.
    pub content_type: String,
    /// Its name, where it is one to keep; else it is shown.
    pub name: Option<String>,
    /// How long it may be kept by whoever passes it on.
    pub cache: &'static str,
    /// What is in it.
    pub content: Vec<u8>,
}

/// A file that is written while it is sent.
pub struct Streamed {
    /// Its media type.
    pub content_type: &'static str,
    /// Its name.
    pub name: String,
    /// Its parts; an error on the way cuts the connection, so that nobody takes a part for the whole.
    pub parts: LocalBoxStream<'static, std::io::Result<Bytes>>,
}

impl Streamed {
    /// Of these parts.
    pub fn new(
        content_type: &'static str,
        name: &str,
        parts: impl Stream<Item = std::io::Result<Bytes>> + 'static,
    ) -> Self {
        Self { content_type, name: name.to_owned(), parts: parts.boxed_local() }
    }
}

impl Responder for File {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let disposition = match self.name {
            Some(name) => format!("attachment; filename=\"{name}\""),
            None => "inline".to_owned(),
        };
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, self.content_type))
            .insert_header((header::CONTENT_DISPOSITION, disposition))
            .insert_header((header::CACHE_CONTROL, self.cache))
            .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(self.content)
    }
}

impl Responder for Streamed {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, self.content_type))
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.name)))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .streaming(self.parts)
    }
}
