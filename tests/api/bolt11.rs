//! The examples of BOLT 11, and further ones, through the API: what is valid is read to the last field, what is not
//! is refused with a reason.

use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use lightning_invoice::{Currency, SignedRawBolt11Invoice};
use serde_json::{Map, Value, json};

use crate::harness::{Answer, Server};

/// Where this server knowingly reads otherwise than recommended, and why. Each must still be true.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("p of 53 before the good one", "an example of BOLT 11 itself skips fields of a wrong length"),
    ("amount 0", "readable, and treated as no amount: paying refuses it"),
    ("no features with s", "lightning-invoice refuses a payment secret whose feature bit is not set"),
];

fn vectors(list: &str) -> Vec<Value> {
    let text = include_str!("../data/bolt11.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let found = all[list].as_array().unwrap().clone();
    assert!(found.len() >= 10, "{list} has only {} examples", found.len());
    found
}

async fn decode(server: &Server, invoice: &Value) -> Answer {
    server.anybody().post("/api/v1/payments/decode", json!({ "data": invoice })).await
}

/// What differs between the answer and what the example says, field by field.
fn differences(expect: &Map<String, Value>, seen: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, wanted) in expect {
        let (name, wanted) = match name.as_str() {
            // only a part of the signature; a wrong one yields another payee
            "recovery_id" => continue,
            "timestamp" => ("date", wanted.clone()),
            "amount_msat" => ("amount_msat", if wanted.is_null() { json!(0) } else { wanted.clone() }),
            "features" => ("features", features(wanted)),
            // answered is the preferred one, which stands first
            "fallbacks" => ("fallback", wanted[0].clone()),
            "route_hints" => ("route_hints", hints(wanted)),
            name => (name, wanted.clone()),
        };
        // an absent field is null here
        if seen[name] != wanted {
            wrong.push(format!("{name}: {} instead of {wanted}", seen[name]));
        }
    }
    wrong
}

fn features(bits: &Value) -> Value {
    let name = |bit: u64| match bit / 2 {
        4 => "var_onion_optin".to_owned(),
        7 => "payment_secret".to_owned(),
        8 => "basic_mpp".to_owned(),
        24 => "payment_metadata".to_owned(),
        other => format!("extra_{other}"),
    };
    let bits = bits.as_array().unwrap().iter().map(|bit| bit.as_u64().unwrap());
    bits.map(|bit| (name(bit), json!(if bit % 2 == 0 { "required" } else { "supported" })))
        .collect::<Map<_, _>>()
        .into()
}

fn hints(hints: &Value) -> Value {
    let hop = |hop: &Value| {
        json!({
            "public_key": hop["pubkey"],
            "short_channel_id": hop["short_channel_id"],
            "base_fee": hop["fee_base_msat"],
            "ppm_fee": hop["fee_proportional_millionths"],
            "cltv_expiry_delta": hop["cltv_expiry_delta"],
        })
    };
    let hint = |hint: &Value| Value::from(hint.as_array().unwrap().iter().map(hop).collect::<Vec<_>>());
    hints.as_array().unwrap().iter().map(hint).collect::<Vec<_>>().into()
}

fn is_refusal(answer: &Answer) -> bool {
    let said = |name: &str| answer.body[name].as_str().is_some_and(|text| text.starts_with("Failed to decode"));
    answer.status == 400 && said("message") && said("detail")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_valid_examples_are_read_to_the_last_field() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for example in vectors("valid") {
        let answer = decode(&server, &example["invoice"]).await;
        if answer.status != 200 {
            wrong.push(format!("{}: {} {}", example["name"], answer.status, answer.text));
            continue;
        }
        let expect = example["expect"].as_object().unwrap();
        assert!(expect.len() >= 14, "{} says too little", example["name"]);
        wrong.extend(differences(expect, &answer.body).into_iter().map(|text| format!("{}: {text}", example["name"])));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invalid_examples_are_refused_with_a_reason() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for example in vectors("invalid") {
        let answer = decode(&server, &example["invoice"]).await;
        if !is_refusal(&answer) {
            wrong.push(format!("{}: {} {}", example["name"], answer.status, answer.text));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn further_examples_are_read_as_recommended_but_for_the_named_exceptions() {
    let server = Server::start().await;
    let (mut wrong, mut differing) = (Vec::new(), Vec::new());
    for example in vectors("more") {
        let answer = decode(&server, &example["invoice"]).await;
        if answer.status != 200 && !is_refusal(&answer) {
            wrong.push(format!("{}: {} {}", example["name"], answer.status, answer.text));
        }
        if (answer.status == 200) != example["valid"].as_bool().unwrap() {
            differing.push(example["name"].as_str().unwrap().to_owned());
        }
        if let (200, Some(expect)) = (answer.status, example["expect"].as_object()) {
            wrong.extend(
                differences(expect, &answer.body).into_iter().map(|text| format!("{}: {text}", example["name"])),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let mut named: Vec<_> = EXCEPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    named.sort();
    differing.sort();
    assert_eq!(differing, named);
}

/// The same invoice for the network of the test server, signed anew.
fn on_regtest(invoice: &str) -> String {
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    let mut raw = invoice.parse::<SignedRawBolt11Invoice>().unwrap().raw_invoice().clone();
    raw.hrp.currency = Currency::Regtest;
    let sign = |hash: &Message| Ok::<_, ()>(Secp256k1::new().sign_ecdsa_recoverable(hash, &key));
    raw.sign(sign).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_nothing_is_not_paid() {
    let server = Server::start().await;
    let wallet = server.wallet(1000).await;
    for (list, name) in [("valid", "donation without amount"), ("more", "amount 0")] {
        let example = vectors(list).into_iter().find(|example| example["name"] == name).unwrap();
        let answer = wallet.pay(&on_regtest(example["invoice"].as_str().unwrap())).await;
        assert_eq!((answer.status, answer.detail()), (520, "Amountless invoices not supported."), "{name}");
        assert_eq!(wallet.balance().await, 1_000_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_read_with_its_uri_scheme_and_in_one_case_only() {
    let server = Server::start().await;
    let example = vectors("valid").swap_remove(1);
    let (text, hash) = (example["invoice"].as_str().unwrap(), &example["expect"]["payment_hash"]);
    let upper = text.to_uppercase();
    for data in [format!("lightning:{text}"), format!("LIGHTNING:{upper}"), upper.clone()] {
        assert_eq!(&decode(&server, &json!(data)).await.ok()["payment_hash"], hash, "{data}");
    }
    let mixed = format!("{}{}", &upper[..8], &text[8..]);
    assert!(is_refusal(&decode(&server, &json!(mixed)).await));
}
