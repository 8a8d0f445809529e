//! What the ledger must do, said once more in the plainest way: one map, no database.

use std::collections::BTreeMap;

use satchel::domain::{Kind, Msat, Status};

/// What is charged to which budget on which day.
type Charges = Vec<((usize, i64), i64)>;

/// A step of a story. Wallets, hashes and payments are numbers that wrap around what exists.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Invoice {
        wallet: usize,
        msat: i64,
    },
    /// An invoice under a hash that may have been issued already.
    InvoiceAgain {
        wallet: usize,
        invoice: usize,
    },
    Transfer {
        payer: usize,
        invoice: usize,
        foreign: bool,
        spender: usize,
    },
    Hold {
        wallet: usize,
        msat: i64,
        fee_limit: i64,
        spender: usize,
    },
    /// A payment to another node under the hash of something that is known here.
    HoldAgain {
        wallet: usize,
        payment: usize,
        msat: i64,
    },
    Dispatch {
        payment: usize,
    },
    ReleaseUndispatched {
        payment: usize,
    },
    Settle {
        payment: usize,
        fee: i64,
    },
    Release {
        payment: usize,
    },
    Receive {
        payment: usize,
        msat: i64,
    },
    Expire {
        payment: usize,
    },
    HoldInvoice {
        wallet: usize,
        msat: i64,
    },
    /// A wallet pays a hold invoice.
    PayHeld {
        payer: usize,
        invoice: usize,
        spender: usize,
    },
    /// The node holds money for a hold invoice.
    Held {
        payment: usize,
        msat: i64,
    },
    SettleHeld {
        payment: usize,
    },
    CancelHeld {
        payment: usize,
    },
    Adjust {
        wallet: usize,
        msat: i64,
    },
    Delete {
        wallet: usize,
    },
    Wait {
        seconds: i64,
    },
    /// Somebody looked at every alarm.
    Acknowledge,
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was done, and this is whether it raised an alarm.
    Done {
        alarm: bool,
    },
    /// It had been done before, or does not apply.
    Nothing,
    Insufficient {
        needed: i64,
    },
    AlreadyAttempted {
        by: usize,
    },
    OverBudget {
        left: i64,
    },
    NotOpen,
    /// The invoice is a hold invoice.
    ToBeHeld,
    Missing,
    Taken,
    /// An open alarm forbids it.
    Stopped,
}

pub(super) const DONE: Verdict = Verdict::Done { alarm: false };
const ALARM: Verdict = Verdict::Done { alarm: true };
/// What a parent and its child may spend in a day. Spenders are nobody in particular, the parent, and the child.
pub(super) const BUDGETS: [i64; 2] = [4000, 2500];
/// How long invoices are valid.
pub(super) const VALID_SECONDS: i64 = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) wallet: usize,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) amount: i64,
    pub(super) fee: i64,
    pub(super) hold: i64,
    /// The number of the payment that had this hash first.
    pub(super) hash: usize,
    dispatched: bool,
    received: bool,
    late: bool,
    expires: i64,
    /// Budgets and windows that were charged, and what.
    charges: Vec<((usize, i64), i64)>,
    /// What is held, where it is a hold invoice.
    pub(super) held: Option<Held>,
    /// Does it wait for a hold invoice of another wallet here? Then no node has it, and an alarm about it stops none.
    here: bool,
}

/// A hold invoice's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    ByTheNode,
    /// By this payment.
    By(usize),
    Over,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) lightning: i64,
    pub(super) operator: i64,
    pub(super) suspense: i64,
    pub(super) loss: i64,
    pub(super) alarms: i64,
}

/// The whole server. Wallets are numbered in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) balances: BTreeMap<usize, i64>,
    pub(super) deleted: BTreeMap<usize, bool>,
    pub(super) rows: Vec<Row>,
    pub(super) books: Books,
    /// An open alarm says that the source broke its word.
    pub(super) stopped: bool,
    pub(super) seconds: i64,
    /// What was spent of each budget in each day.
    pub(super) spent: BTreeMap<(usize, i64), i64>,
}

impl Reference {
    pub(super) fn new(wallets: usize) -> Self {
        Self {
            balances: (0..wallets).map(|wallet| (wallet, 0)).collect(),
            deleted: (0..wallets).map(|wallet| (wallet, false)).collect(),
            ..Self::default()
        }
    }

    /// Σ balances + holds + lightning + operator + suspense + loss.
    pub(super) fn conserved(&self) -> i64 {
        let Books { lightning, operator, suspense, loss, alarms: _ } = self.books;
        let holds: i64 = self.rows.iter().map(|row| row.hold).sum();
        self.balances.values().sum::<i64>() + holds + lightning + operator + suspense + loss
    }

    fn push(&mut self, wallet: usize, kind: Kind, status: Status, amount: i64, hash: usize) -> usize {
        let row = Row {
            wallet,
            kind,
            status,
            amount,
            fee: 0,
            hold: 0,
            hash,
            dispatched: false,
            received: false,
            late: false,
            charges: Vec::new(),
            held: None,
            expires: self.seconds + VALID_SECONDS,
            here: false,
        };
        self.rows.push(row);
        self.rows.len() - 1
    }

    fn add(&mut self, wallet: usize, msat: i64) {
        *self.balances.get_mut(&wallet).unwrap() += msat;
    }

    /// Takes it if the wallet holds it.
    fn bears(&mut self, wallet: usize, msat: i64) -> bool {
        let able = self.balances[&wallet] >= msat;
        if able {
            self.add(wallet, -msat);
        }
        able
    }

    fn spends(&self, wallet: usize, msat: i64) -> Result<(), Verdict> {
        let able = self.balances[&wallet] >= msat && !self.deleted[&wallet];
        if able { Ok(()) } else { Err(Verdict::Insufficient { needed: msat }) }
    }

    /// The day, counted from the one in which the story begins.
    pub(super) fn day(&self) -> i64 {
        (super::super::fixtures::NOW.unix() + self.seconds).div_euclid(86_400)
    }

    /// What the spender's budgets would be charged, if they have it.
    fn within_budget(&self, spender: usize, msat: i64) -> Result<Charges, Verdict> {
        let day = self.day();
        for (budget, limit) in BUDGETS.iter().enumerate().take(spender) {
            let left = limit - self.spent.get(&(budget, day)).unwrap_or(&0);
            if left < msat {
                return Err(Verdict::OverBudget { left: left.max(0) });
            }
        }
        Ok((0..spender).map(|budget| ((budget, day), msat)).collect())
    }

    /// Makes what was charged for a payment this.
    fn charge(&mut self, payment: usize, mut charges: Charges, msat: i64) {
        for ((budget, day), before) in std::mem::take(&mut self.rows[payment].charges) {
            *self.spent.entry((budget, day)).or_default() -= before;
        }
        for (window, charged) in &mut charges {
            *charged = msat;
            *self.spent.entry(*window).or_default() += msat;
        }
        self.rows[payment].charges = charges;
    }

    /// The attempt on a hash that is in flight or succeeded.
    fn live(&self, hash: usize) -> Option<usize> {
        let lives = |row: &Row| {
            row.hash == hash && matches!(row.kind, Kind::External | Kind::Internal) && row.status != Status::Failed
        };
        self.rows.iter().position(lives)
    }

    pub(super) fn invoice(&self, hash: usize) -> Option<usize> {
        self.rows.iter().position(|row| row.hash == hash && row.kind == Kind::Invoice)
    }

    fn is_open_attempt(&self, payment: usize) -> bool {
        self.rows[payment].kind == Kind::External && self.rows[payment].status == Status::Pending
    }

    pub(super) fn create_invoice(&mut self, wallet: usize, msat: i64, hash: Option<usize>) -> Verdict {
        if hash.is_some_and(|hash| self.invoice(hash).is_some()) {
            return Verdict::Taken;
        }
        let hash = hash.unwrap_or(self.rows.len());
        self.push(wallet, Kind::Invoice, Status::Pending, msat, hash);
        DONE
    }

    pub(super) fn transfer(
        &mut self,
        payer: usize,
        hash: usize,
        foreign: bool,
        spender: usize,
    ) -> Result<Verdict, Verdict> {
        let invoice = self.invoice(hash).ok_or(Verdict::Missing)?;
        let Row { wallet: payee, amount, status, expires, .. } = self.rows[invoice];
        if status != Status::Pending || foreign || expires <= self.seconds {
            return Err(Verdict::NotOpen);
        }
        if self.rows[invoice].held.is_some() {
            return Err(Verdict::ToBeHeld);
        }
        if let Some(by) = self.live(hash) {
            return Err(Verdict::AlreadyAttempted { by });
        }
        let gains = if self.deleted[&payee] { Err(Verdict::Missing) } else { Ok(()) };
        if payer <= payee {
            self.spends(payer, amount).and(gains)?;
        } else {
            gains.and(self.spends(payer, amount))?;
        }
        let charges = self.within_budget(spender, amount)?;
        self.add(payer, -amount);
        self.add(payee, amount);
        self.rows[invoice].status = Status::Success;
        let number = self.push(payer, Kind::Internal, Status::Success, -amount, hash);
        self.charge(number, charges, amount);
        Ok(DONE)
    }

    pub(super) fn hold(
        &mut self,
        wallet: usize,
        msat: i64,
        fee_limit: i64,
        hash: Option<usize>,
        spender: usize,
    ) -> Result<Verdict, Verdict> {
        if let Some(by) = hash.and_then(|hash| self.live(hash)) {
            return Err(Verdict::AlreadyAttempted { by });
        }
        self.spends(wallet, msat + fee_limit)?;
        if self.stopped {
            return Err(Verdict::Stopped);
        }
        let charges = self.within_budget(spender, msat + fee_limit)?;
        self.add(wallet, -msat - fee_limit);
        let hash = hash.unwrap_or(self.rows.len());
        let number = self.push(wallet, Kind::External, Status::Pending, -msat, hash);
        self.rows[number].hold = msat + fee_limit;
        self.rows[number].fee = fee_limit;
        self.charge(number, charges, msat + fee_limit);
        Ok(DONE)
    }

    pub(super) fn dispatch(&mut self, payment: usize) -> Verdict {
        if !self.is_open_attempt(payment) || self.rows[payment].dispatched {
            return Verdict::Nothing;
        }
        self.rows[payment].dispatched = true;
        DONE
    }

    pub(super) fn release_undispatched(&mut self, payment: usize) -> Verdict {
        if self.rows[payment].dispatched { Verdict::Nothing } else { self.release(payment) }
    }

    pub(super) fn release(&mut self, payment: usize) -> Verdict {
        if !self.is_open_attempt(payment) {
            return Verdict::Nothing;
        }
        let row = &mut self.rows[payment];
        let (wallet, held) = (row.wallet, row.hold);
        *row = Row { status: Status::Failed, hold: 0, fee: 0, ..row.clone() };
        self.add(wallet, held);
        let charges = self.rows[payment].charges.clone();
        self.charge(payment, charges, 0);
        DONE
    }

    pub(super) fn settle(&mut self, payment: usize, fee: i64) -> Verdict {
        let Row { wallet, kind, status, amount, hold, hash, late, here, .. } = self.rows[payment];
        if kind != Kind::External || status == Status::Success || (status == Status::Failed && late) {
            return Verdict::Nothing;
        }
        let cost = -amount + fee;
        let missing = cost - hold;
        if missing <= 0 {
            self.add(wallet, -missing);
        } else {
            self.books.alarms += 1;
            self.stopped |= !here;
            if !self.bears(wallet, missing) {
                self.books.loss -= missing;
            }
        }
        self.books.lightning += cost;
        let charges = self.rows[payment].charges.clone();
        self.charge(payment, charges, cost);
        let beside_another = status == Status::Failed && self.live(hash).is_some();
        let row = &mut self.rows[payment];
        row.hold = 0;
        row.late = status == Status::Failed;
        if !beside_another {
            row.status = Status::Success;
            row.fee = fee;
        }
        if missing > 0 { ALARM } else { DONE }
    }

    pub(super) fn receive(&mut self, hash: usize, msat: i64) -> Verdict {
        let Some(invoice) = self.invoice(hash) else { return Verdict::Missing };
        let row = &mut self.rows[invoice];
        if row.received {
            return Verdict::Nothing;
        }
        row.received = true;
        self.books.lightning -= msat;
        if row.status == Status::Success {
            self.books.suspense += msat;
            self.books.alarms += 1;
            return ALARM;
        }
        row.status = Status::Success;
        row.amount = msat;
        let (wallet, held) = (row.wallet, row.held);
        row.held = row.held.map(|_| Held::Over);
        self.add(wallet, msat);
        if let Some(Held::By(payer)) = held {
            self.release(payer);
        }
        DONE
    }

    pub(super) fn pay_held(&mut self, payer: usize, hash: usize, spender: usize) -> Result<Verdict, Verdict> {
        let invoice = self.invoice(hash).ok_or(Verdict::Missing)?;
        let Row { amount, status, expires, held, .. } = self.rows[invoice];
        if status != Status::Pending || expires <= self.seconds || held != Some(Held::Nothing) {
            return Err(Verdict::NotOpen);
        }
        let stopped = std::mem::take(&mut self.stopped);
        let paid = self.hold(payer, amount, 0, Some(hash), spender);
        self.stopped = stopped;
        paid?;
        self.rows.last_mut().unwrap().here = true;
        self.rows[invoice].held = Some(Held::By(self.rows.len() - 1));
        Ok(DONE)
    }

    pub(super) fn held(&mut self, payment: usize) -> Verdict {
        let row = &mut self.rows[payment];
        if row.status != Status::Pending || row.held != Some(Held::Nothing) {
            return Verdict::Nothing;
        }
        row.held = Some(Held::ByTheNode);
        DONE
    }

    pub(super) fn settle_held(&mut self, payment: usize) -> Verdict {
        let Row { status, held, hash, amount, .. } = self.rows[payment];
        let (Status::Pending, Some(Held::By(payer))) = (status, held) else { return Verdict::Nothing };
        self.rows[payment].held = Some(Held::Over);
        self.settle(payer, 0);
        self.receive(hash, amount)
    }

    pub(super) fn cancel_held(&mut self, payment: usize) -> Verdict {
        let row = &mut self.rows[payment];
        if row.status != Status::Pending {
            return Verdict::Nothing;
        }
        row.status = Status::Failed;
        if let Some(Held::By(payer)) = row.held.replace(Held::Over) {
            self.release(payer);
        }
        DONE
    }

    pub(super) fn expire(&mut self, payment: usize) -> Verdict {
        let seconds = self.seconds;
        let row = &mut self.rows[payment];
        if row.kind != Kind::Invoice || row.status != Status::Pending || row.expires > seconds {
            return Verdict::Nothing;
        }
        row.status = Status::Failed;
        DONE
    }

    pub(super) fn adjust(&mut self, wallet: usize, msat: i64) -> Result<Verdict, Verdict> {
        if msat < 0 {
            self.spends(wallet, -msat)?;
        } else if self.balances[&wallet] > Msat::MAX.0 - msat {
            return Err(Verdict::Missing);
        }
        self.add(wallet, msat);
        self.books.operator -= msat;
        let (kind, hash) = (if msat > 0 { Kind::TopUp } else { Kind::Debit }, self.rows.len());
        self.push(wallet, kind, Status::Success, msat, hash);
        Ok(DONE)
    }
}
