//! What bounds a payment beside the wallet's balance: the limits and budgets of the credential that asks for it;
//! and payments that are asked for under a key, which are made once.

use std::future::Future;

use super::{Ledger, LedgerError, PayRequest};
pub use crate::store::types::Spent;
use crate::{
    domain::{
        Msat, Payment, Status, bolt11,
        credential::{Budget, Spender},
        limits::Terms,
        payment::NewPayment,
    },
    store::{
        Refusal, StoreError,
        types::{Posted, Transfer, Transferred},
    },
};

impl Ledger {
    /// Pays a payment request.
    ///
    /// A request that this server issued moves money between two wallets in one transaction. Any
    /// other goes over Lightning, and the answer may be a payment that is still pending: then the
    /// node has not said yet, and the money stays held until it does.
    ///
    /// # Errors
    /// When the request cannot be paid, or the credential may not pay it; nothing was moved then, or everything was
    /// moved back.
    pub async fn pay(&self, request: PayRequest) -> Result<Payment, LedgerError> {
        let once = request.once.clone();
        self.once(once, async {
            let asked =
                if request.spender.max_amount.is_some() { bolt11::parse(&request.bolt11)?.amount } else { None };
            let request = limited(request, asked)?;
            Box::pin(self.pay_now(request)).await
        })
        .await
    }

    /// Makes a payment that was not made under this key before, or answers the one that was.
    pub(super) async fn once(
        &self,
        once: Option<Vec<u8>>,
        pay: impl Future<Output = Result<Payment, LedgerError>>,
    ) -> Result<Payment, LedgerError> {
        if let Some(made) = self.made_before(once.as_ref()).await? {
            return ended(made);
        }
        let outcome = pay.await;
        if once.is_none() || !outcome.as_ref().is_err_and(is_in_the_way) {
            return outcome;
        }
        // what is in the way may be this very payment, made by a server that was only believed to be gone
        self.made_before(once.as_ref()).await?.map_or(outcome, ended)
    }

    /// The payment that was asked for under this key before.
    pub(super) async fn made_before(&self, once: Option<&Vec<u8>>) -> Result<Option<Payment>, LedgerError> {
        match once {
            Some(key) => Ok(self.store.idempotency_payment(key.clone()).await?),
            None => Ok(None),
        }
    }

    /// Holds the money for an attempt, on the operator's terms and within the spender's budgets.
    pub(super) async fn hold(
        &self,
        payment: NewPayment,
        terms: Terms,
        spender: &Spender,
    ) -> Result<Posted, StoreError> {
        if !terms.is_plain() {
            return self.store.hold_on(payment, terms, spender.budgets.clone()).await;
        }
        match spender.budgets.as_slice() {
            [] => self.store.hold(payment).await,
            budgets => self.store.hold_within(payment, budgets.to_vec()).await,
        }
    }

    /// Moves money to another wallet here, on the operator's terms and within the spender's budgets.
    pub(super) async fn transfer(
        &self,
        transfer: Transfer,
        terms: Terms,
        spender: &Spender,
    ) -> Result<Transferred, StoreError> {
        if !terms.is_plain() {
            return self.store.transfer_on(transfer, terms, spender.budgets.clone()).await;
        }
        match spender.budgets.as_slice() {
            [] => self.store.transfer(transfer).await,
            budgets => self.store.transfer_within(transfer, budgets.to_vec()).await,
        }
    }

    /// What was spent of a budget in its present period, and when the next one begins. What is held for payments
    /// whose outcome is open counts as spent.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn budget_spent(&self, budget: &Budget) -> Result<Spent, LedgerError> {
        Ok(self.store.budget_spent(budget.clone(), self.now()).await?)
    }
}

/// The request within what its credential may pay at once. `asked` is what the payee asks for, if he does.
pub(super) fn limited(mut request: PayRequest, asked: Option<Msat>) -> Result<PayRequest, LedgerError> {
    if let Some(limit) = request.spender.max_amount
        && asked.or(request.amount).unwrap_or_default() > limit
    {
        return Err(LedgerError::LimitExceeded { limit });
    }
    if let Some(most) = request.spender.max_fee {
        request.fee_limit = Some(request.fee_limit.map_or(most, |asked| asked.min(most)));
    }
    Ok(request)
}

/// Is something else there already, where this payment was to be written?
pub(super) fn is_in_the_way(error: &LedgerError) -> bool {
    matches!(
        error,
        LedgerError::StillPending(_)
            | LedgerError::AlreadyPaid(_)
            | LedgerError::InternalAlreadyPaid { .. }
            | LedgerError::Store(StoreError::Refused(Refusal::Taken(_)))
    )
}

/// How a payment that was asked for before is answered now.
fn ended(payment: Payment) -> Result<Payment, LedgerError> {
    match payment.status {
        Status::Failed => {
            Err(LedgerError::PaymentFailed(payment.failure.unwrap_or_else(|| "without an error message.".to_owned())))
        }
        _ => Ok(payment),
    }
}

impl From<Spent> for LedgerError {
    fn from(spent: Spent) -> Self {
        let Spent { limit, spent: _, resets_at } = spent;
        Self::BudgetExceeded { limit, left: spent.left(), resets_at }
    }
}
