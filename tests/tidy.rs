//! The rules of the house that a compiler does not know.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The floors of the house, from the ground up. A module may use what is on its own floor and below.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["store", "funding", "clock", "vault", "config", "trace", "outbound"],
    &["settings"],
    &["rates", "sources"],
    &["ledger", "accounts", "idempotency", "backup", "keepsakes"],
    &["lnurl", "links", "events", "webhooks", "push", "extensions", "observe", "export"],
    &["http", "jobs"],
    &["app", "cli", "main", "lib"],
];

/// What a module does not use although it lies below.
const NEVER: &[(&str, &str)] = &[("http", "store"), ("http", "funding")];

/// Words that must not occur in a module's code: below the front door nobody knows of requests.
const NOT_A_WORD_OF: &[(&str, &str)] = &[
    ("domain", "actix"),
    ("store", "actix"),
    ("funding", "actix"),
    ("ledger", "actix"),
    ("settings", "actix"),
    ("accounts", "actix"),
    ("http", "diesel"),
    ("ledger", "diesel"),
    ("accounts", "diesel"),
    ("settings", "diesel"),
    ("links", "actix"),
    ("links", "diesel"),
    ("push", "actix"),
    ("push", "diesel"),
    ("webhooks", "actix"),
    ("webhooks", "diesel"),
    ("outbound", "actix"),
];

const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every source file: its path below `src`, the module it belongs to, and its text.
fn sources() -> Vec<(String, String, String)> {
    let src = root().join("src");
    let files = rust_files(&src);
    assert!(files.len() > 10, "the sources were not found");
    let file = |path: PathBuf| {
        let below = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        let module = below.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        (below, module, fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(file).collect()
}

/// The code alone: without comments, without the contents of texts, without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|c| *c != '\n') {
                    rest.next();
                }
            }
            // a quote in a character literal opens nothing
            '"' if last == '\'' => code.push(c),
            '"' => {
                code.push_str("\"\"");
                while let Some(inside) = rest.next() {
                    match inside {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            _ => code.push(c),
        }
        last = c;
    }
    code
}

fn floor(module: &str) -> usize {
    let found = FLOORS.iter().position(|floor| floor.contains(&module));
    found.unwrap_or_else(|| panic!("src/{module} lives on no floor: give it one in tests/tidy.rs"))
}

/// What stands behind every `crate::`: one path, or each member of a group, as far as its second name.
fn uses(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(members(group)),
            None => drop(found.insert(head(rest))),
        }
    }
    found
}

/// The members of a group up to its closing brace, each as far as its second name.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut members, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(head(group[start..at].trim()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(head(group[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

/// `store::schema` of `store::schema::{accounts, wallets}`.
fn head(path: &str) -> String {
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(path.len());
    let names: Vec<_> = path[..end].split("::").filter(|name| !name.is_empty()).take(2).collect();
    names.join("::")
}

#[test]
fn nobody_calls_upwards() {
    let mut wrong = Vec::new();
    for (path, module, text) in sources() {
        let code = code(&text);
        if module != "lib" && module != "main" {
            for used in uses(&code) {
                let other = used.split("::").next().unwrap();
                let ground = module == "domain" && other == "store" && used == "store::schema";
                let upwards = floor(other) > floor(&module) && !ground;
                if upwards || NEVER.contains(&(module.as_str(), other)) {
                    wrong.push(format!("src/{path} uses {used}"));
                }
            }
        }
        floor(&module);
        let words = NOT_A_WORD_OF.iter().filter(|(of, word)| *of == module && code.contains(word));
        wrong.extend(words.map(|(_, word)| format!("src/{path} speaks of {word}")));
        // a/b/c.rs is two steps from its module's own ground; one more is a way around `crate::`
        let depth = path.trim_end_matches("/mod.rs").split('/').count();
        if code.contains(&"super::".repeat(depth)) {
            wrong.push(format!("src/{path} climbs out of its module by super::"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_reader_of_uses_understands_groups() {
    let text = "use crate::{clock::Clock, domain::{Msat, Time}, store};\nfn a() -> crate::http::Problem {}\nuse crate::store::schema::{a, b};";
    let found: Vec<_> = uses(text).into_iter().collect();
    assert_eq!(found, ["clock::Clock", "domain", "http::Problem", "store", "store::schema"]);
    assert_eq!(code("a // b\n\"c\\\"d\" '\"' e").trim(), "a \n\"\" '\"' e");
}

#[test]
fn no_file_grows_beyond_what_one_reads_at_once() {
    let lines = |(path, _, text): (String, String, String)| (path, text.lines().count());
    let long: Vec<_> = sources().into_iter().map(lines).filter(|(_, lines)| *lines > LINES_MAX).collect();
    assert_eq!(long, [], "files of more than {LINES_MAX} lines: make a folder of them");
}

#[test]
fn the_server_does_not_stop_at_a_surprise() {
    let mut wrong = Vec::new();
    for (path, _, text) in sources() {
        // `mod tests;` in a folder of its own
        let code = if path.contains("/tests/") { String::new() } else { code(&text) };
        let words = [".unwrap()", ".expect(", "todo!", "dbg!", "panic!", "unimplemented!", "unreachable!"];
        wrong.extend(words.iter().filter(|word| code.contains(**word)).map(|word| format!("src/{path}: {word}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_setting_is_explained_where_people_look() {
    let mut settings = BTreeMap::new();
    for (path, module, text) in sources() {
        if module == "config" {
            for name in names_of_settings(&text) {
                settings.insert(name, path.clone());
            }
        }
    }
    assert!(!settings.is_empty(), "src/config reads no SATCHEL_ variable");
    let mut missing = Vec::new();
    for document in ["README.md", "docker/compose.yaml"] {
        let explained = names_of_settings(&fs::read_to_string(root().join(document)).unwrap_or_default());
        let unexplained = settings.iter().filter(|(name, _)| !explained.contains(*name));
        missing.extend(unexplained.map(|(name, path)| format!("{document} does not mention {name} of src/{path}")));
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Every `SATCHEL_SOMETHING` in a text.
fn names_of_settings(text: &str) -> BTreeSet<String> {
    let name = |(start, _): (usize, &str)| {
        let rest = &text[start..];
        let end =
            rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    text.match_indices("SATCHEL_").map(name).filter(|name| name != "SATCHEL_").collect()
}
