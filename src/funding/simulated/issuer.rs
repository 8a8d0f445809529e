//! Signed BOLT 11 invoices whose preimages need not be remembered.
//!
//! The payment secret of an invoice is a random nonce, and the preimage is a keyed hash of it. Whoever
//! has the node's secret finds the preimage again in the invoice itself, also after a restart, so
//! that issuing an invoice writes nothing.

use std::time::Duration;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey, SignOnly},
};
use hmac::{Hmac, Mac, digest::Key};
use lightning_invoice::{Bolt11Invoice, Currency, InvoiceBuilder, PaymentSecret};
use sha2::Sha256;

use crate::{
    clock::Clock,
    domain::{Msat, PaymentHash, Time, ids::array_from_hex},
    funding::{Description, InvoiceOrder, IssuedInvoice, SourceDown},
};

/// Blocks that the last hop must leave; BOLT 11 says at least 18.
const MIN_FINAL_CLTV_DELTA: u64 = 24;
/// The same for a hold invoice: a day, in which its money can be held.
pub(super) const HOLD_CLTV_DELTA: u64 = 144;
/// The longest validity, in seconds: what fits in 32 bits.
const MAX_EXPIRY_SECONDS: u64 = 0xffff_ffff;

/// A node key and what it needs to issue invoices quickly.
pub(super) struct Issuer {
    key: SecretKey,
    payee: PublicKey,
    preimages: Hmac<Sha256>,
    secp: Secp256k1<SignOnly>,
    currency: Currency,
}

impl Issuer {
    /// The node called `name`; its key follows from the secret.
    pub(super) fn new(secret: &[u8; 32], name: &str, currency: Currency) -> Result<Self, SourceDown> {
        let secp = Secp256k1::signing_only();
        let key = SecretKey::from_slice(&keyed(&mac(secret), &[name.as_bytes(), b"/node key"]))
            .map_err(|_| SourceDown("the simulated node's secret gives no key; choose another".into()))?;
        let preimages = mac(&keyed(&mac(secret), &[name.as_bytes(), b"/preimages"]));
        Ok(Self { key, payee: key.public_key(&secp), preimages, secp, currency })
    }

    /// Issues an invoice.
    pub(super) fn issue(&self, clock: &Clock, order: InvoiceOrder) -> Result<IssuedInvoice, String> {
        let InvoiceOrder { amount, description, expiry_seconds, hold } = order;
        if !(1..=MAX_EXPIRY_SECONDS).contains(&expiry_seconds) {
            return Err(format!("an invoice is valid for 1 to {MAX_EXPIRY_SECONDS} seconds"));
        }
        let msat = match u64::try_from(amount.0) {
            Ok(msat) if amount <= Msat::MAX => msat,
            _ => return Err("an invoice cannot ask for this amount".into()),
        };
        let now = u64::try_from(clock.now().unix()).map_err(|_| "the clock is before 1970")?;
        let (nonce, preimage, hash) = match hold {
            None => {
                let nonce: [u8; 32] = clock.bytes();
                let preimage = keyed(&self.preimages, &[&nonce]);
                (nonce, Some(preimage), sha256::Hash::hash(&preimage))
            }
            Some(hash) => {
                let bytes = array_from_hex(hash.as_str()).ok_or("the payment hash is none")?;
                (self.hold_secret(&bytes), None, sha256::Hash::from_byte_array(bytes))
            }
        };

        let builder = InvoiceBuilder::new(self.currency.clone())
            .duration_since_epoch(Duration::from_secs(now))
            .payment_hash(hash)
            .expiry_time(Duration::from_secs(expiry_seconds))
            .min_final_cltv_expiry_delta(if preimage.is_some() { MIN_FINAL_CLTV_DELTA } else { HOLD_CLTV_DELTA })
            .payment_secret(PaymentSecret(nonce))
            .basic_mpp();
        let builder = if msat == 0 { builder } else { builder.amount_milli_satoshis(msat) };
        let builder = match description {
            Description::Text(text) => builder.description(text),
            Description::Hash(bytes) => builder.description_hash(sha256::Hash::from_byte_array(bytes)),
        };
        let raw = builder.build_raw().map_err(|error| error.to_string())?;
        let signed = raw
            .sign(|message| Ok::<_, String>(self.secp.sign_ecdsa_recoverable(message, &self.key)))
            .map_err(|error| format!("the invoice cannot be signed: {error}"))?;

        let ends = i64::try_from(now.saturating_add(expiry_seconds)).unwrap_or(i64::MAX);
        Ok(IssuedInvoice {
            bolt11: signed.to_string(),
            payment_hash: PaymentHash::from(hash.to_byte_array()),
            preimage,
            expires_at: Time::from_unix(ends),
            source_ref: None,
        })
    }

    /// The payment secret of a hold invoice: by it the node knows its own again.
    fn hold_secret(&self, hash: &[u8; 32]) -> [u8; 32] {
        keyed(&self.preimages, &[b"hold", hash])
    }

    /// Is it a hold invoice of this node?
    pub(super) fn holds(&self, invoice: &Bolt11Invoice) -> bool {
        let hash: &[u8; 32] = invoice.payment_hash().as_ref();
        invoice.payment_secret().0 == self.hold_secret(hash) && invoice.get_payee_pub_key() == self.payee
    }

    /// The node's public key, compressed.
    pub(super) fn node_id(&self) -> [u8; 33] {
        self.payee.serialize()
    }

    /// The preimage of an invoice of this node; `None` for anybody else's, also for one that merely
    /// copies our payment hash.
    pub(super) fn preimage(&self, invoice: &Bolt11Invoice) -> Option<[u8; 32]> {
        let preimage = keyed(&self.preimages, &[&invoice.payment_secret().0]);
        let ours =
            sha256::Hash::hash(&preimage) == *invoice.payment_hash() && invoice.get_payee_pub_key() == self.payee;
        ours.then_some(preimage)
    }
}

fn mac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the fallback is never reached
    <Hmac<Sha256> as Mac>::new_from_slice(key)
        .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Key::<Hmac<Sha256>>::default()))
}

fn keyed(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
