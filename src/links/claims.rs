//! Paying what was handed in at withdraw links.

use super::{LinkError, Links};
use crate::{
    domain::{
        Status, Time, bolt11,
        credential::Spender,
        ids::to_hex,
        link::{Claim, Link, LinkKind},
        payment::Annotations,
    },
    ledger::{LedgerError, PayRequest},
    store::{Refusal, StoreError},
};

/// Payments that one round of the job looks after.
const ROUND: i64 = 64;
/// So long whoever pays has a claim for himself, in seconds: long enough to write the payment down.
const LEASE_SECONDS: i64 = 60;
/// What marks the payments.
const TAG: &str = "withdraw_link";

impl Links {
    /// What somebody with a withdraw link may hand in, and the word that he has to give with it (`k1`).
    ///
    /// # Errors
    /// When there is no such link, or it does not pay now.
    pub async fn withdrawable(&self, id: &str) -> Result<(Link, String), LinkError> {
        let found = self.store.link_find(id.to_owned()).await?;
        let link = found.filter(|link| link.kind == LinkKind::Withdraw).ok_or(LinkError::Missing)?;
        usable(&link, self.clock.now())?;
        self.has_owner(&link).await?;
        let word = self.word(&link);
        Ok((link, word))
    }

    /// Takes an invoice that is going to be paid.
    ///
    /// # Errors
    /// When the link does not pay it, and why.
    pub async fn withdraw(&self, id: &str, word: &str, request: &str) -> Result<(), LinkError> {
        let (link, expected) = self.withdrawable(id).await?;
        let stale = || LinkError::Invalid("This link was used meanwhile. Scan it again.".to_owned());
        if !word.eq_ignore_ascii_case(&expected) {
            return Err(stale());
        }
        let invoice = bolt11::parse(request).map_err(LedgerError::from)?;
        let amount = invoice.amount.ok_or(LedgerError::Amountless)?;
        if amount < link.min_msat || amount > link.max_msat {
            let text = format!("Between {} and {} can be withdrawn.", link.min_msat, link.max_msat);
            return Err(LinkError::Invalid(text));
        }
        let now = self.clock.now();
        let claim = Claim {
            payment_hash: invoice.payment_hash,
            link_id: link.id.clone(),
            wallet_id: link.wallet_id.clone(),
            bolt11: invoice.text,
            memo: link.title.clone(),
            open: true,
            check_at: now.plus_seconds(LEASE_SECONDS),
            checks: 0,
            created_at: now,
        };
        match self.store.link_claim(claim.clone(), link).await {
            Ok(true) => {}
            Ok(false) => return Err(stale()),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                return Err(LinkError::Invalid("This invoice was handed in before.".to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        let links = self.clone();
        self.runtime.spawn(async move {
            // where there are too many, the job takes it up when its turn comes
            let Ok(_turn) = links.turns.try_acquire() else { return };
            let hash = claim.payment_hash.clone();
            if let Err(error) = links.pay(claim).await {
                tracing::warn!(%hash, %error, "what came of a withdrawal is not noted yet; looking again");
            }
        });
        Ok(())
    }

    /// Looks after payments that have not ended, those of servers that stopped among them.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn go_on(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let due = self.store.link_claim_take_due(now, now.plus_seconds(LEASE_SECONDS), ROUND).await?;
        // each on its own: one that takes long, or cannot be noted, keeps no other one waiting
        let all = due.into_iter().map(|claim| async move {
            let hash = claim.payment_hash.clone();
            if let Err(error) = self.pay(claim).await {
                tracing::warn!(%hash, %error, "what came of a withdrawal is not noted yet; looking again");
            }
        });
        futures_util::future::join_all(all).await;
        Ok(())
    }

    /// Pays, or finds what became of the payment that was made before under the same key. Whoever calls this has the
    /// claim for himself, so that of what is found missing nobody else is about to make it.
    async fn pay(&self, claim: Claim) -> Result<(), StoreError> {
        let mut extra = serde_json::Map::new();
        extra.insert("tag".into(), TAG.into());
        extra.insert("link".into(), claim.link_id.clone().into());
        let key = self.vault.fingerprint(&format!("link claim/{}", claim.payment_hash)).to_vec();
        let request = PayRequest {
            wallet: claim.wallet_id,
            bolt11: claim.bolt11,
            amount: None,
            fee_limit: None,
            memo: Some(claim.memo),
            annotations: Annotations { extra, ..Annotations::default() },
            spender: Spender::default(),
            once: Some(key.clone()),
        };
        let status = match Box::pin(self.ledger.pay(request)).await {
            Ok(payment) => payment.status,
            // nobody knows whether anything was done: it is tried again, under the same key
            Err(LedgerError::Store(error)) if !matches!(error, StoreError::Refused(_)) => return Err(error),
            Err(error) => match self.store.idempotency_payment(key).await? {
                Some(payment) => payment.status,
                None => {
                    tracing::info!(hash = %claim.payment_hash, %error, "a withdrawal cannot be paid; its link has the use back");
                    Status::Failed
                }
            },
        };
        if status == Status::Pending {
            let pause = 2_i64.saturating_pow(u32::try_from(claim.checks.clamp(1, 9)).unwrap_or(9));
            return self.store.link_claim_check_again(claim.payment_hash, self.clock.now().plus_seconds(pause)).await;
        }
        self.store.link_claim_end(claim.payment_hash, status == Status::Success).await
    }

    /// The word of a link: another one after each use, so that nobody uses it up for what he did not see.
    fn word(&self, link: &Link) -> String {
        to_hex(&self.vault.fingerprint(&format!("link/{}/{}", link.id, link.used)))
    }
}

fn usable(link: &Link, now: Time) -> Result<(), LinkError> {
    let no = |text: &str| Err(LinkError::Invalid(text.to_owned()));
    if !link.enabled {
        return no("This link is switched off.");
    }
    if link.used >= link.uses {
        return no("This link is used up.");
    }
    if link.open_until.is_some_and(|until| until <= now) {
        return no("This link has ended.");
    }
    if let Some(next) = link.last_used_at.map(|at| at.plus_seconds(link.pause_seconds)).filter(|next| *next > now) {
        let seconds = next.unix().saturating_sub(now.unix()).max(1);
        return no(&format!("This link rests. Try again in {seconds} seconds."));
    }
    Ok(())
}
