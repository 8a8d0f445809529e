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
const ROUND: i64 = 200;
/// So long the task that was begun when the invoice came in has for itself, in seconds.
const OWN_SECONDS: i64 = 10;
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
        let claim = Claim {
            payment_hash: invoice.payment_hash,
            link_id: link.id.clone(),
            wallet_id: link.wallet_id.clone(),
            bolt11: invoice.text,
            memo: link.title.clone(),
            open: true,
            created_at: self.clock.now(),
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
        let before = self.clock.now().plus_seconds(-OWN_SECONDS);
        for claim in self.store.link_claims_open(ROUND).await? {
            if claim.created_at <= before {
                self.pay(claim).await?;
            }
        }
        Ok(())
    }

    /// Pays, or finds what became of the payment that was made before under the same key.
    async fn pay(&self, claim: Claim) -> Result<(), StoreError> {
        let _turn = self.turns.acquire().await;
        let mut extra = serde_json::Map::new();
        extra.insert("tag".into(), TAG.into());
        extra.insert("link".into(), claim.link_id.clone().into());
        let key = self.vault.fingerprint(&format!("link claim/{}", claim.payment_hash));
        let request = PayRequest {
            wallet: claim.wallet_id,
            bolt11: claim.bolt11,
            amount: None,
            fee_limit: None,
            memo: Some(claim.memo),
            annotations: Annotations { extra, ..Annotations::default() },
            spender: Spender::default(),
            once: Some(key.to_vec()),
        };
        let paid = match self.ledger.pay(request).await {
            Ok(payment) if payment.status == Status::Pending => return Ok(()),
            Ok(_) => true,
            // nobody knows whether anything was done: it is tried again, under the same key
            Err(LedgerError::Store(error)) if !matches!(error, StoreError::Refused(_)) => return Err(error),
            Err(error) => {
                tracing::info!(hash = %claim.payment_hash, %error, "a withdrawal is not paid; the link has its use back");
                false
            }
        };
        self.store.link_claim_end(claim.payment_hash, paid).await
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
