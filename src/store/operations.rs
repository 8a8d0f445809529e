//! Every operation of the store, one line each: how it runs, what it takes, what it answers, and
//! which query function does it. `read` sees committed data, `snapshot` all of it as it was at one
//! moment; `write` is one transaction; `post` is one transaction that changes balances.

use std::sync::Arc;

use super::{
    Backend, Store, StoreError, postgres, sqlite,
    types::{
        Adjustment, Audit, Failure, GroupTotals, LastUse, Posted, Receipt, Rotation, Settlement, ShareChange,
        SpanTotals, Transfer, Transferred,
    },
};
use crate::domain::{
    Account, AccountId, CredentialId, Msat, Payment, PaymentHash, PaymentId, SessionId, Time, Wallet, WalletId,
    account::Session,
    credential::{Acl, Credential, CredentialKind},
    event::Event,
    filter::Listing,
    payment::{NewPayment, Scope},
    share::{OpenShare, Share},
    wallet::WalletPatch,
};

macro_rules! operations {
    ($( $(#[$doc:meta])* $how:ident $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $module:ident::$query:ident; )*) => {
        impl Store { $(
            $(#[$doc])*
            ///
            /// # Errors
            /// When a rule forbids it or the database is not available.
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out, StoreError> {
                match &self.backend {
                    Backend::Sqlite(db) => {
                        let args = Arc::new(($($arg,)*));
                        db.$how(Box::new(move |conn| {
                            let args = Arc::clone(&args);
                            Box::pin(async move {
                                let ($($arg,)*) = args.as_ref();
                                sqlite::queries::$module::$query(conn $(, $arg)*).await
                            })
                        })).await
                    }
                    Backend::Postgres(db) => db.$how(Box::new(move |conn| Box::pin(async move {
                        postgres::queries::$module::$query(conn $(, &$arg)*).await
                    }))).await,
                }
            }
        )* }
    };
}

operations! {
    /// Writes a new account together with its first wallet, if one is given.
    write account_create(account: Account, wallet: Option<Wallet>) -> () = accounts::create;
    /// Reads an account.
    read account_find(id: AccountId) -> Option<Account> = accounts::find;
    /// Reads the account with this login name or e-mail, in lower case.
    read account_by_login(login: String) -> Option<Account> = accounts::by_login;
    /// Reads the super user's account.
    read account_super_user() -> Option<Account> = accounts::super_user;
    /// Writes a changed account, if it is still as it was when it was read.
    write account_update(account: Account, was: Time) -> () = accounts::update;
    /// Gives the super user a name and a password, once.
    write account_first_install(account: Account) -> () = accounts::first_install;
    /// Writes a login session.
    write session_create(session: Session) -> () = accounts::session_create;
    /// Reads a session together with its account.
    read session_find(id: SessionId) -> Option<(Session, Account)> = accounts::session_find;
    /// Ends a session.
    write session_revoke(id: SessionId, at: Time) -> () = accounts::session_revoke;
    /// Ends all sessions of an account but one.
    write session_revoke_others(account: AccountId, keep: Option<SessionId>, at: Time) -> () = accounts::session_revoke_others;
    /// Reads a counter; 0 when it was never set.
    read counter(name: String) -> i64 = accounts::counter;
    /// Moves a counter forward; it never goes back.
    write counter_raise(name: String, value: i64) -> () = accounts::counter_raise;

    /// Writes a key, a token or an anonymous session's key.
    write credential_create(credential: Credential) -> () = credentials::create;
    /// Reads one.
    read credential_find(id: CredentialId) -> Option<Credential> = credentials::find;
    /// Reads those of an account and a family, newest first, ended ones too.
    read credential_list(account: AccountId, kind: CredentialKind) -> Vec<Credential> = credentials::list;
    /// Gives one a new secret.
    write credential_rotate(rotation: Rotation) -> () = credentials::rotate;
    /// Ends one of this account's; false when there is none to end.
    write credential_revoke(account: AccountId, id: CredentialId, at: Time) -> bool = credentials::revoke;
    /// Notes when and from where credentials and sessions were used.
    write credential_used(uses: Vec<LastUse>) -> () = credentials::used;
    /// Writes an access list, new or changed.
    write acl_save(acl: Acl) -> () = credentials::acl_save;
    /// Reads an access list.
    read acl_find(id: String) -> Option<Acl> = credentials::acl_find;
    /// Reads an account's access lists, oldest first.
    read acl_list(account: AccountId) -> Vec<Acl> = credentials::acl_list;
    /// Deletes an access list and ends its tokens; false when there is none.
    write acl_delete(account: AccountId, id: String, at: Time) -> bool = credentials::acl_delete;

    /// Writes a new wallet.
    write wallet_create(wallet: Wallet) -> () = wallets::create;
    /// Reads a wallet, deleted or not.
    read wallet_find(id: WalletId) -> Option<Wallet> = wallets::find;
    /// Reads the wallet that has this key hash, with its owner.
    read wallet_by_key(hash: Vec<u8>) -> Option<(Wallet, Account)> = wallets::by_key;
    /// Reads an account's wallets, oldest first; deleted ones only when asked.
    read wallet_list(account: AccountId, deleted: bool) -> Vec<Wallet> = wallets::list;
    /// Reads a page of an account's wallets and how many there are.
    read wallet_page(account: AccountId, listing: Listing) -> (Vec<Wallet>, i64) = wallets::page;
    /// Changes how a wallet is named and shown.
    write wallet_patch(id: WalletId, patch: WalletPatch, at: Time) -> Wallet = wallets::patch;
    /// Gives a wallet new keys.
    write wallet_rekey(wallet: Wallet) -> () = wallets::rekey;
    /// Deletes or restores a wallet.
    write wallet_set_deleted(id: WalletId, deleted: bool, at: Time) -> () = wallets::set_deleted;
    /// Reads what a wallet holds, from the database itself.
    read wallet_balance(id: WalletId) -> Option<Msat> = wallets::balance;

    /// Writes shares, all of them or none.
    write share_create(shares: Vec<Share>) -> () = shares::create;
    /// Reads the share that an account has of a wallet.
    read share_find(wallet: WalletId, member: AccountId) -> Option<OpenShare> = shares::find;
    /// Reads what an account was given of others' wallets, oldest first.
    read share_list_of_member(member: AccountId) -> Vec<OpenShare> = shares::list_of_member;
    /// Reads what an account gave of its own wallets, oldest first.
    read share_list_of_owner(owner: AccountId) -> Vec<OpenShare> = shares::list_of_owner;
    /// Accepts an invitation, or gives a share without a living mirror this one; false when there is no such.
    write share_accept(id: CredentialId, mirror: Option<Wallet>, at: Time) -> bool = shares::accept;
    /// Declines an invitation; false when there is none.
    write share_decline(id: CredentialId, at: Time) -> bool = shares::decline;
    /// Changes what an owner gave: some of it, all of that or nothing.
    write share_change(change: ShareChange) -> () = shares::change;

    /// Writes an open invoice.
    write invoice_create(invoice: NewPayment) -> PaymentId = payments::create;
    /// Reads a payment.
    read payment_find(id: PaymentId) -> Option<Payment> = payments::find;
    /// Reads the payments with this hash or checking id, newest first.
    read payment_by_name(name: String) -> Vec<Payment> = payments::by_name;
    /// Reads the invoice that was issued under this hash.
    read invoice_by_hash(hash: PaymentHash) -> Option<Payment> = payments::invoice_by_hash;
    /// Reads the attempt to pay this hash that is in flight or succeeded.
    read attempt_by_hash(hash: PaymentHash) -> Option<Payment> = payments::attempt_by_hash;
    /// Reads a page of payments.
    read payment_list(scope: Scope, listing: Listing) -> Vec<Payment> = payments::list;
    /// Counts the payments of a listing, whatever its page.
    read payment_count(scope: Scope, listing: Listing) -> i64 = payments::count;
    /// Sums payments by spans of so many microseconds.
    read payment_spans(scope: Scope, listing: Listing, span: i64) -> Vec<SpanTotals> = stats::spans;
    /// Counts and sums payments by one of their fields.
    read payment_groups(scope: Scope, listing: Listing, field: &'static str) -> Vec<GroupTotals> = stats::groups;
    /// Replaces a payment's labels.
    write payment_set_labels(id: PaymentId, labels: String, at: Time) -> () = payments::set_labels;
    /// Adds to a payment's extra what it does not have yet.
    write payment_add_extra(id: PaymentId, extra: String, was: String, at: Time) -> bool = payments::add_extra;
    /// Takes the payments whose turn it is to be asked about, and puts their next turn off to `lease`.
    write payment_take_due(now: Time, lease: Time, most: i64) -> Vec<Payment> = payments::take_due;
    /// Reads outgoing payments whose outcome is open, oldest first.
    read payment_in_flight(most: i64) -> Vec<Payment> = payments::in_flight;
    /// Says when the node is to be asked next about a payment.
    write payment_check_again(id: PaymentId, at: Option<Time>) -> () = payments::check_again;
    /// Notes the name under which the source knows a payment.
    write payment_set_source_ref(id: PaymentId, source_ref: String) -> () = payments::set_source_ref;

    /// Moves money between two wallets and closes the invoice: all of it or nothing.
    post transfer(transfer: Transfer) -> Transferred = ledger::transfer;
    /// Takes amount and fee cap out of the wallet and records the attempt.
    post hold(payment: NewPayment) -> Posted = ledger::hold;
    /// Marks an attempt as handed to the node; false when it was marked or ended before.
    write payment_dispatch(id: PaymentId, at: Time) -> bool = ledger::dispatch;
    /// Gives back the hold of an attempt that was never handed to the node; `None` when it was.
    post undispatched_release(failure: Failure) -> Option<Posted> = ledger::release_undispatched;
    /// Books the node's word that an attempt was paid.
    post settle(settlement: Settlement) -> Posted = ledger::settle;
    /// Books the node's word that an attempt failed; gives the hold back.
    post release(failure: Failure) -> Posted = ledger::release;
    /// Books money that arrived for an invoice.
    post receive(receipt: Receipt) -> Posted = ledger::receive;
    /// Closes an invoice that expired unpaid.
    write invoice_expire(id: PaymentId, at: Time) -> bool = ledger::expire;
    /// Books the super user's addition or withdrawal.
    post adjust(adjustment: Adjustment) -> Posted = ledger::adjust;
    /// Reads the numbers that must agree.
    snapshot audit() -> Audit = check::audit;

    /// Reads events after a position.
    read event_list(after: i64, most: i64) -> Vec<Event> = events::list;
    /// Reads the last event's position.
    read event_last() -> i64 = events::last;
    /// Forgets events older than this.
    write event_forget(before: Time) -> () = events::forget;
}
