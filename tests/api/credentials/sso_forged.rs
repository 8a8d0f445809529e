//! Id tokens that are not the issuer's word for this login.

use satchel::config::logins::Provider as Kind;

use super::{provider::Forgery, sso::houses};

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_is_wrong_in_any_way_lets_nobody_in() {
    let (server, provider) = houses().await;
    let accounts = server.ledger().check().await.unwrap().to_string();
    for forgery in [
        Forgery::Audience,
        Forgery::Audiences,
        Forgery::Party,
        Forgery::Issuer,
        Forgery::Nonce,
        Forgery::NoNonce,
        Forgery::Expired,
        Forgery::Future,
        Forgery::AlgNone,
        Forgery::PublicKeyAsSecret,
        Forgery::ForeignKey,
        Forgery::UnknownKid,
        Forgery::OtherAlgorithm,
        Forgery::None,
    ] {
        provider.state().forgery = Some(forgery);
        for kind in [Kind::Google, Kind::Keycloak, Kind::Oidc] {
            let answer = provider.browse(&server, kind).await;
            assert_eq!((answer.status, answer.detail()), (401, "Invalid user info."), "{forgery:?} by {kind:?}");
            assert!(!answer.headers.contains_key("set-cookie"), "{forgery:?}");
        }
        let code = provider.code(Some("our nonce")).await;
        let answer = server.anybody().post("/api/v1/auth/oidc/token", code).await;
        assert_eq!((answer.status, answer.detail()), (401, "Invalid user info."), "{forgery:?}");
    }
    provider.state().forgery = Some(Forgery::Subject);
    provider.state().email_in_token = false;
    assert_eq!(provider.browse(&server, Kind::Oidc).await.detail(), "Invalid user info.");
    assert_eq!(server.ledger().check().await.unwrap().to_string(), accounts, "nothing was written");
    provider.state().forgery = None;
    assert_eq!(provider.browse(&server, Kind::Oidc).await.status, 307, "the honest one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_an_app_sent_is_the_one_it_gets_back() {
    let (server, provider) = houses().await;
    for (sent, told) in [(Some("one"), Some("other")), (Some("one"), None), (None, Some("one"))] {
        let mut code = provider.code(sent).await;
        code["nonce"] = told.into();
        let answer = server.anybody().post("/api/v1/auth/oidc/token", code).await;
        assert_eq!((answer.status, answer.detail()), (401, "Invalid user info."), "{sent:?} {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_may_sign_by_any_of_its_keys_and_change_them() {
    let (server, provider) = houses().await;
    let comes_in = || async { provider.browse(&server, Kind::Oidc).await.status };
    assert_eq!(comes_in().await, 307);
    provider.state().keys = vec!["ec", "first"];
    assert_eq!(comes_in().await, 307, "ES256, from what is remembered");
    assert_eq!(provider.state().keys_asked, 1);
    // the first key is gone and a new one signs: it is unknown, and looked for at once
    provider.state().keys = vec!["second"];
    assert_eq!(comes_in().await, 307);
    assert_eq!(provider.state().keys_asked, 2);
    // a token by a key that nobody has makes us look again, but not every time
    provider.state().forgery = Some(Forgery::UnknownKid);
    for _ in 0..5 {
        assert_eq!(comes_in().await, 401);
    }
    assert_eq!(provider.state().keys_asked, 2);
    server.clock.advance(31);
    for _ in 0..5 {
        assert_eq!(comes_in().await, 401);
    }
    assert_eq!(provider.state().keys_asked, 3);
    // the key that is gone is worth nothing any more
    provider.state().forgery = None;
    provider.state().keys = vec!["first"];
    assert_eq!(comes_in().await, 401, "looked for a moment ago");
}
