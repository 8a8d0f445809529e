//! Pictures, short addresses and QR codes, from outside.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Caller, Server};

/// A PNG of one white pixel, with a text after its end.
fn png() -> Vec<u8> {
    let base = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
    let mut file = data_encoding::BASE64.decode(base.as_bytes()).unwrap();
    file.extend_from_slice(b"<script>alert(1)</script>");
    file
}

async fn send(caller: &Caller, query: &str, mime: Option<&str>, file: &[u8]) -> Answer {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../me.png\"\r\n".to_vec();
    if let Some(mime) = mime {
        body.extend_from_slice(format!("Content-Type: {mime}\r\n").as_bytes());
    }
    body.extend_from_slice(b"\r\n");
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let kind = [("Content-Type", "multipart/form-data; boundary=b")];
    caller.raw(Method::POST, &format!("/api/v1/assets{query}"), Some(body), &kind).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_sniffed_bounded_and_written_anew() {
    let server = Server::start().await;
    let (user, other) = (server.user("walter").await, server.user("other").await);
    let kept = send(&user, "", Some("image/png"), &png()).await.ok();
    let (id, name) = (kept["id"].as_str().unwrap().to_owned(), kept["name"].as_str().unwrap());
    assert_eq!((name, &kept["mime_type"], &kept["is_public"]), ("me.png", &json!("image/png"), &json!(false)));
    assert!(kept["thumbnail_base64"].as_str().unwrap().starts_with("iVBOR"));
    let path = format!("/api/v1/assets/{id}");
    let file = user.get(&format!("{path}/data")).await;
    assert_eq!((file.status, file.headers["content-type"].to_str().unwrap()), (200, "image/png"));
    assert_eq!(file.headers["x-content-type-options"], "nosniff");
    assert!(file.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(!file.text.contains("script"));
    // nobody else knows of it before it is public
    for caller in [&other, &server.anybody()] {
        for part in ["data", "thumbnail"] {
            assert_eq!(caller.get(&format!("{path}/{part}")).await.detail(), "Asset not found.");
        }
    }
    assert_eq!(other.put(&path, json!({ "is_public": true })).await.status, 404);
    assert_eq!(other.delete(&path).await.status, 404);
    let changed = user.put(&path, json!({ "name": "face", "is_public": true })).await.ok();
    assert_eq!((&changed["name"], &changed["is_public"]), (&json!("face"), &json!(true)));
    assert_eq!(server.anybody().get(&format!("{path}/thumbnail")).await.status, 200);
    assert_eq!(other.get(&path).await.status, 404);
    let root = server.super_user().await;
    assert_eq!(root.put(&path, json!({ "is_public": false })).await.ok()["name"], "face");
    let page = user.get("/api/v1/assets/paginated?search=fac").await.ok();
    assert_eq!((&page["total"], &page["data"][0]["id"]), (&json!(1), &json!(id)));
    for (mime, file, text) in [
        (None, png(), "File must have a content type."),
        (Some("text/html"), png(), "File type 'text/html' not allowed."),
        (Some("image/heic"), png(), "File type 'image/heic' not allowed."),
        (
            Some("image/jpeg"),
            png(),
            "Image file content does not match declared file type. Declared: 'image/jpeg', detected: 'image/png'.",
        ),
        (
            Some("image/png"),
            b"<svg onload=alert(1)/>".to_vec(),
            "Image file content does not match declared file type. Declared: 'image/png', detected: 'nothing known'.",
        ),
        (Some("image/png"), vec![0; 3_000_000], "File limit of 2.5MB exceeded."),
    ] {
        let answer = send(&user, "", mime, &file).await;
        assert_eq!((answer.status, answer.detail()), (400, text));
    }
    assert!(send(&user, "", Some("image/png"), &png()[..40]).await.detail().starts_with("Image file content"));
    assert_eq!(user.post("/api/v1/assets", json!({})).await.body["detail"][0]["loc"], json!(["body", "file"]));
    assert_eq!(user.delete(&path).await.ok(), "Asset deleted successfully.");
    assert_eq!(user.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_keeps_as_many_pictures_as_the_settings_say() {
    let server = Server::start().await;
    let (root, user) = (server.super_user().await, server.user("walter").await);
    let settings = json!({ "lnbits_max_assets_per_user": 2, "lnbits_max_asset_size_mb": 0.0001 });
    root.put("/admin/api/v1/settings", settings).await.ok();
    let file = &png()[..70];
    for _ in 0..2 {
        assert_eq!(send(&user, "?public_asset=true", Some("image/png"), file).await.ok()["is_public"], true);
    }
    let answer = send(&user, "", Some("image/png"), file).await;
    assert_eq!((answer.status, answer.detail()), (400, "Max upload count of 2 exceeded."));
    assert_eq!(send(&user, "", Some("image/png"), &png().repeat(2)).await.detail(), "File limit of 0.0001MB exceeded.");
    for _ in 0..3 {
        send(&root, "", Some("image/png"), file).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_addresses_get_short_names() {
    let server = Server::start().await;
    let (wallet, other) = (server.wallet(0).await, server.wallet(0).await);
    let path = "/api/v1/tinyurl?url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1&endless=true";
    let made = wallet.admin.post(path, Value::Null).await.ok();
    let id = made["id"].as_str().unwrap();
    assert_eq!((id.len(), &made["url"], &made["endless"]), (8, &json!("https://a.example/x?y=1"), &json!(true)));
    assert_eq!(wallet.admin.post(path, Value::Null).await.ok()["id"], id);
    assert_ne!(other.admin.post(path, Value::Null).await.ok()["id"], id);
    assert_eq!(wallet.invoice.post(path, Value::Null).await.status, 403);
    let own = format!("/api/v1/tinyurl/{id}");
    assert_eq!(wallet.invoice.get(&own).await.ok(), made);
    assert_eq!((other.invoice.get(&own).await.status, other.admin.delete(&own).await.status), (404, 400));
    let there = server.anybody().get(&format!("/t/{id}")).await;
    assert_eq!((there.status, there.headers["location"].to_str().unwrap()), (307, "https://a.example/x?y=1"));
    for url in ["javascript:alert(1)", "data:text/html,x", "//a.example", "https%3A%2F%2Fa.example%0d%0aX", ""] {
        let answer = wallet.admin.post(&format!("/api/v1/tinyurl?url={url}"), Value::Null).await;
        assert_eq!((answer.status, answer.detail()), (400, "Unable to create tinyurl"), "{url}");
    }
    assert_eq!(wallet.admin.delete(&own).await.ok(), json!({ "deleted": true }));
    let gone = server.anybody().get(&format!("/t/{id}")).await;
    assert_eq!((gone.status, gone.detail()), (404, "unable to find tinyurl"));
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_drawn() {
    let server = Server::start().await;
    let drawn = server.anybody().get("/api/v1/qrcode/lnbc1x").await;
    assert_eq!((drawn.status, drawn.headers["content-type"].to_str().unwrap()), (200, "image/svg+xml"));
    assert!(drawn.headers["cache-control"].to_str().unwrap().contains("no-store"));
    assert!(drawn.text.contains("<svg") && drawn.text.contains("<path"));
    assert_eq!(server.anybody().get("/api/v1/qrcode?data=lnbc1x").await.text, drawn.text);
    let other = server.anybody().get("/api/v1/qrcode?data=%3Cscript%3E").await;
    assert!(other.status == 200 && other.text != drawn.text && !other.text.contains("script"));
    assert_eq!(server.anybody().get(&format!("/api/v1/qrcode?data={}", "x".repeat(2300))).await.status, 200);
    assert_eq!(server.anybody().get(&format!("/api/v1/qrcode?data={}", "x".repeat(3000))).await.status, 400);
    assert_eq!(server.anybody().get("/api/v1/qrcode").await.status, 400);
}
