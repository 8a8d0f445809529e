//! The image and the compose file agree with the program and with each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    process::{Command, Output},
};

use crate::harness::Server;

const DOCKERFILE: &str = include_str!("../../docker/Dockerfile");
const COMPOSE: &str = include_str!("../../docker/compose.yaml");
const CARGO: &str = include_str!("../../Cargo.toml");
/// Secrets are no flags, so that `--help` does not name them; the module's documentation does.
const CONFIG: &str = include_str!("../../src/config/mod.rs");

fn satchel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_satchel"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SATCHEL_") {
            command.env_remove(name);
        }
    }
    command.env_remove("DATABASE_URL").env_remove("AUTH_SECRET_KEY").args(arguments).output().unwrap()
}

fn help(arguments: &[&str]) -> String {
    let output = satchel(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of environment variables of ours in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let ours = |word: &&str| {
        let families = ["SATCHEL_", "AUTH_", "GOOGLE_", "GITHUB_", "KEYCLOAK_", "OIDC_", "NOSTR_"];
        let named = |family: &&str| word.strip_prefix(*family).is_some_and(|rest| !rest.is_empty());
        families.iter().any(named) || *word == "DATABASE_URL"
    };
    words.filter(ours).map(str::to_owned).collect()
}

/// The environment of the compose file, commented lines too.
fn compose_environment() -> BTreeMap<String, String> {
    let lines = COMPOSE.lines().map(|line| line.trim().trim_start_matches("# "));
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let ours = pairs.filter(|(name, _)| variables(name).contains(*name));
    ours.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// What the Dockerfile's `ENV` sets.
fn image_environment() -> BTreeMap<String, String> {
    let (_, rest) = DOCKERFILE.split_once("\nENV ").expect("the Dockerfile has no ENV");
    let mut pairs = BTreeMap::new();
    for line in rest.lines() {
        let (name, value) = line.trim_end_matches('\\').trim().split_once('=').expect(line);
        pairs.insert(name.to_owned(), value.to_owned());
        if !line.ends_with('\\') {
            break;
        }
    }
    pairs
}

/// The value behind an instruction of the Dockerfile, the last one if there are several.
fn instruction(name: &str) -> &'static str {
    let line = DOCKERFILE.lines().rev().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("the Dockerfile has no {name}"))
}

#[test]
fn the_variables_are_those_that_the_program_knows() {
    let documentation: String = CONFIG.lines().filter(|line| line.starts_with("//!")).collect();
    let known = variables(&documentation);
    let flags = variables(&help(&["serve", "--help"]));
    assert!(flags.len() >= 6, "{flags:?}");
    assert_eq!(flags.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "flags src/config does not list");
    let offered: BTreeSet<_> = compose_environment().into_keys().collect();
    assert_eq!(offered, known, "compose.yaml against src/config");
    assert_eq!(variables(COMPOSE), known, "in the text of compose.yaml");
    let image: BTreeSet<_> = image_environment().into_keys().collect();
    assert!(image.is_subset(&known), "{image:?}");
    assert!(variables(DOCKERFILE).is_subset(&known));
}

#[test]
fn the_commands_exist() {
    let commands = help(&["--help"]);
    let listed = |name: &str| commands.lines().any(|line| line.trim_start().split(' ').next() == Some(name));
    assert_eq!(instruction("ENTRYPOINT"), r#"["satchel"]"#);
    assert_eq!(instruction("CMD"), r#"["serve"]"#);
    assert!(listed("serve"), "{commands}");
    assert!(instruction("HEALTHCHECK").ends_with(r#" CMD ["satchel", "health"]"#));
    assert!(listed("health"), "{commands}");
    assert!(!satchel(&["no-such-command"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_by_the_exit_code() {
    let server = Server::start().await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let ask = |address: String| async move {
        let asked = tokio::task::spawn_blocking(move || satchel(&["health", "--listen", &address]));
        asked.await.unwrap()
    };
    let well = ask(address).await;
    assert_eq!((well.status.code(), well.stdout.as_slice()), (Some(0), b"ok\n".as_slice()));
    // bound and let go: nobody listens there
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ill = ask(nobody.to_string()).await;
    assert_eq!(ill.status.code(), Some(1));
    assert!(ill.stderr.starts_with(b"satchel: "), "{ill:?}");
}

#[test]
fn image_and_compose_file_agree_on_port_and_folder() {
    let (image, compose) = (image_environment(), compose_environment());
    let folder = &image["SATCHEL_DATA_DIR"];
    let port = image["SATCHEL_LISTEN"].strip_prefix("0.0.0.0:").expect("the image listens on one address only");
    for (name, value) in &image {
        assert_eq!(compose.get(name), Some(value), "{name} in compose.yaml");
    }
    assert_eq!(instruction("EXPOSE"), port);
    assert_eq!(instruction("VOLUME"), folder);
    assert!(DOCKERFILE.contains(&format!("--mode=0700 {folder}")), "nobody makes {folder}");
    let listed = |key: &str| {
        let mut lines = COMPOSE.lines().skip_while(|line| line.trim() != key).skip(1);
        let item = lines.find_map(|line| line.trim().strip_prefix("- ")).unwrap_or_default();
        item.trim_matches('"').to_owned()
    };
    assert_eq!(listed("ports:"), format!("127.0.0.1:{port}:{port}"));
    assert_eq!(listed("volumes:"), format!("data:{folder}"));
    assert!(COMPOSE.ends_with("\nvolumes:\n  data:\n"), "the volume is not declared");
    assert!(COMPOSE.contains("dockerfile: docker/Dockerfile\n"));
}

#[test]
fn the_compose_file_is_the_plain_yaml_that_it_looks_like() {
    let mut last = (0, false);
    for (number, line) in COMPOSE.lines().enumerate() {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (indent, place) = (line.len() - text.len(), format!("line {}: {line}", number + 1));
        assert!(!line.contains('\t') && indent % 2 == 0, "{place}");
        assert!(indent <= last.0 + if last.1 { 2 } else { 0 }, "indented below a value, {place}");
        let key = |text: &str| {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
            end > 0 && (text[end..] == *":" || text[end..].starts_with(": "))
        };
        assert!(key(text) || text.starts_with("- "), "neither a key nor an item, {place}");
        assert_eq!(text.matches('"').count() % 2, 0, "an open quote, {place}");
        last = (indent, text.ends_with(':'));
    }
}

#[test]
fn the_image_is_built_with_the_rust_that_the_crate_asks_for() {
    let version = CARGO.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let from = DOCKERFILE.lines().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    let (rust, debian) = from.trim_end_matches(" AS build").split_once('-').unwrap();
    assert_eq!(rust, version);
    assert_eq!(instruction("FROM"), format!("debian:{debian}-slim"), "the C library must fit");
}
