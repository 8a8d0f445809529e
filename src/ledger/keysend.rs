//! Paying a node that issued no invoice (keysend).

use super::{Ledger, LedgerError, PayRequest, outgoing::Sending, spending::limited};
use crate::{
    domain::{Msat, Payment, PaymentHash, WalletId, bolt11::Peek, credential::Spender, payment::Annotations},
    funding::{Payee, Spontaneous},
};

/// A payment to a node that a wallet wants to make.
#[derive(Debug, Clone)]
pub struct KeysendRequest {
    /// Whose money.
    pub wallet: WalletId,
    /// The node's public key, compressed.
    pub node: [u8; 33],
    /// How much arrives.
    pub amount: Msat,
    /// The most that routing may cost; the operator's cap holds besides.
    pub fee_limit: Option<Msat>,
    /// What it is for. It stays here: the payee gets the money alone.
    pub memo: String,
    /// What the caller attaches.
    pub annotations: Annotations,
    /// What bounds the payment beside the wallet's balance.
    pub spender: Spender,
    /// Keyed hash of the key under which it is asked for: the payment of a key is made once.
    pub once: Option<Vec<u8>>,
}

impl Ledger {
    /// Pays a node that issued no invoice. The preimage is made here and sent along; until the node says what became of
    /// it, it is a payment like any other.
    ///
    /// # Errors
    /// When the source cannot, or the credential may not; nothing was moved then, or everything was moved back.
    pub async fn keysend(&self, request: KeysendRequest) -> Result<Payment, LedgerError> {
        self.once(request.once.clone(), async {
            if self.limits().only_incoming {
                return Err(LedgerError::OnlyIncoming);
            }
            let source = self.sources.current()?;
            if !source.capabilities().keysend {
                return Err(LedgerError::KeysendUnsupported);
            }
            let KeysendRequest { wallet, node, amount, fee_limit, memo, annotations, spender, once } = request;
            if amount <= Msat::ZERO {
                return Err(LedgerError::Amountless);
            }
            self.not_too_high(amount)?;
            let spontaneous = Spontaneous { node, preimage: self.clock.bytes() };
            let payment_hash = PaymentHash::of(&spontaneous.preimage);
            let (bolt11, given) = (String::new(), Some(amount));
            let request =
                PayRequest { wallet, bolt11, amount: given, fee_limit, memo: None, annotations, spender, once };
            let request = limited(request, None)?;
            let quote = self.quote_of(&request.wallet).await;
            let sending = Sending {
                peek: Peek { text: String::new(), payment_hash, amount: given },
                amount,
                memo,
                expires_at: self.now(),
                payee: Payee::Node(spontaneous),
            };
            Box::pin(self.send(source, request, sending, quote)).await
        })
        .await
    }
}
