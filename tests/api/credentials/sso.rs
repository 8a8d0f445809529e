//! Logins by a provider: both ways in, whose account it opens, and what becomes of it when things change.

use reqwest::Method;
use satchel::{config::logins::Provider as Kind, domain::Account};
use serde_json::{Value, json};

use super::provider::{Provider, come_back, cookie, somebody};
use crate::harness::{Answer, Caller, Plan, Server};

/// A server (with a clock that stands still) and the provider that it knows under all names.
pub(super) async fn houses() -> (Server, Provider) {
    let plan = Plan::sqlite().seeded();
    let provider = Provider::start(plan.clock.clone()).await;
    let server = Plan { logins: provider.logins(), ..plan }.start().await;
    server.super_user().await;
    (server, provider)
}

async fn me(server: &Server, login: &Answer) -> Value {
    let token = cookie(login, "cookie_access_token");
    server.bearer(token.split_once('=').unwrap().1).get("/api/v1/auth").await.ok()
}

async fn app(server: &Server, provider: &Provider, kind: Kind) -> Answer {
    let code = provider.code(None).await;
    server.anybody().post(&format!("/api/v1/auth/{}/token", kind.name()), code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_lets_a_browser_in_and_knows_it_again() {
    let (server, provider) = houses().await;
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let email = format!("alice{number}@example.org");
        provider.state().who = somebody(&format!("{number}"), &email, true);
        let first = provider.browse(&server, kind).await;
        assert_eq!((first.status, &first.headers["location"]), (307, &"/wallet".parse().unwrap()), "{}", first.text);
        assert_eq!(cookie(&first, "sso_state"), "sso_state=", "the state is good once");
        assert_eq!(cookie(&first, "is_lnbits_user_authorized"), "is_lnbits_user_authorized=true");
        let account = me(&server, &first).await;
        assert_eq!((&account["email"], &account["username"]), (&json!(email), &Value::Null));
        assert_eq!(account["extra"]["provider"], kind.name());
        assert_eq!(account["wallets"].as_array().unwrap().len(), 1);
        let second = provider.browse(&server, kind).await;
        assert_eq!(me(&server, &second).await["id"], account["id"]);
    }
    server.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_lets_an_app_in_by_its_own_code() {
    let (server, provider) = houses().await;
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        provider.state().who = somebody(&format!("{number}"), &format!("bob{number}@example.org"), true);
        let path = format!("/api/v1/auth/{}/token", kind.name());
        let code = provider.code((kind != Kind::Github).then_some("our nonce")).await;
        let login = server.anybody().post(&path, code.clone()).await;
        assert_eq!((login.status, &login.body["token_type"]), (200, &json!("bearer")), "{}", login.text);
        let caller = server.bearer(login.body["access_token"].as_str().unwrap());
        let account = caller.get("/api/v1/auth").await.ok();
        assert_eq!(account["id"], me(&server, &login).await["id"], "cookie and token are one login");
        // a code is good once
        let again = server.anybody().post(&path, code).await;
        assert_eq!((again.status, again.detail()), (401, "The provider does not accept this code."));
        for (field, value) in [("code_verifier", "w".repeat(50)), ("redirect_uri", "app://other".into())] {
            let mut code = provider.code(None).await;
            code[field] = value.into();
            assert_eq!(server.anybody().post(&path, code).await.status, 401, "{field}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_comes_back_with_the_state_it_left_with() {
    let (server, provider) = houses().await;
    let anybody = server.anybody();
    let start = anybody.get("/api/v1/auth/oidc").await;
    let set = start.headers["set-cookie"].to_str().unwrap().to_owned();
    for word in ["HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/api/v1/auth"] {
        assert!(set.contains(word), "{set}");
    }
    let there = reqwest::Url::parse(start.headers["location"].to_str().unwrap()).unwrap();
    let asked = |name: &str| there.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(asked("scope").unwrap(), "openid email profile");
    assert_eq!(asked("code_challenge_method").unwrap(), "S256");
    assert_eq!(asked("redirect_uri").unwrap(), format!("{}/api/v1/auth/oidc/token", server.url));
    assert!(!set.contains(&asked("state").unwrap()) && !set.contains(&asked("nonce").unwrap()), "sealed");

    let none = anybody.get("/api/v1/auth/oidc/token?state=x").await;
    assert_eq!((none.status, none.detail()), (400, "'code' parameter was not found in callback request"));
    let (back, own) = provider.visit(&server, &anybody, "/api/v1/auth/oidc").await;
    let (_, foreign) = provider.visit(&server, &anybody, "/api/v1/auth/oidc").await;
    let tampered = format!("{}A{}", &own[..30], &own[31..]);
    let wrong_state = back.replace("state=", "state=x");
    let stateless = back.split("&state=").next().unwrap().to_owned();
    for (path, cookie) in [
        (back.as_str(), foreign.as_str()),
        (&back, "sso_state="),
        (&back, "other=1"),
        (&back, &tampered),
        (&wrong_state, &own),
        (&stateless, &own),
        (&back.replace("/oidc/", "/keycloak/"), &own),
    ] {
        let answer = come_back(&anybody, path, cookie).await;
        assert_eq!((answer.status, answer.detail()), (401, "Invalid state"), "{path} {cookie}");
    }
    server.clock.advance(601);
    assert_eq!(come_back(&anybody, &back, &own).await.detail(), "Invalid state", "too late");
    let (back, own) = provider.visit(&server, &anybody, "/api/v1/auth/oidc").await;
    assert_eq!(come_back(&anybody, &back, &own).await.status, 307);
    let replayed = come_back(&anybody, &back, &own).await;
    assert_eq!((replayed.status, replayed.detail()), (401, "The provider does not accept this code."));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_opens_an_account_only_if_both_sides_verified_it() {
    let (server, provider) = houses().await;
    // registered with alice's e-mail by whoever; nobody ever verified that
    let register = json!({ "username": "squatter", "password": "correct horse", "password_repeat": "correct horse",
        "email": "alice@example.org" });
    let squatter = server.anybody().post("/api/v1/auth/register", register).await.ok();
    let squatter = server.bearer(squatter["access_token"].as_str().unwrap()).get("/api/v1/auth").await.ok();
    provider.state().who = somebody("1", "alice@example.org", true);
    let alice = me(&server, &provider.browse(&server, Kind::Google).await).await;
    assert_ne!(alice["id"], squatter["id"]);
    assert_eq!(alice["email"], Value::Null, "the e-mail is taken");

    provider.state().who = somebody("2", "Bob@example.org", true);
    let bob = me(&server, &provider.browse(&server, Kind::Google).await).await;
    assert_eq!(bob["email"], "Bob@example.org");
    provider.state().who = somebody("77", "bob@example.org", false);
    let liar = me(&server, &provider.browse(&server, Kind::Github).await).await;
    assert_ne!(liar["id"], bob["id"], "the provider did not verify it");
    assert_eq!(liar["email"], Value::Null);
    provider.state().who = somebody("78", "bob@example.org", true);
    let same = me(&server, &app_login(&server, &provider, Kind::Github).await).await;
    assert_eq!(same["id"], bob["id"], "both sides verified it");
    // from then on by the subject, whatever becomes of the e-mail
    provider.state().who = somebody("78", "new@example.org", false);
    assert_eq!(me(&server, &provider.browse(&server, Kind::Github).await).await["id"], bob["id"]);
    // the same subject elsewhere is somebody else
    provider.state().who = somebody("78", "new@example.org", true);
    assert_ne!(me(&server, &provider.browse(&server, Kind::Keycloak).await).await["id"], bob["id"]);
}

async fn app_login(server: &Server, provider: &Provider, kind: Kind) -> Answer {
    let answer = app(server, provider, kind).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_that_is_none_or_missing_opens_nothing_new() {
    let (server, provider) = houses().await;
    for email in [None, Some("not an e-mail".to_owned())] {
        provider.state().who.email = email;
        for kind in [Kind::Oidc, Kind::Github] {
            let answer = provider.browse(&server, kind).await;
            assert_eq!((answer.status, answer.detail()), (400, "Invalid email."), "{kind:?}");
        }
    }
    // some issuers tell it at their user info endpoint only
    provider.state().who = somebody("5", "eve@example.org", true);
    provider.state().email_in_token = false;
    let eve = me(&server, &provider.browse(&server, Kind::Oidc).await).await;
    assert_eq!(eve["email"], "eve@example.org");
    // whom we know needs none
    provider.state().who.email = None;
    assert_eq!(me(&server, &provider.browse(&server, Kind::Oidc).await).await["id"], eve["id"]);
}

fn cookies(caller_token: &str, state: &str) -> String {
    format!("{state}; cookie_access_token={caller_token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_logged_in_links_a_provider_with_his_own_account_only() {
    let (server, provider) = houses().await;
    let login =
        |name: &str| json!({ "username": name, "password": "correct horse", "password_repeat": "correct horse" });
    let carol = server.anybody().post("/api/v1/auth/register", login("carol")).await.ok();
    let token = carol["access_token"].as_str().unwrap().to_owned();
    let caller = server.bearer(&token);
    let id = caller.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let mallory = server.user("mallory").await;
    let path = format!("/api/v1/auth/google?user_id={id}");
    for other in [&mallory, &server.anybody(), &server.key(&token)] {
        let answer = other.get(&path).await;
        assert_eq!((answer.status, answer.detail()), (403, "User ID mismatch."));
    }
    provider.state().who = somebody("9", "carol@example.org", true);
    let (back, state) = provider.visit(&server, &caller, &path).await;
    // logged out meanwhile, or somebody else's browser
    let gone = come_back(&server.anybody(), &back, &state).await;
    assert_eq!((gone.status, gone.detail()), (403, "User ID mismatch."));
    let (back, state) = provider.visit(&server, &caller, &path).await;
    let linked = come_back(&server.anybody(), &back, &cookies(&token, &state)).await;
    assert_eq!((linked.status, linked.headers["location"].to_str().unwrap()), (307, "/account"), "{}", linked.text);
    let account = me(&server, &provider.browse(&server, Kind::Google).await).await;
    assert_eq!((&account["id"], &account["username"]), (&json!(id), &json!("carol")));
    assert_eq!(account["email"], "carol@example.org", "verified by the provider, and nobody else's");

    // what opens one account does not come to open another
    let token = mallory_token(&server).await;
    let thief = server.bearer(&token);
    let own = thief.get("/api/v1/auth").await.ok()["id"].as_str().unwrap().to_owned();
    let (back, state) = provider.visit(&server, &thief, &format!("/api/v1/auth/google?user_id={own}")).await;
    let refused = come_back(&server.anybody(), &back, &cookies(&token, &state)).await;
    assert_eq!((refused.status, refused.detail()), (403, "This login opens another account."));
    provider.state().who = somebody("10", "carol@example.org", true);
    let (back, state) = provider.visit(&server, &thief, &format!("/api/v1/auth/google?user_id={own}")).await;
    let refused = come_back(&server.anybody(), &back, &cookies(&token, &state)).await;
    assert_eq!((refused.status, refused.detail()), (403, "Email already used."));
}

async fn mallory_token(server: &Server) -> String {
    let login = json!({ "username": "mallory", "password": "correct horse" });
    server.anybody().post("/api/v1/auth", login).await.ok()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn first_logins_at_the_same_time_open_one_account() {
    let plan = Plan::postgres().await;
    let provider = Provider::start(plan.clock.clone()).await;
    let server = Plan { logins: provider.logins(), ..plan }.start().await;
    let twin = server.twin().start().await;
    server.super_user().await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(provider.code(None).await);
    }
    let doors: [Caller; 2] = [server.anybody(), twin.anybody()];
    let all = codes.into_iter().enumerate().map(|(number, code)| {
        let door = doors[number % 2].clone();
        async move { door.post("/api/v1/auth/keycloak/token", code).await }
    });
    let mut ids = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(all).await {
        let account = me(&server, &answer).await;
        ids.insert(account["id"].as_str().unwrap().to_owned());
        assert_eq!(account["wallets"].as_array().unwrap().len(), 1);
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_or_comes_too_late_gets_no_account() {
    let (server, provider) = houses().await;
    let account = me(&server, &provider.browse(&server, Kind::Oidc).await).await;
    let id: satchel::domain::AccountId = account["id"].as_str().unwrap().parse().unwrap();
    let stored = server.store.account_find(id).await.unwrap().unwrap();
    let was = stored.updated_at;
    server.store.account_update(Account { activated: false, ..stored }, was).await.unwrap();
    let shut = provider.browse(&server, Kind::Oidc).await;
    assert_eq!((shut.status, shut.detail()), (401, "User is not activated."));

    let mut plan = server.stop().await;
    plan.limits.allow_new_accounts = false;
    let server = plan.start().await;
    provider.state().who = somebody("2", "late@example.org", true);
    let late = provider.browse(&server, Kind::Oidc).await;
    assert_eq!((late.status, late.detail()), (400, "Account creation is disabled."));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_or_not_there_is_said() {
    let plan = Plan::sqlite().seeded();
    let provider = Provider::start(plan.clock.clone()).await;
    let mut logins = provider.logins();
    logins.methods.retain(|method| method.name() != "github-auth");
    logins.google = None;
    logins.keycloak.as_mut().unwrap().discovery_url = "http://127.0.0.1:1/nobody".into();
    logins.oidc.as_mut().unwrap().discovery_url = format!("{}/nothing", provider.url);
    let server = Plan { logins, ..plan }.start().await;
    server.super_user().await;
    let exchange = json!({ "code": "c", "code_verifier": "v".repeat(43), "redirect_uri": "https://a.example" });
    for name in ["google", "github", "facebook", "Google", "oidc%20"] {
        let shown = name.replace("%20", " ");
        let path = format!("/api/v1/auth/{name}");
        let callback = format!("{path}/token");
        for answer in [
            server.anybody().get(&path).await,
            server.anybody().get(&format!("{callback}?code=c&state=s")).await,
            server.anybody().post(&callback, exchange.clone()).await,
        ] {
            assert_eq!((answer.status, answer.detail()), (403, format!("Login by '{shown}' not allowed.").as_str()));
        }
    }
    for (name, why) in [("keycloak", "cannot be reached"), ("oidc", "answers 404")] {
        for answer in [
            server.anybody().get(&format!("/api/v1/auth/{name}")).await,
            server.anybody().post(&format!("/api/v1/auth/{name}/token"), exchange.clone()).await,
        ] {
            assert_eq!(answer.status, 503, "{}", answer.text);
            assert_eq!(answer.body["code"], "login_provider_unavailable");
            assert!(answer.detail().contains(why), "{}", answer.text);
        }
    }
    let short = server.anybody().send(Method::POST, "/api/v1/auth/oidc/token", Some(json!({ "code": "c" }))).await;
    assert_eq!(short.status, 400);
}
