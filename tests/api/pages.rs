//! The pages: served as what they are, under a policy that lets nothing foreign in, and made of parts that exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

use reqwest::Method;

use crate::harness::{Answer, Server};

/// One document for each of the dashboard's addresses, and one for the documentation.
const PAGES: &[(&str, &str)] = &[
    ("/", "app.html"),
    ("/first_install", "app.html"),
    ("/wallet", "app.html"),
    ("/wallets", "app.html"),
    ("/account", "app.html"),
    ("/keys", "app.html"),
    ("/server", "app.html"),
    ("/docs", "docs/docs.html"),
];

/// Every file of `src/web`: its name and its text.
fn files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let (mut files, mut folders) = (Vec::new(), vec![folder.clone()]);
    while let Some(here) = folders.pop() {
        for path in fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(files.len() >= 10, "src/web was not found");
    files
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        other => panic!("what is .{other}?"),
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// The values of an attribute in a page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!(" {name}=\"");
    page.split(opening.as_str()).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_served_as_what_it_is_under_a_strict_policy() {
    let server = Server::start().await;
    server.super_user().await;
    let files = files();
    let parts = files.iter().map(|(name, text)| (format!("/static/{name}"), name, text));
    let pages = PAGES.iter().map(|(path, file)| {
        let (name, text) = files.iter().find(|(name, _)| name == file).unwrap();
        ((*path).to_owned(), name, text)
    });
    for (path, name, text) in parts.chain(pages) {
        let answer = server.anybody().get(&path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text.as_str()), "{path}");
        assert_eq!(header(&answer, "content-type"), content_type(name), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src '") && !policy.contains("unsafe-"), "{path}: {policy:?}");
        assert!(!policy.contains('*') && !policy.contains("//"), "{path}: {policy:?}");
        let kept = [("If-None-Match", header(&answer, "etag"))];
        let again = server.anybody().raw(Method::GET, &path, None, &kept).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
    }
    let missing = server.anybody().get("/static/no-such-file.js").await;
    assert_eq!(missing.status, 404);
    assert_eq!(server.anybody().get("/static/..%2Findex.html").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_that_a_page_mentions_is_served() {
    let server = Server::start().await;
    server.super_user().await;
    let mut mentioned = BTreeSet::new();
    for (name, text) in files() {
        if name.ends_with(".html") {
            let links = attributes(&text, "src").into_iter().chain(attributes(&text, "href"));
            mentioned.extend(links.filter(|link| !link.starts_with('#')).map(str::to_owned));
        }
        if name.ends_with(".js") {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let imports = ["from \"", "import(\""].into_iter().flat_map(|word| text.split(word).skip(1));
            let imports = imports.map(|rest| rest.split('"').next().unwrap()).filter(|path| path.starts_with('.'));
            mentioned.extend(imports.map(|path| format!("/static/{}", below(folder, path))));
        }
    }
    // one for each language, by its code
    mentioned.extend(["en", "de", "es"].map(|code| format!("/static/i18n/{code}.js")));
    assert!(mentioned.len() >= 12, "{mentioned:?}");
    for path in &mentioned {
        let answer = server.anybody().get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        if path.contains('.') {
            assert_eq!(header(&answer, "content-type"), content_type(path), "{path}");
        }
    }
    let used: BTreeSet<_> = mentioned.iter().filter_map(|path| path.strip_prefix("/static/")).collect();
    let unused: Vec<_> = files().into_iter().map(|(name, _)| name).filter(|name| !name.ends_with(".html")).collect();
    assert_eq!(unused.iter().filter(|name| !used.contains(name.as_str())).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Where an import leads that stands in a file of this folder.
fn below(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The names and the placeholders of a catalogue of words.
fn catalogue(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\": \""));
    lines
        .map(|(name, words)| {
            let places = words.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
            (name.to_owned(), places.collect())
        })
        .collect()
}

#[test]
fn every_language_has_every_word_and_every_word_is_there() {
    let files = files();
    let of = |code: &str| {
        let name = format!("i18n/{code}.js");
        catalogue(&files.iter().find(|(file, _)| *file == name).unwrap().1)
    };
    let english = of("en");
    assert!(english.len() > 50);
    for code in ["de", "es"] {
        assert_eq!(of(code), english, "{code}");
    }
    let known = |name: &str| english.iter().any(|(known, _)| known == name || *known == format!("{name}.other"));
    let mut missing = BTreeSet::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".js") && !file.starts_with("i18n/")) {
        for (at, _) in text.match_indices("t(\"") {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            let name = text[at + 3..].split('"').next().unwrap();
            let is_other_call = before.is_ascii_alphanumeric() || before == '.' || before == '_';
            if !is_other_call && !known(name) {
                missing.insert(format!("{file}: {name}"));
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn nothing_comes_from_outside_and_nothing_is_inline() {
    let allowed = [
        // the name of a format, never asked for
        ("satchel.svg", "http://www.w3.org/2000/svg"),
        // an example in a form
        ("docs/openapi.js", "https://example.com"),
        ("ui/kit.js", "http://www.w3.org/2000/svg"),
    ];
    let mut wrong = Vec::new();
    for (name, text) in files() {
        for scheme in ["http://", "https://"] {
            for (at, _) in text.match_indices(scheme) {
                let end = |c: char| c.is_whitespace() || "\"'`<>()".contains(c);
                let url = text[at..].split(end).next().unwrap();
                if !allowed.contains(&(name.as_str(), url)) {
                    wrong.push(format!("{name}: {url}"));
                }
            }
        }
        if text.contains("url(//") || text.contains("=\"//") {
            wrong.push(format!("{name}: an address without a scheme"));
        }
        if name.ends_with(".html") || name.ends_with(".svg") {
            let lower = text.to_lowercase();
            let inline = lower.split("<script").skip(1).filter(|rest| {
                let (tag, body) = rest.split_once('>').unwrap();
                !tag.contains(" src=") || !body.trim_start().starts_with("</script>")
            });
            wrong.extend(inline.map(|rest| format!("{name}: <script{}", rest.lines().next().unwrap())));
            let words = [" style=", "<style", "javascript:", "<iframe", "<base"];
            wrong.extend(words.iter().filter(|word| lower.contains(**word)).map(|word| format!("{name}: {word}")));
            let listens = lower.match_indices(" on").any(|(at, _)| {
                let word = lower[at + 1..].split(|c: char| !c.is_ascii_alphabetic()).next().unwrap();
                word.len() > 3 && lower[at + 1 + word.len()..].starts_with('=')
            });
            if listens {
                wrong.push(format!("{name}: an attribute that is a script"));
            }
        }
        if name.ends_with(".js") {
            let words = ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"];
            wrong.extend(words.iter().filter(|word| text.contains(**word)).map(|word| format!("{name}: {word}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
