//! A wallet's history, written straight into Satchel's SQLite database: a million payments over HTTP would
//! take longer than all measurements together.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::load::Failure;

/// Payments of one transaction.
const BATCH: usize = 50_000;
/// The server's writer has to wait its turn, and so do we.
const PRAGMAS: &str = "PRAGMA busy_timeout=60000; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-131072; \
    PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;";

#[derive(QueryableByName)]
struct Template {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    wallet_id: String,
}

/// Adds payments to the wallet of the newest payment, an open invoice: paid copies of that invoice, one a
/// second until it was made, with all that belongs to them in the journal and in the wallet's balance.
/// Nobody else may be making payments meanwhile.
pub(crate) fn history(database: &Path, payments: usize) -> Result<(), Failure> {
    let mut conn = SqliteConnection::establish(database.to_str().ok_or("the database's name is not UTF-8")?)?;
    conn.batch_execute(PRAGMAS)?;
    let newest = sql_query("SELECT id, wallet_id FROM payments ORDER BY id DESC LIMIT 1");
    let template: Template = newest.get_result(&mut conn)?;
    for from in (0..payments).step_by(BATCH) {
        let to = (from + BATCH).min(payments);
        conn.batch_execute(&batch(&template, payments, from, to))?;
    }
    // Reading the rows from the log would be measured otherwise.
    Ok(conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?)
}

/// Payments number `from + 1` to `to`. Their hashes rise, because appending to an index is many times
/// faster than inserting all over it, and no measurement looks at them.
fn batch(template: &Template, payments: usize, from: usize, to: usize) -> String {
    let Template { id, wallet_id } = template;
    let first = from + 1;
    format!(
        "BEGIN IMMEDIATE;
        WITH RECURSIVE numbers (n, hash) AS (
          SELECT {first}, printf('%08x', {first}) || lower(hex(randomblob(28)))
          UNION ALL SELECT n + 1, printf('%08x', n + 1) || lower(hex(randomblob(28))) FROM numbers WHERE n < {to})
        INSERT INTO payments (id, wallet_id, kind, status, checking_id, payment_hash, amount_msat, fee_msat,
          hold_msat, fee_limit_msat, memo, bolt11, preimage_sealed, expires_at, labels, extra, source, created_at, updated_at)
        SELECT {id} + n, wallet_id, kind, 'success', hash, hash, amount_msat, 0,
          0, 0, memo, bolt11, preimage_sealed, expires_at, labels, extra, source,
          created_at - ({payments} - n + 1) * 1000000, created_at - ({payments} - n + 1) * 1000000
        FROM numbers, payments WHERE payments.id = {id};
        INSERT INTO entries (payment_id, kind, book, amount_msat, created_at)
        SELECT id, 'receive', legs.book, legs.sign * amount_msat, created_at
        FROM payments, (SELECT 'lightning' AS book, -1 AS sign UNION ALL SELECT '{wallet_id}', 1) AS legs
        WHERE id BETWEEN {id} + {first} AND {id} + {to};
        UPDATE wallets SET balance_msat = balance_msat
          + (SELECT SUM(amount_msat) FROM payments WHERE id BETWEEN {id} + {first} AND {id} + {to})
        WHERE id = '{wallet_id}';
        COMMIT;"
    )
}
