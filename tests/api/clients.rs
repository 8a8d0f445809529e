//! Client libraries of the LNbits API, as they come from their registries, play a wallet story.

use std::{
    env,
    process::{Command, Stdio},
};

use crate::harness::Server;

#[path = "../clients/lnbits_rs.rs"]
mod lnbits_rs;

const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/pylnbits_story.py");

#[tokio::test(flavor = "multi_thread")]
async fn pylnbits_plays_its_story() {
    let python = env::var_os("SATCHEL_TEST_PYTHON")
        .expect("SATCHEL_TEST_PYTHON is not set: run ./test, which installs the Python clients");
    let server = Server::start().await;
    let (a, b) = (server.wallet(10).await, server.wallet(1000).await);
    let mut story = Command::new(python);
    story
        .arg(STORY)
        .arg(&server.url)
        .env("ADMIN_KEY_A", &a.admin_key)
        .env("INVOICE_KEY_A", &a.invoice_key)
        .env("ADMIN_KEY_B", &b.admin_key)
        .env("INVOICE_KEY_B", &b.invoice_key)
        .stdin(Stdio::null());
    let played = tokio::task::spawn_blocking(move || story.output()).await.unwrap().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success(), "{said}{failed}");
    assert!(said.ends_with("ok the story is told\n"), "{said}{failed}");
    assert_eq!((a.balance().await, b.balance().await), (10_000, 1_000_000));
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lnbits_rs_plays_its_story() {
    let server = Server::start().await;
    let (a, b) = (server.wallet(0).await, server.wallet(1000).await);
    let keys = |wallet: &crate::harness::Wallet| lnbits_rs::Keys {
        admin: wallet.admin_key.clone(),
        invoice: wallet.invoice_key.clone(),
    };
    lnbits_rs::story(&server.url, keys(&a), keys(&b)).await;
    assert_eq!((a.balance().await, b.balance().await), (0, 1_000_000));
    server.assert_sound().await;
}
