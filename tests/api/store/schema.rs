//! The tables themselves: alike on both databases, and strict whatever the program does.

use std::{collections::BTreeSet, fs, path::Path};

use satchel::store::Store;

use super::fixtures::{NOW, an_attempt, sound, wallet_with};
use crate::databases::Database;

/// Runs a body with its database on both.
macro_rules! on_both_raw {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Database::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Database::postgres().await).await; })*
        }
    };
}

on_both_raw! {
    entries_are_never_changed_or_removed,
    what_must_not_be_is_forbidden_by_the_tables,
    migrations_can_be_taken_back,
    opening_again_changes_nothing,
}

/// One line per column: table, name, type, whether it may be empty, its default.
const COLUMNS_SQLITE: &str = "SELECT m.name || '.' || c.name || ' ' || CASE c.type \
    WHEN 'TEXT' THEN 'text' WHEN 'BIGINT' THEN 'bigint' WHEN 'INTEGER' THEN 'bigint' WHEN 'BOOLEAN' THEN 'boolean' \
    WHEN 'BLOB' THEN 'bytea' ELSE 'unmapped ' || c.type END || CASE c.\"notnull\" WHEN 1 THEN ' not null' ELSE '' END \
    || COALESCE(' ' || c.dflt_value, '') AS line \
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' \
    AND m.name NOT LIKE '!_!_diesel%' ESCAPE '!' ORDER BY 1";
const COLUMNS_POSTGRES: &str = "SELECT table_name || '.' || column_name || ' ' || data_type \
    || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END || COALESCE(' ' || column_default, '') AS line \
    FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE '!_!_diesel%' ESCAPE '!' \
    ORDER BY 1";

/// One line per index that has a name of its own.
const INDEXES_SQLITE: &str = "SELECT m.tbl_name || '.' || m.name || CASE l.\"unique\" WHEN 1 THEN ' unique' ELSE '' END \
    || CASE l.partial WHEN 1 THEN ' partial' ELSE '' END || ' ' || (SELECT group_concat(name, ',') FROM pragma_index_info(m.name)) AS line \
    FROM sqlite_master m JOIN pragma_index_list(m.tbl_name) l ON l.name = m.name \
    WHERE m.type = 'index' AND l.origin = 'c' ORDER BY 1";
const INDEXES_POSTGRES: &str = "SELECT t.relname || '.' || i.relname || CASE WHEN x.indisunique THEN ' unique' ELSE '' END \
    || CASE WHEN x.indpred IS NOT NULL THEN ' partial' ELSE '' END || ' ' || (SELECT string_agg(a.attname, ',' ORDER BY k.n) \
      FROM unnest(x.indkey) WITH ORDINALITY AS k (column_number, n) \
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number) AS line \
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
    WHERE t.relnamespace = current_schema()::regnamespace \
    AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid) ORDER BY 1";

/// One line per primary key and per UNIQUE of a table.
const KEYS_SQLITE: &str = "SELECT line FROM ( \
    SELECT m.name || ' u ' || (SELECT group_concat(name, ',') FROM pragma_index_info(l.name)) AS line \
    FROM sqlite_master m JOIN pragma_index_list(m.name) l \
    WHERE m.type = 'table' AND l.origin = 'u' AND m.name NOT LIKE '!_!_diesel%' ESCAPE '!' \
    UNION SELECT m.name || ' p ' || (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)) \
    FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '!_!_diesel%' ESCAPE '!' \
    UNION SELECT m.name || ' f ' || f.\"from\" || ' ' || f.\"table\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
    WHERE m.type = 'table') ORDER BY 1";
const KEYS_POSTGRES: &str = "SELECT t.relname || ' ' || c.contype::text || ' ' || (SELECT string_agg(a.attname, ',' ORDER BY k.n) \
      FROM unnest(c.conkey) WITH ORDINALITY AS k (column_number, n) \
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number) || COALESCE(' ' || f.relname, '') AS line \
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid LEFT JOIN pg_class f ON f.oid = c.confrelid \
    WHERE t.relnamespace = current_schema()::regnamespace AND c.contype IN ('p', 'u', 'f') \
    AND t.relname NOT LIKE '!_!_diesel%' ESCAPE '!' ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_columns_indexes_and_keys() {
    let (sqlite, postgres) = (Database::sqlite(), Database::postgres().await);
    let pairs = [
        (COLUMNS_SQLITE, COLUMNS_POSTGRES, 60),
        (INDEXES_SQLITE, INDEXES_POSTGRES, 6),
        (KEYS_SQLITE, KEYS_POSTGRES, 10),
    ];
    for (on_sqlite, on_postgres, at_least) in pairs {
        let lines = |lines: Vec<String>| lines.into_iter().collect::<BTreeSet<_>>();
        let (one, other) = (lines(sqlite.lines(on_sqlite).await), lines(postgres.lines(on_postgres).await));
        assert!(one.len() >= at_least, "the query finds too little: {one:#?}");
        let only =
            |these: &BTreeSet<String>, those: &BTreeSet<String>| these.difference(those).cloned().collect::<Vec<_>>();
        assert_eq!((only(&one, &other), only(&other, &one)), (vec![], vec![]), "only on SQLite, only on PostgreSQL");
    }
}

/// The folders of a database's migrations.
pub(crate) fn migrations(database: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_databases_have_migrations_of_the_same_names() {
    assert!(!migrations("sqlite").is_empty());
    assert_eq!(migrations("sqlite"), migrations("postgres"));
}

async fn entries_are_never_changed_or_removed(database: Database) {
    let wallet = wallet_with(&database.store, 1000).await;
    let forged = format!("UPDATE entries SET amount_msat = 0 WHERE book = '{wallet}'");
    for sql in [forged.as_str(), "DELETE FROM entries", "UPDATE entries SET book = 'loss'"] {
        let error = database.execute(sql).await.unwrap_err();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(sound(&database.store).await.operator.0, -1000);
}

async fn what_must_not_be_is_forbidden_by_the_tables(database: Database) {
    let store = &database.store;
    let wallet = wallet_with(store, 1000).await;
    let id = store.hold(an_attempt(&wallet, 100, 0)).await.unwrap().payment.id.0;
    let columns = "wallet_id, kind, status, checking_id, payment_hash, amount_msat, fee_msat, hold_msat, fee_limit_msat, memo, \
        bolt11, expires_at, labels, extra, source, created_at, updated_at";
    let copy = format!("INSERT INTO payments ({columns}) SELECT {columns} FROM payments WHERE id = {id}");
    for sql in [
        "UPDATE wallets SET balance_msat = -1",
        "UPDATE wallets SET balance_msat = 2100000000000000001",
        "UPDATE payments SET kind = 'gift'",
        "UPDATE payments SET status = 'lost'",
        "UPDATE payments SET fee_msat = -1",
        "UPDATE payments SET hold_msat = -1",
        "UPDATE payments SET fee_limit_msat = -1",
        "UPDATE payments SET status = 'success' WHERE kind = 'external'",
        "UPDATE payments SET amount_msat = 0 WHERE kind = 'top_up'",
        "UPDATE payments SET wallet_id = 'nobody'",
        "DELETE FROM wallets",
        "DELETE FROM payments",
        "INSERT INTO entries VALUES (404, 'hold', 'loss', 1, 0)",
        &format!("INSERT INTO entries SELECT * FROM entries WHERE payment_id = {id}"),
        &copy,
    ] {
        assert!(database.execute(sql).await.is_err(), "{sql}");
    }
    // the last one failed because two attempts would live, not for another reason
    store.release(super::fixtures::failure(satchel::domain::PaymentId(id))).await.unwrap();
    database.execute(&copy).await.unwrap();
}

async fn migrations_can_be_taken_back(database: Database) {
    let is_sqlite = database.store.name() == "SQLite";
    let folder = if is_sqlite { "sqlite" } else { "postgres" };
    let columns = if is_sqlite { COLUMNS_SQLITE } else { COLUMNS_POSTGRES };
    let before = database.lines(columns).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    let script = |name: &String, file| fs::read_to_string(path.join(name).join(file)).unwrap();
    let names = migrations(folder);
    for name in names.iter().rev() {
        database.execute(&script(name, "down.sql")).await.unwrap();
    }
    assert_eq!(database.lines(columns).await, Vec::<String>::new());
    for name in &names {
        database.execute(&script(name, "up.sql")).await.unwrap();
    }
    assert_eq!(database.lines(columns).await, before);
}

async fn opening_again_changes_nothing(database: Database) {
    let wallet = wallet_with(&database.store, 1000).await;
    let again: Store = database.reopened().await;
    assert_eq!(again.wallet_balance(wallet.clone()).await.unwrap().map(|balance| balance.0), Some(1000));
    again.wallet_set_deleted(wallet, true, NOW).await.unwrap();
    sound(&again).await;
}
