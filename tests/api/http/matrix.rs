//! Who may do what: every operation is really called by every kind of caller, and the page of their
//! answers is reviewed by people.

use std::{collections::HashMap, fmt::Write};

use satchel::{
    accounts::{
        acl,
        policy::{Operation, Right},
    },
    http::{catalogue, table},
};
use serde_json::json;

use super::{
    assert_page, samples,
    world::{KINDS, Kind, Subject, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_permission_page_is_the_one_that_was_reviewed() {
    let mut world = World::new().await;
    let mut page = format!("{:<56} {:<15}", "operation", "right");
    for kind in KINDS {
        write!(page, " {:>7}", kind.title()).unwrap();
    }
    page.push('\n');
    let catalogue = catalogue(&table());
    let mut subjects = HashMap::new();
    for (number, operation) in catalogue.operations().iter().enumerate() {
        let name = acl::name(operation);
        write!(page, "{name:<56} {:<15}", operation.right.as_str()).unwrap();
        for kind in KINDS {
            let may = operation.right == Right::Public || kind.routes(&catalogue).contains(number);
            let subject = match subjects.remove(&kind) {
                Some(subject) => subject,
                None => world.subject(kind).await,
            };
            let status = asked(&subject, operation, may).await;
            check(operation, kind, may, status);
            write!(page, " {status:>7}").unwrap();
            // whoever changed nothing stays for the next question
            if status >= 400 || operation.method == "GET" {
                subjects.insert(kind, subject);
            }
        }
        page.push('\n');
    }
    assert_page("permission_matrix", &page);
    world.server.assert_sound().await;
}

async fn asked(subject: &Subject, operation: &Operation, may: bool) -> u16 {
    let name = acl::name(operation);
    let sample = samples::of(&name);
    if name.starts_with("PUT /users") && name.contains("undelete") && may {
        let (user, wallet) = &subject.other;
        subject.send("DELETE", &format!("/users/api/v1/user/{user}/wallet/{wallet}"), None).await.ok();
    } else if name.contains("undelete") && may {
        subject.send("DELETE", &format!("/api/v1/wallet/{}", subject.wallet), None).await.ok();
    }
    let answer = subject.send(&operation.method, &(sample.path)(subject), sample.body.map(|body| body(subject))).await;
    if answer.status >= 400 {
        super::assert_explained(&answer);
    }
    answer.status
}

/// What succeeds only after an earlier step, or with a cookie: tests of their own show it. Whoever may is told which.
const LATER: &[&str] = &[
    "DELETE /api/v1/auth/impersonate",
    "DELETE /api/v1/auth/passkeys/{id}",
    "DELETE /api/v1/auth/sessions/{id}",
    "DELETE /api/v1/auth/totp",
    "DELETE /api/v1/assets/{asset_id}",
    "DELETE /api/v1/tinyurl/{tinyurl_id}",
    "DELETE /api/v1/links/{link_id}",
    "GET /api/v1/links/{link_id}",
    "PATCH /api/v1/links/{link_id}",
    "DELETE /api/v1/webhooks/{webhook_id}",
    "GET /api/v1/assets/{asset_id}",
    "GET /api/v1/assets/{asset_id}/data",
    "GET /api/v1/assets/{asset_id}/thumbnail",
    "GET /api/v1/tinyurl/{tinyurl_id}",
    "GET /api/v1/webhooks/{webhook_id}",
    "GET /api/v1/webhooks/{webhook_id}/deliveries",
    "PATCH /api/v1/webhooks/{webhook_id}",
    "POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    "POST /api/v1/webhooks/{webhook_id}/rotate",
    "POST /api/v1/webhooks/{webhook_id}/test",
    "GET /t/{tinyurl_id}",
    "POST /api/v1/assets",
    "POST /api/v1/auth/impersonate",
    "POST /api/v1/lnurlauth",
    "POST /api/v1/payments/cancel",
    "POST /api/v1/payments/keysend",
    "POST /api/v1/payments/lnurl",
    "POST /api/v1/payments/settle",
    "POST /api/v1/payments/{payment_request}/pay-with-nfc",
    "POST /api/v1/auth/passkey/finish",
    "POST /api/v1/auth/passkeys/register/finish",
    "PUT /api/v1/assets/{asset_id}",
    "PUT /api/v1/auth/reset",
    "PUT /api/v1/auth/totp",
    "PUT /users/api/v1/user/{id}/reset_password",
];

/// The answer is what the table of rights says, so that no update of the page can hide a hole.
fn check(operation: &Operation, kind: Kind, may: bool, status: u16) {
    let name = acl::name(operation);
    if matches!(name.as_str(), "GET /api/v1/ws/{item_id}" | "PUT /api/v1/auth/first_install") {
        return; // no websocket handshake; already installed
    }
    if matches!(name.as_str(), "POST /api/v1/auth/usr" | "POST /api/v1/auth/nostr") || name.contains("{provider}") {
        return; // off by default; needs a signature; needs a provider
    }
    let later = LATER.contains(&name.as_str());
    if may && later {
        assert!((400..500).contains(&status), "{name} answers {status} to {kind:?} at once");
    } else if may {
        assert!((200..300).contains(&status), "{name} answers {status} to {kind:?}, who may");
    } else {
        let refusals: &[u16] =
            if matches!(kind, Kind::DeletedKey | Kind::UnknownKey) { &[401, 404] } else { &[401, 403] };
        assert!(refusals.contains(&status), "{name} answers {status} to {kind:?}, who may not");
    }
}

#[test]
fn every_sample_is_of_an_operation() {
    let operations: Vec<String> = catalogue(&table()).operations().iter().map(acl::name).collect();
    for sample in samples::all() {
        assert!(operations.iter().any(|name| name == sample.operation), "{} is gone", sample.operation);
    }
    assert_eq!(samples::all().count(), operations.len(), "a sample is there twice");
}

/// Authentication is decided before the rest of the request is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_learns_nothing_of_his_request() {
    let mut world = World::new().await;
    let mut strangers = Vec::new();
    for kind in
        [Kind::Anonymous, Kind::UnknownKey, Kind::DeletedKey, Kind::GarbageToken, Kind::RevokedKey, Kind::ExpiredKey]
    {
        strangers.push((kind, world.subject(kind).await));
    }
    for operation in catalogue(&table()).operations() {
        if operation.right == Right::Public {
            continue;
        }
        let name = acl::name(operation);
        for (kind, subject) in &strangers {
            let path = (samples::of(&name).path)(subject);
            let bad = subject.send(&operation.method, &format!("{path}?limit=x&sortby=x"), Some(json!([1]))).await;
            let good = samples::of(&name).body.map(|body| body(subject));
            let good = subject.send(&operation.method, &path, good).await;
            assert_eq!((bad.status, bad.detail()), (good.status, good.detail()), "{name} for {kind:?}");
        }
    }
}
