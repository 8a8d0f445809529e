//! Errors on the wire: one table from code to status, one shape of body.
//!
//! `{"detail": …, "code": "insufficient_balance", "request_id": "…"}`, and for payments also
//! `"status": "failed" | "pending" | "success"`. What went wrong inside goes to the log only.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde_json::{Map, Value, json};

use crate::{accounts::AccountError, ledger::LedgerError, rates::NoRate};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

codes! {
    /// A value is missing, malformed or not allowed; `detail` says which.
    InvalidRequest = "invalid_request", 400;
    /// The account has several wallets and none was named.
    WalletNotNamed = "wallet_not_named", 400;
    /// The invoice is for another network.
    WrongNetwork = "wrong_network", 400;
    /// The funding source cannot keep a fee limit.
    FeeLimitUnsupported = "fee_limit_unsupported", 400;
    /// More would leave the wallet today than the operator allows.
    DailyLimit = "daily_limit", 400;
    /// Nothing usable was presented.
    Unauthenticated = "unauthenticated", 401;
    /// The account asks for a one-time code besides; send it in the header X-OTP-Code.
    OtpRequired = "otp_required", 401;
    /// The credential does not carry the right.
    Forbidden = "forbidden", 403;
    /// The same of somebody who is logged in: this needs a fresh one-time code.
    OtpToGoOn = "otp_required", 403;
    /// More than the credential may pay at once.
    LimitExceeded = "limit_exceeded", 403;
    /// More than is left of a budget of the credential.
    BudgetExceeded = "budget_exceeded", 403;
    /// There is no such thing, or it is somebody else's.
    NotFound = "not_found", 404;
    /// The path knows other methods; see the header Allow.
    MethodNotAllowed = "method_not_allowed", 405;
    /// Too many failed logins; the header Retry-After says how many seconds to wait.
    TooManyAttempts = "too_many_attempts", 429;
    /// The request took too long to arrive.
    RequestTimeout = "request_timeout", 408;
    /// A request with the same Idempotency-Key is still under way.
    IdempotencyInProgress = "idempotency_in_progress", 409;
    /// A backup is being made already.
    BackupInProgress = "backup_in_progress", 409;
    /// Its wallets hold money; see `balance_msat`.
    HoldsMoney = "holds_money", 409;
    /// The Idempotency-Key was used for another request.
    IdempotencyMismatch = "idempotency_mismatch", 422;
    /// The body is larger than any request needs.
    BodyTooLarge = "body_too_large", 413;
    /// Too many requests: see `retry_after` and the header Retry-After.
    RateLimited = "rate_limited", 429;
    /// Too many wrong one-time codes; no code is looked at for a while.
    TooManyCodes = "too_many_codes", 429;
    /// Something unforeseen; the log has it under the request id.
    Internal = "internal_error", 500;
    /// No copy can be made from here; `detail` says what to run instead.
    BackupUnsupported = "backup_unsupported", 501;
    /// The copy could not be made.
    BackupFailed = "backup_failed", 503;
    /// The database cannot be written or read now.
    DatabaseUnavailable = "database_unavailable", 503;
    /// The login provider cannot be asked now.
    LoginProviderUnavailable = "login_provider_unavailable", 503;
    /// No source of exchange rates answers now. Requests in satoshi need none.
    RateUnavailable = "rate_unavailable", 503;
    /// The Lightning node cannot be reached now.
    FundingSourceUnavailable = "funding_source_unavailable", 503;
    /// The payment request cannot be read.
    InvalidInvoice = "invalid_invoice", 520;
    /// The payment request has no amount, or the amount is zero.
    AmountlessInvoice = "amountless_invoice", 520;
    /// More than the operator allows.
    AmountTooHigh = "amount_too_high", 520;
    /// Wallets are only paid on this server.
    IncomingOnly = "incoming_only", 520;
    /// The wallet would hold more than the operator allows.
    BalanceLimit = "balance_limit", 520;
    /// The wallet's last payment is not long enough ago.
    TooSoon = "too_soon", 520;
    /// The payment request has expired.
    InvoiceExpired = "invoice_expired", 520;
    /// The wallet does not hold the amount.
    InsufficientBalance = "insufficient_balance", 520;
    /// The wallet does not hold amount and routing fee.
    FeeReserveNeeded = "fee_reserve_needed", 520;
    /// The funding source cannot hold invoices.
    HoldUnsupported = "hold_unsupported", 520;
    /// The funding source cannot pay a node without an invoice.
    KeysendUnsupported = "keysend_unsupported", 520;
    /// The hold invoice is not paid yet, or is settled or cancelled already.
    HoldState = "hold_invoice_state", 520;
    /// It is being paid already.
    PaymentPending = "payment_pending", 520;
    /// It was paid before.
    AlreadyPaid = "already_paid", 520;
    /// The node says that it failed for good; the money is back in the wallet.
    PaymentFailed = "payment_failed", 520;
    /// The wallet's owner did not share this with the caller.
    NotShared = "not_shared", 520;
    /// The node would not issue the invoice.
    InvoiceRefused = "invoice_refused", 520;
}

/// One value that is wrong, in the shape that LNbits clients know.
#[derive(Debug, Clone)]
pub struct FieldError {
    /// Where: `["body", "amount"]`.
    pub loc: Vec<Value>,
    /// For people.
    pub msg: String,
    /// For programs.
    pub kind: String,
}

/// An error answer.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Value,
    /// Further members of the body.
    more: Map<String, Value>,
    /// For the log.
    cause: Option<String>,
}

impl Problem {
    /// A problem with a text for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Value::String(detail.into()), more: Map::new(), cause: None }
    }

    /// A 400 with a text.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// A 400 that lists the values that are wrong.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let list = errors.into_iter().map(|e| json!({ "loc": e.loc, "msg": e.msg, "type": e.kind })).collect();
        Self { detail: Value::Array(list), ..Self::new(Code::InvalidRequest, "") }
    }

    /// A 400 about one value of the body.
    pub fn field(name: &str, msg: &str, kind: &str) -> Self {
        Self::fields(vec![FieldError { loc: vec!["body".into(), name.into()], msg: msg.into(), kind: kind.into() }])
    }

    /// With another member in the body.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn because(mut self, cause: &str) -> Self {
        self.cause = Some(cause.to_owned());
        self
    }

    /// What the log should know, if anything.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The body, with the request's id.
    pub fn body(&self, request_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("detail".into(), self.detail.clone());
        body.extend(self.more.clone());
        body.insert("code".into(), self.code.as_str().into());
        body.insert("request_id".into(), request_id.into());
        Value::Object(body)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The shell writes the body, because only it knows the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some(seconds) = self.more.get("retry_after").and_then(Value::as_i64) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self.clone());
        response
    }
}

pub(super) fn store_problem(unavailable: bool, cause: &str) -> Problem {
    if unavailable {
        let text = "The database is not available now; nothing was changed. Try again later.";
        Problem::new(Code::DatabaseUnavailable, text).because(cause)
    } else {
        Problem::new(Code::Internal, "Unexpected error!").because(cause)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match &error {
            AccountError::Unauthenticated(_) => Self::new(Code::Unauthenticated, text),
            AccountError::Forbidden(_) => Self::new(Code::Forbidden, text),
            AccountError::Beyond(beyond) => {
                let problem = Self::new(Code::Forbidden, text);
                let problem = match &beyond.missing {
                    Some((right, endpoint)) => {
                        problem.with("missing_right", right.as_str()).with("missing_endpoint", endpoint.as_str())
                    }
                    None => problem,
                };
                match beyond.exceeded {
                    Some(limit) => problem.with("exceeded", limit),
                    None => problem,
                }
            }
            AccountError::OtpRequired => Self::new(Code::OtpRequired, text).with("header", "X-OTP-Code"),
            AccountError::OtpToGoOn => Self::new(Code::OtpToGoOn, text).with("header", "X-OTP-Code"),
            AccountError::TooManyCodes => Self::new(Code::TooManyCodes, text),
            AccountError::Missing(_) => Self::new(Code::NotFound, text),
            AccountError::WalletNotNamed => Self::new(Code::WalletNotNamed, text),
            AccountError::Invalid(_) => Self::new(Code::InvalidRequest, text),
            AccountError::HoldsMoney(amount) => Self::new(Code::HoldsMoney, text).with("balance_msat", amount.0),
            AccountError::TooManyAttempts { retry_after } => {
                Self::new(Code::TooManyAttempts, text).with("retry_after", *retry_after)
            }
            AccountError::ProviderDown(_) => Self::new(Code::LoginProviderUnavailable, text.clone()).because(&text),
            AccountError::Store(store) => store_problem(store.is_unavailable(), &text),
        }
    }
}

impl From<NoRate> for Problem {
    fn from(error: NoRate) -> Self {
        Self::new(Code::RateUnavailable, error.to_string()).with("currency", error.currency.code())
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let text = error.to_string();
        let payment = |code, status: &str| Self::new(code, text.clone()).with("status", status);
        match error {
            LedgerError::NotAnInvoice(reason) => payment(Code::InvalidInvoice, "failed").with("reason", reason.0),
            LedgerError::WrongNetwork { .. } => payment(Code::WrongNetwork, "failed"),
            LedgerError::Amountless => payment(Code::AmountlessInvoice, "failed"),
            LedgerError::TooHigh { .. } => payment(Code::AmountTooHigh, "failed"),
            LedgerError::OnlyIncoming => payment(Code::IncomingOnly, "failed"),
            LedgerError::BalanceAbove { .. } => payment(Code::BalanceLimit, "failed"),
            LedgerError::DayAbove { .. } => payment(Code::DailyLimit, "failed"),
            LedgerError::TooSoon { .. } => payment(Code::TooSoon, "failed"),
            LedgerError::LimitExceeded { limit } => {
                payment(Code::LimitExceeded, "failed").with("exceeded", "max_amount_msat").with("limit", limit.0)
            }
            LedgerError::BudgetExceeded { limit, left, resets_at } => payment(Code::BudgetExceeded, "failed")
                .with("exceeded", "budget_msat")
                .with("limit", limit.0)
                .with("left_msat", left.0)
                .with("resets_at", resets_at.to_string()),
            LedgerError::Expired => payment(Code::InvoiceExpired, "failed"),
            LedgerError::InsufficientBalance => payment(Code::InsufficientBalance, "failed"),
            LedgerError::ReserveNeeded { needed, .. } => {
                payment(Code::FeeReserveNeeded, "failed").with("needed_msat", needed.0)
            }
            LedgerError::NoFeeLimit => payment(Code::FeeLimitUnsupported, "failed"),
            LedgerError::HoldUnsupported => payment(Code::HoldUnsupported, "failed"),
            LedgerError::KeysendUnsupported => payment(Code::KeysendUnsupported, "failed"),
            LedgerError::HoldState(_) => Self::new(Code::HoldState, text),
            LedgerError::HoldLater(_) => Self::new(Code::FundingSourceUnavailable, text).with("status", "pending"),
            LedgerError::InternalAlreadyPaid(first) => {
                payment(Code::AlreadyPaid, "failed").with("checking_id", first.checking_id)
            }
            LedgerError::StillPending(first) => {
                payment(Code::PaymentPending, "pending").with("checking_id", first.checking_id)
            }
            LedgerError::AlreadyPaid(first) => {
                payment(Code::AlreadyPaid, "success").with("checking_id", first.checking_id)
            }
            LedgerError::PaymentFailed(_) => payment(Code::PaymentFailed, "failed"),
            LedgerError::SourceDown(_) => payment(Code::FundingSourceUnavailable, "failed"),
            LedgerError::SourceRefused(_) => payment(Code::InvoiceRefused, "failed"),
            LedgerError::Missing(_) => Self::new(Code::NotFound, text),
            LedgerError::Invalid(_) => Self::new(Code::InvalidRequest, text),
            LedgerError::Store(store) => store_problem(store.is_unavailable(), &text),
        }
    }
}
