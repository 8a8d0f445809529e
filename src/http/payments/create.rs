//! `POST /api/v1/payments`: make an invoice, or pay one.

use actix_web::{HttpRequest, http::Method, web::Data};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::{
    House, admission,
    answer::Created,
    body::Body,
    idempotency::Once,
    lenient,
    permission::{Caller, WalletReceiveOrSend},
    problem::Problem,
    rates,
    route::{Route, route},
    shapes::PaymentShape,
    totp,
};
use crate::{
    domain::{
        Msat, PaymentHash, bolt11,
        fiat::Asked,
        ids::{array_from_hex, from_hex},
        names::is_external_id,
        payment::Annotations,
        tier::Capability,
    },
    ledger::{InvoiceRequest, PayRequest},
    outbound::check_callback,
};

pub fn routes() -> Vec<Route> {
    vec![route(Method::POST, "/api/v1/payments", WalletReceiveOrSend, create).doc(
        "Makes an invoice (`out: false`) or pays one (`out: true`).\n\
        With `payment_hash` it is a hold invoice: what arrives is held until `/api/v1/payments/settle` or `/cancel`. \
        Paying asks for the admin key. A payment whose outcome is not known yet is answered as `pending`; its money stays held until the node says.",
    ).idempotent()]
}

/// The longest a memo can be: what fits into field `d` of BOLT 11, in bytes.
const MEMO_MAX: usize = 639;
/// The longest an invoice can be valid, in seconds: a year.
const EXPIRY_MAX: i64 = 365 * 24 * 3600;

#[derive(Deserialize, ToSchema)]
struct NewPayment {
    /// True pays, false makes an invoice.
    #[serde(default = "yes", deserialize_with = "lenient::flag")]
    out: bool,
    /// The invoice to pay.
    #[serde(default, alias = "payment_request", deserialize_with = "lenient::opt_text")]
    bolt11: Option<String>,
    /// What to receive: a whole number of satoshi; or of the currency that `unit` names. 0 leaves it to the payer.
    /// What to pay, where the invoice leaves it to the payer.
    #[serde(default, deserialize_with = "lenient::opt_amount")]
    #[schema(value_type = f64)]
    amount: Option<Value>,
    /// `sat`, or one of `GET /api/v1/currencies`; whole satoshi are asked for then, rounded down.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    unit: Option<String>,
    /// What the invoice is for: at most 639 bytes. The server's name when absent.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 640>")]
    memo: Option<String>,
    /// SHA-256 (hex) of a description that is given elsewhere; the invoice then has no memo.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    description_hash: Option<String>,
    /// That description itself as hex of its bytes; the server hashes it.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    unhashed_description: Option<String>,
    /// SHA-256 (hex) of a preimage that the caller knows: makes it a hold invoice.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    payment_hash: Option<String>,
    /// Seconds until the invoice expires; the server's default when absent.
    #[serde(default, deserialize_with = "lenient::opt_natural")]
    expiry: Option<i64>,
    /// The most that routing may cost, in millisatoshi. The operator's cap holds besides.
    #[serde(default, alias = "max_fee_msat", alias = "max_fee", deserialize_with = "lenient::opt_natural")]
    fee_limit_msat: Option<i64>,
    /// Free-form; `extra.tag` also becomes the tag.
    #[serde(default, deserialize_with = "lenient::object")]
    #[schema(value_type = Object)]
    extra: Map<String, Value>,
    /// The extension in whose name this is done.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    extension: Option<String>,
    /// Where the receipt is to be reported.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    webhook: Option<String>,
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
    /// The caller's own name for it: at most 256 characters without spaces.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    external_id: Option<String>,
}

fn yes() -> bool {
    true
}

async fn create(
    Caller(caller): Caller<WalletReceiveOrSend>,
    request: HttpRequest,
    house: Data<House>,
    Once(once): Once,
    Body(new): Body<NewPayment>,
) -> Result<Created<PaymentShape>, Problem> {
    let payment = if new.out {
        let caller = caller.send()?;
        let (bolt11, fee_limit) = (wanted(new.bolt11.as_deref())?.to_owned(), new.fee_limit_msat.map(Msat));
        // clients that know no invoices without an amount may send a zero or nothing along
        let (amount, asked) = if new.amount.as_ref().is_none_or(is_nothing) {
            (None, None)
        } else {
            let (amount, asked) = amount(&house, &new).await?;
            (Some(amount), asked)
        };
        let code = totp::code(&request, None);
        let asks = || bolt11::parse(&bolt11).ok().and_then(|invoice| invoice.amount).or(amount);
        house.accounts.confirm_payment(&caller.principal, asks, code.as_deref()).await?;
        let annotations = Annotations { by: caller.author(), asked, ..annotations(new)? };
        let (wallet, spender) = (caller.wallet.id.clone(), caller.principal.policy.spender());
        let asked = PayRequest { wallet, bolt11, amount, fee_limit, annotations, spender, memo: None, once };
        house.ledger.pay(asked).await?
    } else {
        let caller = caller.receive()?;
        if let Some(url) = new.webhook.as_deref().filter(|url| !url.is_empty()) {
            admission::takes(&house, &caller.principal, Capability::Webhooks)?;
            check_callback(url, &house.ledger.limits().callbacks).map_err(|not| Problem::invalid(not.to_string()))?;
        }
        let (amount, in_fiat) = amount(&house, &new).await?;
        let mut asked = InvoiceRequest { once, ..invoice(caller.wallet.id.clone(), new, amount)? };
        asked.annotations.asked = in_fiat;
        asked.annotations.by = caller.author();
        house.ledger.create_invoice(asked).await?
    };
    Ok(Created(PaymentShape::of(payment, &house.ledger)))
}

fn wanted(bolt11: Option<&str>) -> Result<&str, Problem> {
    bolt11.filter(|text| !text.is_empty()).ok_or_else(|| Problem::invalid("Missing BOLT11 invoice"))
}

fn is_nothing(amount: &Value) -> bool {
    amount.is_null() || amount.as_f64() == Some(0.0)
}

/// How much is asked for, and in which currency where that is not satoshi. Only then may this wait for a rate.
async fn amount(house: &House, new: &NewPayment) -> Result<(Msat, Option<Asked>), Problem> {
    let given = || new.amount.as_ref().ok_or_else(|| Problem::field("amount", "field required", "value_error.missing"));
    let unit = new.unit.as_deref().map(str::trim).filter(|unit| !unit.eq_ignore_ascii_case("sat"));
    let Some(unit) = unit else {
        let sat = lenient::satoshi(given()?).map_err(|(text, kind)| Problem::field("amount", text, kind))?;
        return Ok((Msat::from_sat(sat).unwrap_or(Msat::MAX), None));
    };
    let (amount, asked) = rates::in_satoshi(house, unit, given()?).await?;
    Ok((amount, Some(asked)))
}

fn invoice(wallet: crate::domain::WalletId, new: NewPayment, amount: Msat) -> Result<InvoiceRequest, Problem> {
    if new.memo.as_ref().is_some_and(|memo| memo.len() > MEMO_MAX) {
        let text = format!("ensure this value has at most {MEMO_MAX} bytes");
        return Err(Problem::field("memo", &text, "value_error.any_str.max_length"));
    }
    let expiry_seconds = match new.expiry {
        None | Some(0) => None,
        Some(seconds) if seconds > EXPIRY_MAX => {
            let text = format!("ensure this value is less than or equal to {EXPIRY_MAX}");
            return Err(Problem::field("expiry", &text, "value_error.number.not_le"));
        }
        Some(seconds) => u64::try_from(seconds).ok(),
    };
    let hash = description_hash(&new)?;
    Ok(InvoiceRequest {
        wallet,
        amount,
        hold: hold(new.payment_hash.as_deref())?,
        // the invoice of a hash has no memo
        memo: new.memo.clone().filter(|memo| !memo.is_empty() && hash.is_none()),
        description_hash: hash,
        expiry_seconds,
        annotations: annotations(new)?,
        once: None,
    })
}

fn hold(hash: Option<&str>) -> Result<Option<PaymentHash>, Problem> {
    let Some(hash) = hash.filter(|hash| !hash.is_empty()) else { return Ok(None) };
    let bytes = array_from_hex::<32>(hash);
    let bytes = bytes.ok_or_else(|| Problem::field("payment_hash", "64 hex characters are wanted", "value_error"))?;
    Ok(Some(PaymentHash::from(bytes)))
}

fn description_hash(new: &NewPayment) -> Result<Option<[u8; 32]>, Problem> {
    use sha2::{Digest, Sha256};
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(hash) = given(&new.description_hash) {
        let hash = array_from_hex::<32>(&hash);
        return hash
            .map(Some)
            .ok_or_else(|| Problem::invalid("'description_hash' must be a valid hex string of 32 bytes"));
    }
    match given(&new.unhashed_description) {
        None => Ok(None),
        Some(text) => match from_hex(&text) {
            Some(bytes) => Ok(Some(Sha256::digest(bytes).into())),
            None => Err(Problem::invalid("'unhashed_description' must be a valid hex string")),
        },
    }
}

fn annotations(new: NewPayment) -> Result<Annotations, Problem> {
    if new.external_id.as_ref().is_some_and(|id| !is_external_id(id)) {
        let text = "Invalid external id. Max length is 256 characters. Space and newlines are not allowed.";
        return Err(Problem::field("external_id", text, "value_error"));
    }
    let webhook = new.webhook.filter(|url| !url.is_empty());
    Ok(Annotations {
        extra: new.extra,
        labels: new.labels,
        external_id: new.external_id,
        extension: new.extension,
        webhook,
        by: None,
        asked: None,
    })
}
