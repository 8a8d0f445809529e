//! The table of settings in the guide is the table that the server runs on.

use std::{fmt::Write, fs, path::Path};

use satchel::settings::{Effect, Effective, Key, Secrecy, table};

const BEGIN: &str = "<!-- settings: written by tests/api/settings/guide.rs -->\n";
const END: &str = "<!-- end of settings -->\n";

fn line(key: &Key) -> String {
    let default = match key.effect {
        Effect::Now { read, .. } => read(&Effective::default()).to_string(),
        _ => key.default.to_owned(),
    };
    let secret = match key.secrecy {
        Secrecy::Open => "",
        Secrecy::Sealed => " Sealed in the database.",
        Secrecy::Secret => " Secret: never answered.",
    };
    let cell = |text: &str| text.replace('|', "\\|");
    let (kind, doc) = (cell(&key.kind.describe()), cell(key.doc));
    let default =
        if default.len() > 120 { "see the answer of `default`".to_owned() } else { format!("`{}`", cell(&default)) };
    format!("| `{}` | {kind} | {default} | {} | {doc}{secret} |\n", key.name, key.effect.describe())
}

/// `UPDATE_GUIDE=1` writes it.
#[test]
fn the_guide_has_every_setting_as_it_is() {
    let mut wanted = String::new();
    for (group, keys) in table::GROUPS {
        write!(wanted, "\n### {group}\n\n| setting | value | default | holds | what for |\n|---|---|---|---|---|\n")
            .unwrap();
        wanted.extend(keys.iter().map(line));
    }
    wanted.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ADMINISTRATION.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (there, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
    } else {
        assert!(
            there == wanted,
            "docs/ADMINISTRATION.md is behind: run UPDATE_GUIDE=1 ./test -E 'test(the_guide_has)'"
        );
    }
}
