//! The pages: served as what they are, under a policy that lets nothing foreign in, and made of parts that exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::harness::{Answer, Server};

const PAGES: &[(&str, &str)] = &[("/", "index.html"), ("/docs", "docs.html"), ("/first_install", "first-install.html")];

/// Every file of `src/web`: its name and its text.
fn files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    let files: Vec<_> = paths.map(named).collect();
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
    for (name, text) in files() {
        let page = PAGES.iter().find(|(_, file)| *file == name);
        let path = page.map_or_else(|| format!("/static/{name}"), |(path, _)| (*path).to_owned());
        let answer = server.anybody().get(&path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text.as_str()), "{path}");
        assert_eq!(header(&answer, "content-type"), content_type(&name), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src '") && !policy.contains("unsafe-"), "{path}: {policy:?}");
        assert!(!policy.contains('*') && !policy.contains("//"), "{path}: {policy:?}");
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
            let imports = text.split("from \"").skip(1).map(|rest| rest.split('"').next().unwrap());
            mentioned.extend(imports.map(|import| format!("/static/{}", import.trim_start_matches("./"))));
        }
    }
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

#[test]
fn nothing_comes_from_outside_and_nothing_is_inline() {
    let allowed = [
        // the name of a format, never asked for
        ("satchel.svg", "http://www.w3.org/2000/svg"),
        // an example in a form
        ("openapi.js", "https://example.com"),
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
