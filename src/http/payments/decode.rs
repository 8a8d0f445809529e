//! Looking at a payment request without paying it.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use lightning_invoice::{Bolt11InvoiceDescriptionRef, Bolt11InvoiceSignature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    House,
    body::{Body, Params},
    lenient,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
};
use crate::domain::{
    bolt11::{self, Invoice, NotAnInvoice},
    ids::to_hex,
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/payments/decode", Public, decode).doc("Reads a payment request (BOLT 11)."),
        route(Method::GET, "/api/v1/payments/fee-reserve", Public, fee_reserve)
            .doc("What is set aside for routing when this invoice is paid over Lightning, in millisatoshi."),
    ]
}

#[derive(Deserialize, ToSchema)]
struct Decode {
    /// The payment request.
    #[serde(deserialize_with = "lenient::text")]
    data: String,
    /// Only these keys are answered.
    #[serde(default)]
    filter_fields: Option<Vec<String>>,
}

#[derive(Deserialize, IntoParams)]
struct ForInvoice {
    /// The payment request.
    invoice: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Reserve {
    fee_reserve: i64,
}

async fn decode(_: Caller<Public>, Body(asked): Body<Decode>) -> Result<Json<Value>, Problem> {
    let invoice = bolt11::parse(&asked.data).map_err(|error| not_decoded(&error))?;
    let mut fields = describe(&invoice);
    if let Some(wanted) = asked.filter_fields.filter(|wanted| !wanted.is_empty()) {
        fields.retain(|key, _| wanted.contains(key));
    }
    Ok(Json(Value::Object(fields)))
}

async fn fee_reserve(
    _: Caller<Public>,
    house: Data<House>,
    Params(asked): Params<ForInvoice>,
) -> Result<Json<Reserve>, Problem> {
    let text = asked.invoice.unwrap_or_default();
    let invoice = bolt11::parse(&text).map_err(|error| not_decoded(&error))?;
    let amount = invoice.amount.ok_or_else(|| Problem::invalid("Invoice has no amount."))?;
    Ok(Json(Reserve { fee_reserve: house.ledger.limits().whole_reserve(amount).0 }))
}

fn not_decoded(error: &NotAnInvoice) -> Problem {
    let text = format!("Failed to decode: {error}");
    Problem::invalid(text.clone()).with("message", text)
}

/// All that the request says, under the names that LNbits clients know.
fn describe(invoice: &Invoice) -> Map<String, Value> {
    let parsed = &invoice.parsed;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("currency", parsed.currency().to_string().into());
    put("amount_msat", invoice.amount.unwrap_or_default().0.into());
    put("date", parsed.duration_since_epoch().as_secs().into());
    put("signature", signature(parsed.clone().into_signed_raw().signature()).into());
    put("expiry", parsed.expiry_time().as_secs().into());
    put("payment_hash", invoice.payment_hash.as_str().into());
    let secret = to_hex(&parsed.payment_secret().0);
    put("payment_secret", secret.clone().into());
    put("secret", secret.into());
    match parsed.description() {
        Bolt11InvoiceDescriptionRef::Direct(text) => put("description", text.to_string().into()),
        Bolt11InvoiceDescriptionRef::Hash(hash) => put("description_hash", hash.0.to_string().into()),
    };
    if let Some(metadata) = parsed.payment_metadata() {
        put("metadata", to_hex(metadata).into());
    }
    if let Some(features) = parsed.features() {
        put("features", Value::Object(feature_names(features.le_flags())));
    }
    if let Some(fallback) = parsed.fallback_addresses().first() {
        put("fallback", fallback.to_string().into());
    }
    let hints: Vec<Value> = parsed.route_hints().iter().map(|hint| hint.0.iter().map(hop).collect()).collect();
    put("route_hints", hints.into());
    put("min_final_cltv_expiry", parsed.min_final_cltv_expiry_delta().into());
    put("payee", parsed.get_payee_pub_key().to_string().into());
    fields
}

fn signature(signature: &Bolt11InvoiceSignature) -> String {
    to_hex(&signature.0.serialize_compact().1)
}

fn hop(hop: &lightning_invoice::RouteHintHop) -> Value {
    let id = hop.short_channel_id;
    json!({
        "public_key": hop.src_node_id.to_string(),
        "short_channel_id": format!("{}x{}x{}", id >> 40, (id >> 16) & 0x00ff_ffff, id & 0xffff),
        "base_fee": hop.fees.base_msat,
        "ppm_fee": hop.fees.proportional_millionths,
        "cltv_expiry_delta": hop.cltv_expiry_delta,
    })
}

/// Names of the feature bits (BOLT 9) that invoices carry, by half their number.
const FEATURES: &[(usize, &str)] = &[
    (4, "var_onion_optin"),
    (7, "payment_secret"),
    (8, "basic_mpp"),
    (12, "option_route_blinding"),
    (24, "payment_metadata"),
];

/// Each feature and whether it is needed (even bit) or just known (odd bit).
fn feature_names(flags: &[u8]) -> Map<String, Value> {
    let bits = flags.iter().enumerate().flat_map(|(byte, flags)| {
        (0..8_usize).filter(move |bit| flags & (1 << bit) != 0).map(move |bit| byte * 8 + bit)
    });
    bits.map(|bit| {
        let known = FEATURES.iter().find(|(half, _)| *half == bit / 2).map(|(_, name)| (*name).to_owned());
        let name = known.unwrap_or_else(|| format!("extra_{}", bit / 2));
        (name, if bit % 2 == 0 { "required" } else { "supported" }.into())
    })
    .collect()
}
