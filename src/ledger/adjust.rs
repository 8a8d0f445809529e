//! The super user adds money to a wallet or takes it.

use serde_json::Value;

use super::{Ledger, LedgerError, worth::noted_extra};
use crate::{
    domain::{
        Kind, Msat, Payment, PaymentHash, Status, WalletId,
        payment::{Annotations, NewPayment},
    },
    store::{Refusal, StoreError, types::Adjustment},
};

impl Ledger {
    /// Books a change of a wallet's balance: positive adds, negative takes.
    ///
    /// # Errors
    /// When the amount is zero or too large, there is no such wallet, or it does not hold so much.
    pub async fn adjust(&self, wallet: WalletId, amount: Msat) -> Result<Payment, LedgerError> {
        self.adjust_once(wallet, amount, None, None).await
    }

    /// The same for a reason, which is kept with the record, and under a key: the change of a key is booked once.
    ///
    /// # Errors
    /// As [`Self::adjust`].
    pub async fn adjust_once(
        &self,
        wallet: WalletId,
        amount: Msat,
        reason: Option<String>,
        once: Option<Vec<u8>>,
    ) -> Result<Payment, LedgerError> {
        if let Some(booked) = self.made_before(once.as_ref()).await? {
            return Ok(booked);
        }
        if amount.is_zero() {
            return Err(LedgerError::Invalid("Amount cannot be 0.".into()));
        }
        if self.store.wallet_balance(wallet.clone()).await?.is_none() {
            return Err(LedgerError::Missing("Wallet"));
        }
        let preimage: [u8; 32] = self.clock.bytes();
        let hash = PaymentHash::of(&preimage);
        let now = self.clock.now();
        let (kind, memo) =
            if amount > Msat::ZERO { (Kind::TopUp, "Admin credit") } else { (Kind::Debit, "Admin debit") };
        let quote = self.quote_of(&wallet).await;
        let extra = reason.map(|reason| ("reason".to_owned(), Value::from(reason))).into_iter().collect();
        let notes = Annotations { extra, ..Annotations::default() };
        let payment = NewPayment {
            wallet_id: wallet,
            kind,
            status: Status::Success,
            checking_id: format!("internal_{hash}"),
            amount_msat: amount,
            fee_msat: Msat::ZERO,
            hold_msat: Msat::ZERO,
            fee_limit_msat: Msat::ZERO,
            memo: memo.to_owned(),
            bolt11: String::new(),
            preimage_sealed: Some(self.seal_preimage(&hash, &preimage)),
            payment_hash: hash,
            expires_at: now,
            webhook: None,
            tag: None,
            extension: None,
            labels: "[]".to_owned(),
            extra: super::incoming::json(&noted_extra(&notes, amount, quote)),
            external_id: None,
            source: self.source_label(),
            source_ref: None,
            created_at: now,
            updated_at: now,
            next_check_at: None,
            idempotency: once.clone(),
        };
        let max_balance = self.limits().bounds.max_balance;
        let posted = match max_balance {
            Some(most) if amount > Msat::ZERO => self.store.adjust_within(Adjustment { payment }, most).await,
            _ => self.store.adjust(Adjustment { payment }).await,
        };
        match posted {
            Ok(posted) => {
                self.announce(&posted);
                Ok(posted.payment)
            }
            Err(StoreError::Refused(Refusal::InsufficientBalance { .. })) => {
                Err(LedgerError::Invalid("Balance change failed, can not go into negative balance.".into()))
            }
            Err(StoreError::Refused(Refusal::Missing(_) | Refusal::BalanceAbove { .. })) => {
                Err(LedgerError::Invalid("Balance change failed, amount exceeds maximum balance.".into()))
            }
            Err(error @ StoreError::Refused(Refusal::Taken(_))) => {
                self.made_before(once.as_ref()).await?.ok_or(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}
