//! An account's wallets: making them, changing them, and the keys that come with them.

use super::{AccountError, Accounts, Through, policy::Principal};
use crate::domain::{
    AccountId, Msat, Wallet, WalletId,
    filter::{Condition, Listing, Operand, Operator},
    ids::to_hex,
    wallet::{Appearance, WalletPatch},
};

/// What a wallet's credential needs to know of its wallet.
#[derive(Clone)]
pub struct WalletCard {
    /// Which.
    pub id: WalletId,
    /// Whose.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Its admin key.
    pub admin_key: String,
    /// Its invoice key.
    pub invoice_key: String,
    /// The wallet that it stands for, where it is a mirror.
    pub source: Option<WalletId>,
    /// How somebody who is not its owner came to it; its keys are not there then.
    pub through: Option<Through>,
}

impl std::fmt::Debug for WalletCard {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalletCard").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A wallet with its keys opened, for its owner.
pub struct WalletWithKeys {
    /// The wallet.
    pub wallet: Wallet,
    /// Its admin key.
    pub admin_key: String,
    /// Its invoice key.
    pub invoice_key: String,
}

/// Names are for people: anything printable, up to this many characters.
const NAME_MAX: usize = 100;

impl Accounts {
    /// Makes a wallet for an account.
    ///
    /// # Errors
    /// When the name is too long or the database is not available.
    pub async fn create_wallet(
        &self,
        principal: &Principal,
        name: Option<&str>,
    ) -> Result<WalletWithKeys, AccountError> {
        check_makes_wallets(principal)?;
        self.make_wallet(&principal.account, name).await
    }

    async fn make_wallet(&self, account: &AccountId, name: Option<&str>) -> Result<WalletWithKeys, AccountError> {
        let made = self.new_wallet(account, name)?;
        self.store.wallet_create(made.wallet.clone()).await?;
        Ok(made)
    }

    /// All living wallets that a principal reaches; an account without any gets one.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallets(&self, principal: &Principal) -> Result<Vec<WalletWithKeys>, AccountError> {
        let account = &principal.account;
        let wallets = self.store.wallet_list(account.clone(), false).await?;
        if wallets.is_empty() && principal.policy.wallets.is_none() {
            return Ok(vec![self.make_wallet(account, None).await?]);
        }
        let reached = wallets.into_iter().filter(|wallet| principal.policy.reaches(&wallet.id));
        reached.map(|wallet| self.with_keys(wallet)).collect()
    }

    /// A page of the living wallets that a principal reaches, and how many there are.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallet_page(
        &self,
        principal: &Principal,
        mut listing: Listing,
    ) -> Result<(Vec<WalletWithKeys>, i64), AccountError> {
        if let Some(wallets) = &principal.policy.wallets {
            // no wallet has an empty id, so that an empty list finds none
            let names = wallets.iter().map(WalletId::to_string).chain([String::new()]);
            let operands = names.map(Operand::Text).collect();
            listing.conditions.push(Condition { sql: "wallets.id", operator: Operator::In, operands });
        }
        let (wallets, total) = self.store.wallet_page(principal.account.clone(), listing).await?;
        Ok((wallets.into_iter().map(|wallet| self.with_keys(wallet)).collect::<Result<_, _>>()?, total))
    }

    /// Changes how a wallet is named and shown.
    ///
    /// # Errors
    /// When a value is not allowed or there is no such wallet.
    pub async fn patch_wallet(&self, id: &WalletId, patch: WalletPatch) -> Result<WalletWithKeys, AccountError> {
        if let Some(name) = &patch.name {
            check_name(name)?;
        }
        if let Some(Some(code)) = &patch.currency {
            let allowed = &self.limits().allowed_currencies;
            if !allowed.is_empty() && !allowed.contains(&code.to_ascii_uppercase()) {
                return Err(AccountError::Invalid(format!("The currency {code:?} is not allowed on this server.")));
            }
        }
        let wallet = self.store.wallet_patch(id.clone(), patch, self.clock.now()).await?;
        self.grants.forget();
        self.with_keys(wallet)
    }

    /// Gives a wallet of this account new keys; the old ones stop at once.
    ///
    /// # Errors
    /// When the account has no such wallet.
    pub async fn reset_keys(&self, principal: &Principal, id: &str) -> Result<WalletWithKeys, AccountError> {
        let wallet = self.living_wallet(principal, id).await?;
        let (admin_key, invoice_key) = (self.new_key(), self.new_key());
        let wallet = Wallet { updated_at: self.clock.now(), ..self.keyed(wallet, &admin_key, &invoice_key) };
        self.store.wallet_rekey(wallet.clone()).await?;
        self.grants.forget();
        Ok(WalletWithKeys { wallet, admin_key, invoice_key })
    }

    /// Deletes a wallet of this account. Its money and records stay and come back with it.
    ///
    /// # Errors
    /// When the account has no such wallet.
    pub async fn delete_wallet(&self, principal: &Principal, id: &str) -> Result<(), AccountError> {
        let wallet = self.living_wallet(principal, id).await?;
        self.set_deleted(wallet.id, true).await
    }

    /// Brings back a deleted wallet of this account.
    ///
    /// # Errors
    /// When the account has no such deleted wallet.
    pub async fn undelete_wallet(&self, principal: &Principal, id: &str) -> Result<(), AccountError> {
        let id: WalletId = id.parse().map_err(|()| AccountError::Missing("Wallet does not exist."))?;
        let found = self.store.wallet_find(id).await?.filter(|wallet| wallet.deleted);
        let wallet = found.ok_or(AccountError::Missing("Wallet does not exist."))?;
        if !is_within_reach(principal, &wallet) {
            return Err(AccountError::Forbidden("Wallet does not belong to user.".into()));
        }
        self.set_deleted(wallet.id, false).await
    }

    /// A wallet's name and its owner's id, for statistics.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallet_label(&self, id: &WalletId) -> Result<Option<(String, String)>, AccountError> {
        let wallet = self.store.wallet_find(id.clone()).await?;
        Ok(wallet.map(|wallet| (wallet.name, wallet.account_id.to_string())))
    }

    pub(super) async fn set_deleted(&self, id: WalletId, deleted: bool) -> Result<(), AccountError> {
        self.store.wallet_set_deleted(id, deleted, self.clock.now()).await?;
        self.grants.forget();
        Ok(())
    }

    async fn living_wallet(&self, principal: &Principal, id: &str) -> Result<Wallet, AccountError> {
        let id: WalletId = id.parse().map_err(|()| AccountError::Missing("Wallet not found"))?;
        let found = self.store.wallet_find(id).await?;
        let own = found.filter(|wallet| is_within_reach(principal, wallet) && !wallet.deleted);
        own.ok_or(AccountError::Missing("Wallet not found"))
    }

    pub(super) fn new_wallet(&self, account: &AccountId, name: Option<&str>) -> Result<WalletWithKeys, AccountError> {
        let limits = self.limits();
        let name = name.filter(|name| !name.is_empty()).unwrap_or(&limits.default_wallet_name);
        check_name(name)?;
        let (admin_key, invoice_key) = (self.new_key(), self.new_key());
        let now = self.clock.now();
        let blank = Wallet {
            id: self.clock.uuid().into(),
            account_id: account.clone(),
            name: name.to_owned(),
            admin_key_hash: Vec::new(),
            admin_key_sealed: Vec::new(),
            invoice_key_hash: Vec::new(),
            invoice_key_sealed: Vec::new(),
            balance_msat: Msat::ZERO,
            currency: limits.default_currency.clone(),
            lightning_address: None,
            extra: serde_json::to_string(&Appearance::default()).unwrap_or_default(),
            stored_paylinks: "[]".to_owned(),
            deleted: false,
            created_at: now,
            updated_at: now,
            source_wallet_id: None,
        };
        Ok(WalletWithKeys { wallet: self.keyed(blank, &admin_key, &invoice_key), admin_key, invoice_key })
    }

    fn keyed(&self, wallet: Wallet, admin_key: &str, invoice_key: &str) -> Wallet {
        let context = format!("wallet/{}", wallet.id);
        Wallet {
            admin_key_hash: self.vault.fingerprint(admin_key).to_vec(),
            admin_key_sealed: self.vault.seal(admin_key.as_bytes(), &context),
            invoice_key_hash: self.vault.fingerprint(invoice_key).to_vec(),
            invoice_key_sealed: self.vault.seal(invoice_key.as_bytes(), &context),
            ..wallet
        }
    }

    pub(super) fn with_keys(&self, wallet: Wallet) -> Result<WalletWithKeys, AccountError> {
        let card = WalletCard::open(&self.vault, wallet.clone())?;
        Ok(WalletWithKeys { wallet, admin_key: card.admin_key, invoice_key: card.invoice_key })
    }

    fn new_key(&self) -> String {
        to_hex(&self.clock.uuid())
    }
}

fn is_within_reach(principal: &Principal, wallet: &Wallet) -> bool {
    let named = principal.wallet.as_ref().is_none_or(|own| own.id == wallet.id);
    wallet.account_id == principal.account && principal.policy.reaches(&wallet.id) && named
}

/// May the principal's account have another wallet by it?
pub(super) fn check_makes_wallets(principal: &Principal) -> Result<(), AccountError> {
    if principal.policy.wallets.is_some() {
        let text = format!("This {} is for certain wallets and makes no others.", principal.family.name());
        return Err(AccountError::Forbidden(text));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), AccountError> {
    if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) || name.trim().is_empty() {
        return Err(AccountError::Invalid(format!("A wallet's name has 1 to {NAME_MAX} printable characters.")));
    }
    Ok(())
}
