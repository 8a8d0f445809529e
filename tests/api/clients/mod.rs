//! Client libraries of the LNbits API, as they come from their registries, play a wallet story. What goes over the
//! wire is compared with a transcript in tests/clients/transcripts, so that a change that a client can see is one
//! that a reviewer sees.

use std::{env, path::PathBuf, process::Stdio};

use satchel::{
    domain::{Status, limits::Limits},
    funding::simulated::Ending,
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use self::recorder::Recorder;
use crate::harness::{Plan, Server, Wallet, hash_of};

#[path = "../../clients/lnbits_rs.rs"]
mod lnbits_rs;
mod recorder;
mod transcript;

/// The memo of the payments that close a transcript.
const END: &str = "the end of the transcript";

/// Two wallets, and whoever writes down what their clients and the server say to each other.
struct Stage {
    server: Server,
    recorder: Recorder,
    a: Wallet,
    b: Wallet,
}

impl Stage {
    async fn set(a_sat: i64, b_sat: i64) -> Self {
        let plan = Plan::sqlite();
        // as long as a server waits by default, so that on a slow machine too only what hangs is told to be pending
        let limits = Limits { pay_wait_ms: Limits::default().pay_wait_ms, ..plan.limits.clone() };
        let server = Plan { limits, ..plan }.start().await;
        let (a, b) = (server.wallet(a_sat).await, server.wallet(b_sat).await);
        let recorder = Recorder::start(&server.url);
        Self { server, recorder, a, b }
    }

    /// A program that reads the keys from its environment and nothing else from its surroundings.
    fn story(&self, program: PathBuf, story: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg(format!("{}/tests/clients/{story}", env!("CARGO_MANIFEST_DIR")))
            .arg(&self.recorder.url)
            .current_dir("/")
            .env("HOME", "/nonexistent")
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .env("ADMIN_KEY_A", &self.a.admin_key)
            .env("INVOICE_KEY_A", &self.a.invoice_key)
            .env("ADMIN_KEY_B", &self.b.admin_key)
            .env("INVOICE_KEY_B", &self.b.invoice_key)
            .env("OUTSIDE_PAID", self.server.outside_invoice(2_000_000, ""))
            .env("OUTSIDE_FAILED", self.server.outside_invoice(1_000_000, "sim:fail"))
            .env("OUTSIDE_LATE", self.server.outside_invoice(500_000, "sim:late"));
        command
    }

    /// Plays a story to its end, and does what it asks for.
    async fn play(&self, mut story: Command) {
        let pipes = story.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut player = pipes.spawn().unwrap();
        let mut answers = player.stdin.take().unwrap();
        let mut errors = player.stderr.take().unwrap();
        let failed = tokio::spawn(async move {
            let mut text = String::new();
            errors.read_to_string(&mut text).await.map(|_| text)
        });
        let mut said = String::new();
        let mut lines = BufReader::new(player.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(wish) = line.strip_prefix("please ") {
                self.fulfil(wish).await;
                answers.write_all(b"done\n").await.unwrap();
            }
            said = said + &line + "\n";
        }
        let (status, failed) = (player.wait().await.unwrap(), failed.await.unwrap().unwrap());
        assert!(status.success(), "{said}{failed}");
        assert!(said.ends_with("ok the story is told\n"), "{said}{failed}");
    }

    async fn fulfil(&self, wish: &str) {
        match wish.split_once(' ') {
            Some(("pay", bolt11)) => self.server.ledger().pay_from_outside(bolt11, None).unwrap(),
            Some(("resolve", bolt11)) => {
                assert!(self.server.node.resolve(&hash_of(bolt11), Ending::Paid));
                self.server.until(&self.a, &hash_of(bolt11).to_string(), Status::Success).await;
            }
            _ => panic!("the story asks for {wish:?}"),
        }
    }

    /// The balances in satoshi must be these, the ledger sound, and the transcript as it was.
    async fn end(self, name: &str, a_sat: i64, b_sat: i64) {
        assert_eq!((self.a.balance().await, self.b.balance().await), (a_sat * 1000, b_sat * 1000));
        self.server.assert_sound().await;
        for wallet in [&self.a, &self.b] {
            let last =
                wallet.invoice.post("/api/v1/payments", json!({ "out": false, "amount": 1, "memo": END })).await.ok();
            self.server.ledger().pay_from_outside(last["bolt11"].as_str().unwrap(), None).unwrap();
        }
        let record = self.recorder.until_all_heard(END).await;
        let host = self.recorder.url.trim_start_matches("http://").to_owned();
        let mut names = vec![(host, "<host>".to_owned())];
        for (wallet, letter) in [(self.a, 'A'), (self.b, 'B')] {
            names.push((wallet.admin_key, format!("<admin key of {letter}>")));
            names.push((wallet.invoice_key, format!("<invoice key of {letter}>")));
            names.push((wallet.id.to_string(), format!("<wallet {letter}>")));
        }
        let page = transcript::page(&record, names);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("../../clients/transcripts");
        settings.bind(|| insta::assert_snapshot!(name, page));
    }
}

/// Where `./test` has installed a client.
fn installed(client: &str, path: &str) -> PathBuf {
    let folders = env::var("SATCHEL_TEST_CLIENTS")
        .expect("SATCHEL_TEST_CLIENTS is not set: run ./test, which installs the clients");
    PathBuf::from(format!("{folders}-{client}/{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pylnbits_plays_its_story() {
    let stage = Stage::set(10, 1000).await;
    stage.play(stage.story(installed("pylnbits", "bin/python"), "pylnbits_story.py")).await;
    stage.end("pylnbits", 10, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cashu_mint_plays_its_story() {
    let stage = Stage::set(5000, 1000).await;
    stage.play(stage.story(installed("cashu", "bin/python"), "cashu_story.py")).await;
    stage.end("cashu", 2519, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_plays_its_story() {
    let stage = Stage::set(10, 4000).await;
    let mut story = stage.story("node".into(), "npm_story.cjs");
    story.env("NODE_PATH", installed("npm", "node_modules"));
    stage.play(story).await;
    stage.end("npm", 10, 1998).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lnbits_rs_plays_its_story() {
    let stage = Stage::set(0, 1000).await;
    let keys =
        |wallet: &Wallet| lnbits_rs::Keys { admin: wallet.admin_key.clone(), invoice: wallet.invoice_key.clone() };
    lnbits_rs::story(&stage.recorder.url, keys(&stage.a), keys(&stage.b)).await;
    stage.end("lnbits_rs", 0, 1000).await;
}
