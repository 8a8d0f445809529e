//! Every operation of the store, one line each: how it runs, what it takes, what it answers, and
//! which query function does it. `read` sees committed data, `snapshot` all of it as it was at one
//! moment; `write` is one transaction; `post` is one transaction that changes balances.

mod funding;

use super::{
    Backend, Store, StoreError, postgres, sqlite,
    types::{
        Acknowledgement, Adjustment, Admission, Alarm, Audit, AuditTotals, Claim, Deletion, Failure, FeeRecord,
        GroupTotals, Held, HoldHere, LastUse, Posted, Receipt, Rotation, SettingsChange, Settlement, ShareChange,
        SpanTotals, Spent, StoredSetting, TierGrant, Transfer, Transferred, UserTotals,
    },
};
use crate::{
    domain::{
        Account, AccountId, CredentialId, Kind, Msat, Payment, PaymentHash, PaymentId, SessionId, Status, Time, Wallet,
        WalletId,
        account::{Identity, Session},
        asset::AssetInfo,
        audit::{AuditLine, ChainKey, Verdict},
        credential::{Acl, Budget, Credential, CredentialKind},
        event::Event,
        factor::{Challenge, ChallengeKind, Passkey, ResetKey, Totp},
        filter::Listing,
        hold::HoldInvoice,
        limits::Terms,
        link::{Claim as LinkClaim, Link},
        payment::{NewPayment, Scope},
        push::{Push, Subscription},
        share::{OpenShare, Share},
        sighting::Sighting,
        tier::TierOrder,
        tiny::TinyUrl,
        wallet::WalletPatch,
        webhook::{Attempted, Endpoint, NewReport, Report},
    },
    trace,
};

macro_rules! operations {
    ($( $(#[$doc:meta])* $how:ident $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $module:ident::$query:ident; )*) => {
        impl Store { $(
            $(#[$doc])*
            ///
            /// # Errors
            /// When a rule forbids it or the database is not available.
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out, StoreError> {
                let span = trace::database(self.system(), stringify!($name));
                let work = async { match &self.backend {
                    Backend::Sqlite(db) => {
                        let args = std::sync::Arc::new(($($arg,)*));
                        db.$how(Box::new(move |conn| {
                            let args = std::sync::Arc::clone(&args);
                            Box::pin(async move {
                                let ($($arg,)*) = args.as_ref();
                                sqlite::queries::$module::$query(conn $(, $arg)*).await
                            })
                        })).await
                    }
                    Backend::Postgres(db) => db.$how(Box::new(move |conn| Box::pin(async move {
                        postgres::queries::$module::$query(conn $(, &$arg)*).await
                    }))).await,
                } };
                tracing::Instrument::instrument(work, span).await
            }
        )* }
    };
}

use operations;

operations! {
    /// Writes a new account together with its first wallet, if one is given.
    write account_create(account: Account, wallet: Option<Wallet>) -> () = accounts::create;
    /// The same within a number of accounts, and for an invitation code that it uses up.
    write account_admit(account: Account, wallet: Option<Wallet>, admission: Admission) -> () = settings::admit;
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
    /// Reads a page of the accounts that are there, each with what it has, and how many there are.
    read user_page(listing: Listing) -> (Vec<(Account, UserTotals)>, i64) = users::page;
    /// Writes an account that somebody else opens for it, with its first wallet.
    write user_create(account: Account, wallet: Wallet) -> () = users::create;
    /// Writes all that administrators may say of an account, if it is still as it was when it was read.
    write user_replace(account: Account, was: Time) -> () = users::replace;
    /// Opens or closes an account, if it is still as it was; closing ends its logins.
    write user_set_active(account: AccountId, active: bool, was: Time, at: Time) -> () = users::set_active;
    /// Makes an account an administrator's or an ordinary one, if it is still as it was.
    write user_set_admin(account: AccountId, admin: bool, was: Time, at: Time) -> () = users::set_admin;
    /// Deletes an account; its wallets keep their money.
    write user_delete(deletion: Deletion) -> () = users::delete;
    /// Deletes a wallet of an account, or all of them, and answers how many.
    write user_wallets_delete(account: AccountId, only: Option<WalletId>, confirmed: bool, at: Time) -> i64 = users::wallets_delete;
    /// Writes a login session, if its account is open.
    write session_create(session: Session) -> () = accounts::session_create;
    /// Reads a session together with its account.
    read session_find(id: SessionId) -> Option<(Session, Account)> = accounts::session_find;
    /// Ends a session.
    write session_revoke(id: SessionId, at: Time) -> () = accounts::session_revoke;
    /// Ends all sessions of an account but one.
    write session_revoke_others(account: AccountId, keep: Option<SessionId>, at: Time) -> () = accounts::session_revoke_others;
    /// Reads an account's logins that are alive, newest first.
    read session_list(account: AccountId, now: Time) -> Vec<Session> = sessions::list;
    /// Ends one login of this account; false when there is none to end.
    write session_revoke_impersonated(by: AccountId, at: Time) -> () = sessions::revoke_impersonated;
    write session_revoke_own(account: AccountId, id: SessionId, at: Time) -> bool = sessions::revoke_own;
    /// Reads since when which keys sign session tokens, oldest first; none before the first rotation.
    read session_key_list() -> Vec<(i64, Time)> = sessions::key_list;
    /// Lets the next key sign session tokens; answers its number.
    write session_key_rotate(at: Time) -> i64 = sessions::key_rotate;
    /// Writes a key that resets a password, in place of the account's earlier one.
    write reset_key_save(key: ResetKey) -> () = sessions::reset_key_save;
    /// Reads the key that has this hash.
    read reset_key_find(hash: Vec<u8>) -> Option<ResetKey> = sessions::reset_key_find;
    /// Uses the key up: sets the password and ends all logins; false when somebody was faster.
    write reset_key_use(hash: Vec<u8>, password_hash: String, at: Time) -> bool = sessions::reset_key_use;

    /// Writes an account's secret of one-time codes, unless codes are on already.
    write totp_begin(totp: Totp) -> bool = factors::totp_begin;
    /// Reads what an account has of one-time codes.
    read totp_find(account: AccountId) -> Option<Totp> = factors::totp_find;
    /// Turns codes on; false when they are on, or the secret was replaced meanwhile.
    write totp_enable(totp: Totp, recovery: Vec<Vec<u8>>) -> bool = factors::totp_enable;
    /// Uses a step's code up; false when it, or a later one, was used before.
    write totp_use(account: AccountId, step: i64) -> bool = factors::totp_use;
    /// Uses a recovery code up; false when there is none such.
    write recovery_code_use(account: AccountId, hash: Vec<u8>) -> bool = factors::recovery_code_use;
    /// Counts the recovery codes that are left.
    read recovery_code_count(account: AccountId) -> i64 = factors::recovery_code_count;
    /// Says above which amount sends ask for a code.
    write totp_set_above(account: AccountId, above_sat: Option<i64>) -> bool = factors::totp_set_above;
    /// Forgets everything about an account's one-time codes.
    write totp_end(account: AccountId) -> () = factors::totp_end;
    /// Writes a challenge, and forgets those that ended before `now`.
    write challenge_create(challenge: Challenge, now: Time) -> () = factors::challenge_create;
    /// Takes a challenge away.
    write challenge_take(id: String, kind: ChallengeKind) -> Option<Challenge> = factors::challenge_take;
    /// Writes a new passkey.
    write passkey_create(passkey: Passkey) -> () = factors::passkey_create;
    /// Reads an account's passkeys, oldest first.
    read passkey_list(account: AccountId) -> Vec<Passkey> = factors::passkey_list;
    /// Reads the passkey that its device knows by this name.
    read passkey_find(credential_id: Vec<u8>) -> Option<Passkey> = factors::passkey_find;
    /// Notes a use; false when the passkey was removed or used meanwhile.
    write passkey_used(passkey: Passkey, was: Vec<u8>) -> bool = factors::passkey_used;
    /// Removes one of this account's; false when there is none such.
    write passkey_delete(account: AccountId, id: String) -> bool = factors::passkey_delete;

    /// Reads all that was set, and the counter of changes.
    snapshot settings_all() -> (Vec<StoredSetting>, i64) = settings::all;
    /// Sets and clears settings, unless somebody else did since they were read.
    write settings_change(change: SettingsChange) -> () = settings::change;

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
    /// Reads when the secrets before the last rotation were last used, and from where.
    read credential_old_uses(account: AccountId) -> Vec<(CredentialId, Time, Option<String>)> = credentials::old_uses;
    /// Opens an anonymous account with its wallet and its key.
    write anonymous_open(account: Account, wallet: Wallet, key: Credential, max_users: i64) -> () = credentials::anonymous_open;
    /// Makes an anonymous account somebody's, if it is still as it was when it was read, and ends its key.
    write anonymous_claim(account: Account, was: Time, key: CredentialId, at: Time) -> () = credentials::anonymous_claim;
    /// Writes a new access list and which credential made it, if it was one.
    write acl_create(acl: Acl, maker: Option<CredentialId>) -> () = credentials::acl_create;
    /// Writes a changed access list.
    write acl_save(acl: Acl) -> () = credentials::acl_save;
    /// Writes a changed access list and ends its tokens but these.
    write acl_replace(acl: Acl, keep: Vec<CredentialId>, at: Time) -> () = credentials::acl_replace;
    /// Reads which credentials made access lists of an account.
    read acl_makers(account: AccountId) -> Vec<(String, CredentialId)> = credentials::acl_makers;
    /// Reads an access list.
    read acl_find(id: String) -> Option<Acl> = credentials::acl_find;
    /// Reads an account's access lists, oldest first.
    read acl_list(account: AccountId) -> Vec<Acl> = credentials::acl_list;
    /// Deletes an access list and ends its tokens; false when there is none.
    write acl_delete(account: AccountId, id: String, at: Time) -> bool = credentials::acl_delete;

    /// Writes an order of a tier.
    write tier_order_create(order: TierOrder) -> () = tiers::create;
    /// Reads an account's orders that were not granted and can still be, with their invoices, newest first.
    read tier_order_open(account: AccountId, most: i64) -> Vec<(TierOrder, Payment)> = tiers::open;
    /// Reads the orders, all or an account's, that are paid and were not granted.
    read tier_order_paid(account: Option<AccountId>, most: i64) -> Vec<TierOrder> = tiers::paid;
    /// Puts an account into the tier that it paid for; false when that was done before.
    write tier_order_grant(grant: TierGrant) -> bool = tiers::grant;
    /// Forgets orders older than this that nobody paid in time.
    write tier_order_forget(before: Time) -> () = tiers::forget;
    /// Puts an account into a tier; false when there is no such account.
    write account_set_tier(account: AccountId, tier: String) -> bool = tiers::set;
    /// Reads the account that a provider's subject opens.
    read identity_account(provider: String, subject: String) -> Option<Account> = identities::account;
    /// Writes a new account with its first wallet and the identity that opens it.
    write identity_register(account: Account, wallet: Wallet, identity: Identity, max_users: i64) -> () = identities::register;
    /// Lets an identity open an account that is there; an e-mail that the provider verified is verified here too.
    write identity_link(identity: Identity, verified_email: Option<String>) -> () = identities::link;
    /// Reads the account of a Nostr key.
    read account_by_pubkey(pubkey: String) -> Option<Account> = identities::by_pubkey;
    /// Gives an account a Nostr key.
    write account_set_pubkey(account: AccountId, pubkey: String) -> () = identities::set_pubkey;
    /// Notes that a Nostr event was used; false when it was before.
    write nostr_event_use(id: String, at: Time) -> bool = identities::use_event;
    /// Forgets Nostr events that were used before this.
    write nostr_event_forget(before: Time) -> () = identities::forget_events;
    /// Does a live login of this account come from this address?
    read session_seen_from(account: AccountId, address: String, now: Time) -> bool = identities::seen_from;

    /// Writes a new wallet.
    write wallet_create(wallet: Wallet) -> () = wallets::create;
    /// Reads a wallet, deleted or not.
    read wallet_find(id: WalletId) -> Option<Wallet> = wallets::find;
    /// Reads the wallet that has this key hash, with its owner.
    read wallet_by_key(hash: Vec<u8>) -> Option<(Wallet, Account)> = wallets::by_key;
    /// Reads the wallet that has this lightning address, unless it was deleted.
    read wallet_by_address(name: String) -> Option<Wallet> = wallets::by_address;
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
    /// Reads who was given what of a wallet, oldest first.
    read share_list_of_wallet(wallet: WalletId) -> Vec<Share> = shares::list_of_wallet;
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
    /// Counts the payments after one time up to another, and those after that.
    snapshot payment_count_since(scope: Scope, after: Time, until: Time) -> (i64, i64) = payments::count_since;
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
    /// The same by a credential with budgets: it is charged to each of them, or refused.
    post transfer_within(transfer: Transfer, budgets: Vec<Budget>) -> Transferred = budgets::transfer;
    /// Takes amount and fee cap out of the wallet and records the attempt, unless an open alarm stops its source.
    post hold(payment: NewPayment) -> Posted = ledger::hold;
    /// The same by a credential with budgets: all that is held is charged to each of them, or refused.
    post hold_within(payment: NewPayment, budgets: Vec<Budget>) -> Posted = budgets::hold;
    /// [`Self::transfer`] on terms: within the bounds of both wallets, and with what the house takes for it.
    post transfer_on(transfer: Transfer, terms: Terms, budgets: Vec<Budget>) -> Transferred = terms::transfer;
    /// [`Self::hold`] on terms: within the wallet's bounds, and with what the house takes for it.
    post hold_on(payment: NewPayment, terms: Terms, budgets: Vec<Budget>) -> Posted = terms::hold;
    /// [`Self::adjust`] within what a wallet may hold.
    post adjust_within(adjustment: Adjustment, max_balance: Msat) -> Posted = terms::adjust;
    /// Reads what the house takes for a payment.
    read service_fee(payment: PaymentId) -> Option<FeeRecord> = terms::fee_of;
    /// Reads what was spent of a budget.
    read budget_spent(budget: Budget, at: Time) -> Spent = budgets::spent;
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
    /// Writes an LNURL link, unless the wallet has as many as it may.
    write link_create(link: Link, most: i64) -> () = links::create;
    /// Reads a wallet's links, oldest first.
    read link_list(wallet: WalletId) -> Vec<Link> = links::list;
    /// Reads a link.
    read link_find(id: String) -> Option<Link> = links::find;
    /// Writes a link anew, if it is still as it was when it was read.
    write link_update(link: Link, read: Time) -> bool = links::update;
    /// Forgets a link; false when the wallet has none such.
    write link_delete(wallet: WalletId, id: String) -> bool = links::delete;
    /// Takes a use of a link for an invoice; false when there is none to take, or the link changed since it was read.
    write link_claim(claim: LinkClaim, seen: Link) -> bool = links::claim;
    /// Takes up invoices whose payments have not ended and whose turn it is, and puts their next turn off to `lease`.
    write link_claim_take_due(now: Time, lease: Time, most: i64) -> Vec<LinkClaim> = links::take_due;
    /// Says when somebody is to look again what became of a payment.
    write link_claim_check_again(hash: PaymentHash, at: Time) -> () = links::check_again;
    /// Notes that a payment has ended; one that failed gives the link's use back.
    write link_claim_end(hash: PaymentHash, paid: bool) -> () = links::end_claim;
    /// Writes a hold invoice.
    write hold_invoice_create(payment: NewPayment) -> PaymentId = holds::create;
    /// Reads what is known of a hold invoice.
    read hold_invoice_find(id: PaymentId) -> Option<HoldInvoice> = holds::find;
    /// Notes that the node holds money for an open hold invoice; false when it was not open.
    write hold_invoice_held(held: Held) -> bool = holds::held;
    /// Holds money of a wallet here for an open hold invoice, on terms and within budgets.
    post hold_invoice_pay(order: HoldHere, terms: Terms, budgets: Vec<Budget>) -> Posted = holds::pay;
    /// Decides that the node is to be told to settle (with the preimage) or else to cancel; false when it was decided otherwise.
    write hold_invoice_decide(id: PaymentId, preimage_sealed: Option<Vec<u8>>, at: Time) -> bool = holds::decide;
    /// Moves the money that a wallet here paid to the wallet that issued the invoice; `None` when none is held.
    post hold_invoice_settle(id: PaymentId, preimage_sealed: Vec<u8>, at: Time) -> Option<Posted> = holds::settle;
    /// Closes a hold invoice without payment and gives back what a wallet here paid; `None` when it is closed already.
    post hold_invoice_cancel(id: PaymentId, reason: String, at: Time) -> Option<Posted> = holds::cancel;
    /// Calls a person, once, because the node cannot be told to let go; answers whether it was this time.
    write hold_invoice_alarm(id: PaymentId, detail: String, at: Time) -> bool = holds::alarm;
    /// Closes an invoice that expired unpaid.
    write invoice_expire(id: PaymentId, at: Time) -> bool = ledger::expire;
    /// Books the super user's addition or withdrawal.
    post adjust(adjustment: Adjustment) -> Posted = ledger::adjust;
    /// Reads the oldest open alarm for which this funding source sends nothing.
    read alarm_stopping(source: String) -> Option<Alarm> = alarms::stopping;
    /// Reads a page of alarms and how many there are, newest first.
    read alarm_page(listing: Listing) -> (Vec<Alarm>, i64) = alarms::page;
    /// Notes who took note of an alarm, once; a source that only this alarm stopped sends again.
    write alarm_acknowledge(by: Acknowledgement) -> Alarm = alarms::acknowledge;
    /// Reads the numbers that must agree.
    snapshot audit() -> Audit = check::audit;

    /// Notes that a server is at a request; answers who was at it before, if anybody was.
    write idempotency_claim(claim: Claim) -> Option<Claim> = idempotency::claim;
    /// Reads who is at a request, and what was answered.
    read idempotency_find(key_hash: Vec<u8>) -> Option<Claim> = idempotency::find;
    /// Takes a request over from a server that is gone; false when somebody else did.
    write idempotency_take_over(was: Claim, by: Claim) -> bool = idempotency::take_over;
    /// Says that the server is still at a request.
    write idempotency_renew(key_hash: Vec<u8>, owner: String, until: Time) -> () = idempotency::renew;
    /// Keeps what was answered to a request.
    write idempotency_answer(key_hash: Vec<u8>, owner: String, response: Vec<u8>) -> () = idempotency::answer;
    /// Forgets a request of which nothing came.
    write idempotency_give_up(key_hash: Vec<u8>, owner: String) -> () = idempotency::give_up;
    /// Reads the payment that was asked for under a key.
    read idempotency_payment(key_hash: Vec<u8>) -> Option<Payment> = idempotency::payment;
    /// Forgets keys older than this.
    write idempotency_forget(before: Time) -> () = idempotency::forget;

    /// Reads events after a position.
    read event_list(after: i64, most: i64) -> Vec<Event> = events::list;
    /// Reads a wallet's events after a position, with their payments.
    read event_page(wallet: WalletId, after: i64, most: i64) -> Vec<(Event, Payment)> = events::page;
    /// Reads the position of a wallet's last event.
    read event_last_of(wallet: WalletId) -> i64 = events::last_of;
    /// Reads the position up to which events may have been forgotten.
    read event_forgotten() -> i64 = events::forgotten;
    /// Reads the last event's position.
    read event_last() -> i64 = events::last;
    /// Forgets events older than this.
    write event_forget(before: Time) -> () = events::forget;

    /// Reads the payments of a listing that come after a place, oldest first: the place is a payment's time and number.
    read payment_after(scope: Scope, listing: Listing, after: (Time, PaymentId), most: i64) -> Vec<Payment> = payments::after;

    /// Notes from where keys are used; where that is news, their owners' webhooks are to report it.
    write key_seen(seen: Vec<Sighting>) -> () = sightings::note;

    /// Makes a webhook endpoint, unless its wallet has so many.
    write webhook_create(endpoint: Endpoint, most: i64) -> () = webhooks::create;
    /// Reads a wallet's endpoints.
    read webhook_list(wallet: WalletId) -> Vec<Endpoint> = webhooks::list;
    /// Reads an endpoint of a wallet.
    read webhook_find(wallet: WalletId, id: String) -> Option<Endpoint> = webhooks::find;
    /// Writes an endpoint anew; false when it was changed since it was read.
    write webhook_update(endpoint: Endpoint, read: Time) -> bool = webhooks::update;
    /// Deletes an endpoint of a wallet; false when it has none such.
    write webhook_delete(wallet: WalletId, id: String) -> bool = webhooks::delete;
    /// Reads wallets of which something is to be reported.
    read webhook_wallets(most: i64) -> Vec<WalletId> = webhooks::wallets_to_report;
    /// Writes what is to be reported of a wallet's events; answers how many of them.
    write webhook_report(wallet: WalletId, at: Time) -> i64 = webhooks::report;
    /// Writes one more report; answers its number.
    write webhook_add(new: NewReport) -> i64 = webhooks::add;
    /// Reads what is to be reported now.
    read webhook_due(at: Time, most: i64) -> Vec<(Report, Option<Endpoint>, Option<Payment>)> = webhooks::due;
    /// Takes a report for an attempt; false when somebody else did.
    write webhook_lease(id: i64, attempts: i64, at: Time, until: Time) -> bool = webhooks::lease;
    /// Notes what came of an attempt.
    write webhook_attempted(what: Attempted) -> () = webhooks::attempted;
    /// Reads an endpoint's reports, newest first, and how many there are.
    read webhook_reports(endpoint: String, offset: i64, most: i64) -> (Vec<Report>, i64) = webhooks::page;
    /// Reads one report to an endpoint.
    read webhook_report_find(endpoint: String, id: i64) -> Option<Report> = webhooks::report_find;
    /// Forgets reports that were over before this.
    write webhook_forget(before: Time) -> () = webhooks::forget;

    /// Has a browser told of an account's payments, unless the account has so many.
    write push_subscribe(new: Subscription, most: i64) -> () = push::subscribe;
    /// Has it told no more; answers how many subscriptions that were.
    write push_unsubscribe(endpoint: String, account: AccountId) -> i64 = push::unsubscribe;
    /// Does any browser want to be told?
    read push_any() -> bool = push::any;
    /// Writes down what browsers are to be told, but of nothing that is older; true when there may be more.
    write push_plan(now: Time, since: Time) -> bool = push::plan;
    /// Reads what is to be sent to browsers now.
    read push_due(now: Time, most: i64) -> Vec<(Push, Subscription, Payment, Wallet)> = push::due;
    /// Takes a message for an attempt; false when somebody else did.
    write push_lease(id: i64, attempts: i64, now: Time, until: Time) -> bool = push::lease;
    /// Notes an attempt, and when the next one is if there is one.
    write push_attempted(id: i64, again: Option<Time>) -> () = push::attempted;

    /// Makes a short name, unless its wallet has so many.
    write tiny_create(url: TinyUrl, most: i64) -> () = keepsakes::tiny_create;
    /// Reads what a short name stands for.
    read tiny_find(id: String) -> Option<TinyUrl> = keepsakes::tiny_find;
    /// Reads the short name that a wallet made of an address.
    read tiny_made(wallet: WalletId, url: String) -> Option<TinyUrl> = keepsakes::tiny_made;
    /// Forgets a short name of a wallet; false when it has none such.
    write tiny_delete(wallet: WalletId, id: String) -> bool = keepsakes::tiny_delete;
    /// Keeps a picture, unless its account has so many.
    write asset_create(info: AssetInfo, data: Vec<u8>, most: Option<i64>) -> () = keepsakes::asset_create;
    /// Reads what is known of a picture.
    read asset_find(id: String) -> Option<AssetInfo> = keepsakes::asset_find;
    /// Reads a picture's file.
    read asset_data(id: String) -> Option<Vec<u8>> = keepsakes::asset_data;
    /// Reads a page of an account's pictures and how many there are.
    read asset_page(account: AccountId, listing: Listing) -> (Vec<AssetInfo>, i64) = keepsakes::asset_page;
    /// Changes what a picture is called and who sees it; false when there is none such.
    write asset_update(id: String, name: String, is_public: bool) -> bool = keepsakes::asset_update;
    /// Throws a picture of an account away; false when it has none such.
    write asset_delete(account: AccountId, id: String) -> bool = keepsakes::asset_delete;

    /// Counts payments by kind and state.
    read payment_states() -> Vec<(Kind, Status, i64)> = check::states;
    /// Reads when the oldest payment that is still in flight was made.
    read payment_oldest_in_flight() -> Option<Time> = check::oldest_in_flight;
    /// Stops a source until somebody acknowledges that a backup was restored.
    write alarm_restored(source: String, detail: String, at: Time) -> () = alarms::restored;
    /// Notes what a source reports and the ledger has no record of, after a backup was restored; false when it is
    /// known, or of no concern.
    write alarm_unrecorded(source: String, detail: String, at: Time) -> bool = alarms::unrecorded;
    /// Counts alarms that nobody acknowledged.
    read alarm_count_open() -> i64 = alarms::count_open;

    /// Adds lines to the audit log; their numbers and hashes are given here.
    write audit_append(lines: Vec<AuditLine>, key: ChainKey) -> () = audit::append;
    /// Forgets the lines at the front of the audit log whose time is over, some thousands at most.
    write audit_forget(now: Time, key: ChainKey) -> i64 = audit::forget;
    /// Walks along the audit log's chain.
    snapshot audit_verify(key: ChainKey) -> Verdict = audit::verify;
    /// Reads a page of the audit log and how many lines there are, newest first.
    read audit_page(listing: Listing) -> (Vec<AuditLine>, i64) = audit::page;
    /// Counts lines of the audit log.
    snapshot audit_totals(listing: Listing) -> AuditTotals = audit::totals;
}
