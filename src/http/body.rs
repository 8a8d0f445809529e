//! What handlers take out of a request: JSON bodies, parameters and lists, with errors that say what
//! to change. Each also describes itself for the documentation.

use std::{future::Future, ops::Deref, pin::Pin, str::FromStr};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::{Code, FieldError, Problem};
use crate::domain::filter::{BadParameter, Fields, Listing};

/// The largest body that is read, in bytes.
pub const BODY_MAX: usize = 256 * 1024;

/// A JSON body. What the client says of its type is not asked: some say nothing, some say it wrong.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move { parse(&read(payload).await?).map(Body) })
    }
}

/// A body as it came, whatever it is.
pub struct RawBody(pub web::BytesMut);

impl FromRequest for RawBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move { read(payload).await.map(RawBody) })
    }
}

/// The whole body, if it is not too large.
pub async fn read(mut payload: Payload) -> Result<web::BytesMut, Problem> {
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::invalid(format!("The body could not be read: {error}.")))?;
        if bytes.len() + chunk.len() > BODY_MAX {
            return Err(Problem::new(Code::BodyTooLarge, format!("A body has at most {BODY_MAX} bytes.")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let required = || vec![body_error(&[], "field required", "value_error.missing")];
    if bytes.trim_ascii().is_empty() {
        // a request without a body is the request with an empty one, if nothing is required
        return from_value(json!({})).map_err(|_| Problem::fields(required()));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| malformed(bytes, &error))?;
    match value {
        Value::Null => Err(Problem::fields(required())),
        Value::Array(list) if list.is_empty() => from_value(json!({})),
        Value::Object(_) => from_value(value),
        _ => Err(Problem::fields(vec![body_error(&[], "value is not a valid dict", "type_error.dict")])),
    }
}

fn malformed(bytes: &[u8], error: &serde_json::Error) -> Problem {
    let before = bytes.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let offset = before.map(|line| line.len() + 1).sum::<usize>() + error.column().saturating_sub(1);
    let loc = vec!["body".into(), offset.into()];
    Problem::fields(vec![FieldError { loc, msg: "JSON decode error".into(), kind: "json_invalid".into() }])
        .with("error", error.to_string())
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut path: Vec<Value> = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                serde_path_to_error::Segment::Seq { index } => Some(Value::from(*index)),
                serde_path_to_error::Segment::Map { key } => Some(Value::from(key.as_str())),
                serde_path_to_error::Segment::Enum { variant } => Some(Value::from(variant.as_str())),
                serde_path_to_error::Segment::Unknown => None,
            })
            .collect();
        let text = error.inner().to_string();
        let (msg, kind) = translate(&text, &mut path);
        Problem::fields(vec![body_error(&path, &msg, &kind)])
    })
}

fn body_error(path: &[Value], msg: &str, kind: &str) -> FieldError {
    let loc = std::iter::once(Value::from("body")).chain(path.iter().cloned()).collect();
    FieldError { loc, msg: msg.to_owned(), kind: kind.to_owned() }
}

/// From the deserializer's words to those of the wire contract.
fn translate(text: &str, path: &mut Vec<Value>) -> (String, String) {
    let own = |msg: &str, kind: &str| (msg.to_owned(), kind.to_owned());
    if let Some((msg, kind)) = text.split_once('|') {
        return own(msg, kind);
    }
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        path.push(name.into());
        return own("field required", "value_error.missing");
    }
    if text.starts_with("invalid type: null") {
        return own("none is not an allowed value", "type_error.none.not_allowed");
    }
    let expected = text.rsplit("expected ").next().unwrap_or_default();
    match expected {
        "a string" => own("str type expected", "type_error.str"),
        "a boolean" => own("value could not be parsed to a boolean", "type_error.bool"),
        "a sequence" => own("value is not a valid list", "type_error.list"),
        other if other.starts_with("a map") || other.starts_with("struct") => {
            own("value is not a valid dict", "type_error.dict")
        }
        other if other.starts_with('i') || other.starts_with('u') => {
            own("value is not a valid integer", "type_error.integer")
        }
        _ => own(text, "value_error"),
    }
}

/// Parameters of the query string.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Params<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = web::Query::<T>::from_query(request.query_string()).map(|query| Self(query.into_inner()));
        std::future::ready(read.map_err(|error| {
            let text = error.to_string();
            let mut path = Vec::new();
            let (msg, kind) = translate(text.trim_start_matches("Query deserialize error: "), &mut path);
            let loc = std::iter::once(Value::from("query")).chain(path).collect();
            Problem::fields(vec![FieldError { loc, msg, kind }])
        }))
    }
}

/// The variable part of a path. One that cannot be right names nothing.
pub struct PathPart<T>(pub T);

impl<T: FromStr + 'static> FromRequest for PathPart<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = request.match_info().iter().next().map(|(_, text)| text.to_owned()).unwrap_or_default();
        let part = percent_decoded(&part).replace('\0', "\u{fffd}");
        std::future::ready(part.parse().map(Self).map_err(|_| Problem::new(Code::NotFound, "Not Found")))
    }
}

/// The two variable parts of a path.
pub struct PathParts<A, B>(pub A, pub B);

impl<A: FromStr + 'static, B: FromStr + 'static> FromRequest for PathParts<A, B> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut parts = request.match_info().iter().map(|(_, text)| percent_decoded(text).replace('\0', "\u{fffd}"));
        let first = parts.next().and_then(|text| text.parse().ok());
        let second = parts.next().and_then(|text| text.parse().ok());
        let both = first.zip(second).map(|(first, second)| Self(first, second));
        std::future::ready(both.ok_or_else(|| Problem::new(Code::NotFound, "Not Found")))
    }
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(crate::domain::ids::array_from_hex::<1>) {
            Some([byte]) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Which records a list knows; each is a type, so that a handler's signature says it.
pub trait Listable: 'static {
    /// What may be filtered, sorted and searched.
    const FIELDS: &'static Fields;
}

/// Payments can be listed.
pub struct OfPayments;
impl Listable for OfPayments {
    const FIELDS: &'static Fields = &crate::domain::filter::PAYMENTS;
}

/// Wallets can be listed.
pub struct OfWallets;
impl Listable for OfWallets {
    const FIELDS: &'static Fields = &crate::domain::filter::WALLETS;
}

/// The list that the query string asks for.
pub struct List<L> {
    listing: Listing,
    of: std::marker::PhantomData<L>,
}

impl<L> List<L> {
    /// The listing itself.
    pub fn into_inner(self) -> Listing {
        self.listing
    }
}

impl<L> Deref for List<L> {
    type Target = Listing;
    fn deref(&self) -> &Listing {
        &self.listing
    }
}

impl<L: Listable> FromRequest for List<L> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map(web::Query::into_inner).unwrap_or_default();
        let listing = L::FIELDS.listing(&pairs).map_err(|BadParameter { parameter, message, kind }| {
            let loc = vec!["query".into(), parameter.into()];
            Problem::fields(vec![FieldError { loc, msg: message, kind: kind.to_owned() }])
        });
        std::future::ready(listing.map(|listing| Self { listing, of: std::marker::PhantomData }))
    }
}
