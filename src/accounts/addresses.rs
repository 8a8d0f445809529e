//! Lightning addresses: which wallet has which name.

use super::{AccountError, Accounts, WalletWithKeys};
use crate::domain::{Wallet, WalletId, names::is_lightning_address, wallet::WalletPatch};

impl Accounts {
    /// The wallet that is paid under this name, in lower case.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wallet_at(&self, name: &str) -> Result<Option<WalletId>, AccountError> {
        Ok(self.store.wallet_by_address(name.to_owned()).await?.map(|wallet| wallet.id))
    }

    /// Gives a wallet the lightning address that its owner chose. The one that it has already is always right.
    ///
    /// # Errors
    /// When owners may not choose, or the address is not allowed or taken.
    pub async fn choose_address(&self, id: &WalletId, address: &str) -> Result<(), AccountError> {
        let wallet = self.store.wallet_find(id.clone()).await?.ok_or(AccountError::Missing("Wallet not found"))?;
        let name = address.trim().to_lowercase();
        if wallet.lightning_address.as_deref() == Some(name.as_str()) {
            return Ok(());
        }
        let (allowed, reserved) = {
            let limits = self.limits();
            (limits.lnurl.own_addresses, limits.lnurl.is_reserved(&name))
        };
        if !allowed {
            return Err(AccountError::Forbidden("Users cannot specify Lightning Addresses.".into()));
        }
        if is_lightning_address(&name) && reserved {
            return Err(AccountError::invalid("Lightning Address contains a reserved word."));
        }
        self.set_address(&wallet, &name).await.map(drop)
    }

    /// Gives a wallet a lightning address, if it can be one and nobody has it.
    pub(super) async fn set_address(&self, wallet: &Wallet, address: &str) -> Result<WalletWithKeys, AccountError> {
        let refused = |text: &str| Err(AccountError::invalid(text));
        if wallet.deleted || wallet.source_wallet_id.is_some() {
            return refused("Lightning Address can only be set for active wallets.");
        }
        let address = address.trim().to_lowercase();
        match () {
            () if address.is_empty() => refused("Lightning Address is required."),
            () if address.contains('+') => refused("Lightning Address cannot include tags."),
            () if address.contains('@') => refused("Enter only the Lightning Address name before @."),
            () if !is_lightning_address(&address) => {
                refused("Lightning Address can only contain lowercase letters, numbers, dash, underscore, and dot.")
            }
            () => {
                let patch = WalletPatch { lightning_address: Some(address), ..WalletPatch::default() };
                self.patch_wallet(&wallet.id, patch).await
            }
        }
    }
}
