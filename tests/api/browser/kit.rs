//! A browser for a test: headless Chromium, driven by WebDriver, and what is asked of every page it shows.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Server};

/// The widths that every page is looked at in.
const WIDTHS: [(u64, u64); 2] = [(360, 740), (1280, 800)];
/// How long a page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(25);

/// A window of a browser of its own.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) url: String,
    driver: Child,
    port: u16,
    session: String,
    http: reqwest::Client,
    profile: PathBuf,
    /// Words of errors that the test provokes, answers of the server among them; the browser reports each.
    refusals: Vec<String>,
    /// Beginnings of addresses elsewhere that the test has to do with.
    others: Vec<String>,
    /// Requests so far, by address, with what they weighed on the wire.
    pub(crate) requests: Vec<(String, f64)>,
}

impl Browser {
    /// Opens one for this server.
    pub(crate) async fn open(server: &Server) -> Self {
        let (driver, port) = start_driver();
        let profile = std::env::temp_dir().join(format!("satchel-browser-{}-{port}", std::process::id()));
        fs::create_dir_all(&profile).unwrap();
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--disable-features=Translate,MediaRouter,OptimizationHints",
            "--lang=en-US",
            "--window-size=1280,800",
            "--use-fake-device-for-media-stream",
        ];
        let args: Vec<String> = args
            .iter()
            .map(|arg| (*arg).to_owned())
            .chain([format!("--user-data-dir={}", profile.display())])
            .collect();
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "script": 30_000, "pageLoad": 60_000 },
        });
        let wanted = wanted.as_object().unwrap().clone();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromium does not start");
        let session = client.session_id().await.unwrap().unwrap();
        let http = reqwest::Client::new();
        // chromium takes 127.0.0.1 for no name that passkeys could be bound to
        let url = server.url.clone();
        let browser = Self {
            client,
            url,
            driver,
            port,
            session,
            http,
            profile,
            refusals: Vec::new(),
            others: Vec::new(),
            requests: Vec::new(),
        };
        // the page that it opens with is its own: none of that counts
        browser.client.goto("about:blank").await.unwrap();
        browser.log("performance").await;
        browser.on_every_page(WATCH).await;
        browser.resize(WIDTHS[1]).await;
        browser
    }

    /// A command of the DevTools protocol.
    pub(crate) async fn cdp(&self, command: &str, params: Value) -> Value {
        self.chromium("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// A command that WebDriver does not have but chromedriver does.
    pub(crate) async fn chromium(&self, path: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{}/session/{}/{path}", self.port, self.session);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()["value"].clone()
    }

    /// Runs a script in every page before its own.
    pub(crate) async fn on_every_page(&self, script: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// These answers of the server are what the test is about.
    pub(crate) fn expects(&mut self, status: u16) {
        self.refusals.push(format!("a status of {status} "));
    }

    /// An error with this word is what the test is about.
    pub(crate) fn expects_word(&mut self, word: &str) {
        self.refusals.push(word.to_owned());
    }

    /// This other server is part of the test.
    pub(crate) fn knows(&mut self, url: &str) {
        self.others.push(url.to_owned());
    }

    /// Signs in by name and password, and waits for the wallet.
    pub(crate) async fn sign_in(&self, name: &str) {
        self.visit("/").await;
        self.write("Username or e-mail", name).await;
        self.write("Password", PASSWORD).await;
        self.press("Sign in").await;
        self.reads("History").await;
    }

    /// Opens a page of the server and waits until it is there.
    pub(crate) async fn visit(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.url)).await.unwrap();
        self.until("!document.getElementById('app') || document.documentElement.dataset.ready").await;
    }

    /// What a script answers.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let begun = std::time::Instant::now();
        while self.run(&script).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let text = self.run("return document.body.innerText").await;
                self.shoot("failed").await;
                panic!("never came true: {expression}\non {}:\n{}", self.path().await, text.as_str().unwrap());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the page says so.
    pub(crate) async fn reads(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Where the browser is: the address below the server's.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap().to_string();
        url.strip_prefix(&self.url).unwrap_or(&url).to_owned()
    }

    /// The control of this name: a button or link that says so, or a field with that label.
    pub(crate) async fn control(&self, name: &str) -> Element {
        let find = format!("window.satchelFind({})", json!(name));
        self.until(&find).await;
        self.run(&format!("{find}.setAttribute('data-found', {})", json!(name))).await;
        let found = self.client.find(Locator::Css("[data-found]")).await.unwrap();
        self.run("document.querySelectorAll('[data-found]').forEach((one) => one.removeAttribute('data-found'))").await;
        found
    }

    /// Presses it.
    pub(crate) async fn press(&self, name: &str) {
        let control = self.control(name).await;
        control.click().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Types into the field of this label, over what is there.
    pub(crate) async fn write(&self, label: &str, text: &str) {
        let control = self.control(label).await;
        control.clear().await.unwrap_or_else(|error| panic!("{label}: {error}"));
        control.send_keys(text).await.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Types with the keyboard, into whatever has the focus.
    pub(crate) async fn keys(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// Goes on by the tabulator until the control of this name has the focus.
    pub(crate) async fn keys_until(&self, name: &str) {
        let there = format!("return document.activeElement === window.satchelFind({})", json!(name));
        for _ in 0..40 {
            if self.run(&there).await == json!(true) {
                return;
            }
            self.tabulator().await;
        }
        panic!("the tabulator never comes to {name}");
    }

    async fn tabulator(&self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
            self.cdp("Input.dispatchKeyEvent", key).await;
        }
    }

    async fn resize(&self, (width, height): (u64, u64)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Looks at what is shown, in every width, by day and by night: takes a picture as `flow`, and asks whether
    /// everybody can use it.
    pub(crate) async fn look(&self, flow: &str) {
        let theme = self.run("return document.documentElement.dataset.theme ?? null").await;
        let mut found = Vec::new();
        for size in WIDTHS {
            self.resize(size).await;
            self.until(&format!("innerWidth === {}", size.0)).await;
            for shade in ["dark", "light"] {
                self.run(&format!("document.documentElement.dataset.theme = '{shade}'")).await;
                self.settled().await;
                let audit = self.run(include_str!("audit.js")).await;
                let audit = audit.as_array().unwrap().iter();
                found.extend(audit.map(|text| format!("{} {shade}: {}", size.0, text.as_str().unwrap())));
            }
            self.shoot(&format!("{flow}-{}", size.0)).await;
        }
        self.run(&format!("const to = {theme}; if (to) document.documentElement.dataset.theme = to; else delete document.documentElement.dataset.theme")).await;
        assert_eq!(found, Vec::<String>::new(), "{flow}");
        self.tab_through(flow).await;
    }

    /// Until nothing moves any more.
    async fn settled(&self) {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => \
            Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity)\
            .map((one) => one.finished.catch(() => 0))).then(() => done(true))))";
        self.client.execute_async(script, Vec::new()).await.unwrap();
    }

    /// Everything that can be used is reached by the tabulator, in the order in which it stands there.
    async fn tab_through(&self, flow: &str) {
        let count = self.run("return window.satchelStops()").await.as_u64().unwrap();
        let mut reached = Vec::new();
        // a field for a date is several stops
        for _ in 0..count * 4 + 4 {
            self.tabulator().await;
            let at = self.run("return window.satchelStop()").await;
            if let Some(at) = at.as_u64()
                && reached.last() != Some(&at)
            {
                reached.push(at);
            }
            if u64::try_from(reached.len()).unwrap() >= count {
                break;
            }
        }
        let all: Vec<u64> = (0..count).collect();
        let names = self.run("return window.satchelStopNames()").await;
        assert_eq!(reached, all, "{flow}: the order in which the tabulator goes through {names}");
    }

    /// Keeps a picture of the whole page in `target/screenshots`.
    pub(crate) async fn shoot(&self, name: &str) {
        let size = self.run("return [innerWidth, Math.min(4000, document.querySelector('dialog[open]') ? innerHeight : document.documentElement.scrollHeight), innerHeight]").await;
        let of = |at: usize| size[at].as_u64().unwrap();
        self.resize((of(0), of(1).max(of(2)))).await;
        self.settled().await;
        let shot = self.cdp("Page.captureScreenshot", json!({ "format": "png" })).await;
        self.resize((of(0), of(2))).await;
        let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, shot["data"].as_str().unwrap());
        let folder = screenshots();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), png.unwrap()).unwrap();
    }

    /// What the browser has to say of what happened so far: errors, what the policy stopped, requests to others.
    pub(crate) async fn complaints(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in self.log("browser").await {
            let message = entry["message"].as_str().unwrap_or_default();
            let provoked = self.refusals.iter().any(|word| message.contains(word.as_str()));
            if entry["level"] == "SEVERE" && !provoked {
                found.push(message.to_owned());
            }
        }
        for violation in self.run("return window.satchelViolations ?? []").await.as_array().unwrap() {
            found.push(format!("policy: {violation}"));
        }
        found.extend(self.requested().await);
        found
    }

    /// Takes note of the requests since the last time; answers those that went elsewhere.
    async fn requested(&mut self) -> Vec<String> {
        let mut foreign = Vec::new();
        let mut open: Vec<(String, String)> = Vec::new();
        for entry in self.log("performance").await {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let (method, params) =
                (event["message"]["method"].as_str().unwrap_or_default(), &event["message"]["params"]);
            let id = params["requestId"].as_str().unwrap_or_default().to_owned();
            if method == "Network.requestWillBeSent" {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                let others = self.others.iter().map(String::as_str);
                let own = [self.url.as_str(), "data:", "blob:", "about:", "chrome://"]
                    .into_iter()
                    .chain(others)
                    .any(|start| url.starts_with(start));
                if !own {
                    foreign.push(format!("a request to {url}"));
                }
                open.push((id, url.to_owned()));
            } else if method == "Network.loadingFinished"
                && let Some((_, url)) = open.iter().find(|(known, _)| *known == id)
            {
                self.requests.push((url.clone(), params["encodedDataLength"].as_f64().unwrap_or_default()));
            }
        }
        foreign
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        self.chromium("se/log", json!({ "type": kind })).await.as_array().cloned().unwrap_or_default()
    }

    /// Ends it; there must be nothing to complain of.
    pub(crate) async fn close(mut self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
    }
}

impl Drop for Browser {
    /// Ends chromium, too, when the test fails: it lives as long as its session, not as its driver.
    fn drop(&mut self) {
        let request =
            format!("DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", self.session);
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
            drop(stream.write_all(request.as_bytes()));
            drop(stream.read(&mut [0; 64]));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
        drop(fs::remove_dir_all(&self.profile));
    }
}

/// Where the pictures are kept.
pub(crate) fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("screenshots")
}

/// Starts chromedriver on a port that it chooses.
fn start_driver() -> (Child, u16) {
    let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut driver = started.expect("chromedriver is missing; ./test installs chromium and chromium-driver");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().find_map(|line| {
        let line = line.ok()?;
        line.contains("started successfully").then(|| line.trim_end_matches('.').rsplit(' ').next()?.parse().ok())?
    });
    // read on, so that it never waits for somebody to listen
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port.expect("chromedriver did not name its port"))
}

/// What every page is watched by.
const WATCH: &str = include_str!("watch.js");
