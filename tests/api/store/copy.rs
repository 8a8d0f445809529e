//! A copy of the database is all of it as of one moment, and can be used in its place.

use std::fs;

use satchel::{
    clock::Clock,
    domain::ids::to_hex,
    store::{Store, load_dump},
};

use super::fixtures::{sound, wallet_with};
use crate::databases::Database;

fn new_file() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("satchel-copy-{}", to_hex(&Clock::system().bytes::<8>())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_on_sqlite_is_a_database() {
    let database = Database::sqlite();
    let wallet = wallet_with(&database.store, 1000).await;
    let file = new_file();
    let writing = tokio::spawn({
        let store = database.store.clone();
        async move {
            for _ in 0..20 {
                wallet_with(&store, 5).await;
            }
        }
    });
    database.store.copy_into(&file).await.unwrap();
    writing.await.unwrap();
    assert!(database.store.copy_into(&file).await.is_err(), "a file that is there is not overwritten");
    let copy = Store::open_sqlite(&file).unwrap();
    assert_eq!(copy.wallet_balance(wallet).await.unwrap().unwrap().0, 1000);
    sound(&copy).await;
    fs::remove_file(file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_postgres_is_loaded_into_an_empty_database_only() {
    let database = Database::postgres().await;
    let wallet = wallet_with(&database.store, 1000).await;
    let file = new_file();
    database.store.copy_into(&file).await.unwrap();
    let schema = database.lines("SELECT CAST(current_schema() AS TEXT) AS line").await.remove(0);
    let cluster = std::env::var("SATCHEL_TEST_POSTGRES").unwrap();
    assert!(load_dump(&file, &cluster).await.is_err(), "there is something already");
    database.execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    load_dump(&file, &cluster).await.unwrap();
    let copy = database.reopened().await;
    assert_eq!(copy.wallet_balance(wallet).await.unwrap().unwrap().0, 1000);
    sound(&copy).await;
    fs::remove_file(file).unwrap();
}
