//! Access lists: `allowed_endpoints` compiled into a set of operations when they are saved, so that a
//! request costs one look-up however long the list is.
//!
//! An entry is a method and a path as the documentation writes it, `GET /api/v1/wallet`. The path may
//! leave the names of its variable parts open (`/api/v1/payments/*`), and `#receive` or `#send` picks
//! one of the things that a route does. `READ /api/v1/payments` and `WRITE /api/v1/payments` stand for everything
//! under a path that reads or that changes something: the older shape of access lists says it that way.
//! What no token can carry, such as the super user's routes, is never in an access list.

use super::policy::{Catalogue, Family, Operation, RouteSet};

/// An entry that matches no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} matches no endpoint{}", suggest(.nearest))]
pub struct UnknownEntry {
    /// The entry as it was given.
    pub entry: String,
    /// The operations that look most like it.
    pub nearest: Vec<String>,
}

fn suggest(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(" or ")) }
}

/// How many similar entries are suggested.
const SUGGESTIONS: usize = 3;

/// Compiles the entries.
///
/// # Errors
/// The first entry that matches no operation that an access list may name.
pub fn compile<S: AsRef<str>>(catalogue: &Catalogue, entries: &[S]) -> Result<RouteSet, UnknownEntry> {
    let mut routes = RouteSet::default();
    for entry in entries {
        let entry = entry.as_ref();
        let named = named(catalogue, entry);
        if named == RouteSet::default() {
            return Err(UnknownEntry { entry: entry.to_owned(), nearest: nearest(catalogue, entry) });
        }
        routes = routes.or(&named);
    }
    Ok(routes)
}

/// Compiles a list that was accepted before; entries whose route is gone since then allow nothing.
pub fn compile_known<S: AsRef<str>>(catalogue: &Catalogue, entries: &[S]) -> RouteSet {
    entries.iter().fold(RouteSet::default(), |routes, entry| routes.or(&named(catalogue, entry.as_ref())))
}

/// The operations that one entry names.
pub(super) fn named(catalogue: &Catalogue, entry: &str) -> RouteSet {
    let Some(wanted) = Entry::parse(entry) else { return RouteSet::default() };
    let operations = catalogue.operations().iter().enumerate();
    operations.filter(|(_, op)| grantable(op) && wanted.matches(op)).map(|(number, _)| number).collect()
}

/// The entry that names exactly this operation.
pub fn name(operation: &Operation) -> String {
    let fork = if operation.fork.is_empty() { String::new() } else { format!("#{}", operation.fork) };
    format!("{} {}{fork}", operation.method, operation.path)
}

fn grantable(operation: &Operation) -> bool {
    Family::AclToken.rights().contains(&operation.right)
}

struct Entry<'a> {
    method: &'a str,
    path: Vec<&'a str>,
    fork: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (method, rest) = text.trim().split_once(char::is_whitespace)?;
        let (path, fork) = match rest.trim().split_once('#') {
            Some((path, fork)) => (path, Some(fork)),
            None => (rest.trim(), None),
        };
        let path = path.strip_prefix('/')?;
        Some(Self { method, path: path.trim_end_matches('/').split('/').collect(), fork })
    }

    fn matches(&self, operation: &Operation) -> bool {
        let path: Vec<&str> = operation.path.trim_start_matches('/').split('/').collect();
        let reads = matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if self.method == "READ" || self.method == "WRITE" {
            return reads == (self.method == "READ") && self.fork.is_none() && path.starts_with(&self.path);
        }
        let variable = |part: &str| part.starts_with('{') && part.ends_with('}');
        let same =
            |(mine, theirs): (&&str, &&str)| mine == theirs || (variable(theirs) && (*mine == "*" || variable(mine)));
        self.method.eq_ignore_ascii_case(&operation.method)
            && self.path.len() == path.len()
            && self.path.iter().zip(&path).all(same)
            && self.fork.is_none_or(|fork| fork == operation.fork)
    }
}

fn nearest(catalogue: &Catalogue, entry: &str) -> Vec<String> {
    let mut names: Vec<(usize, String)> = catalogue
        .operations()
        .iter()
        .filter(|op| grantable(op))
        .map(name)
        .map(|name| (distance(entry, &name), name))
        .collect();
    names.sort();
    let close = |far: usize| far <= entry.len().max(8) / 2;
    names.into_iter().filter(|(far, _)| close(*far)).map(|(_, name)| name).take(SUGGESTIONS).collect()
}

/// Levenshtein's distance, ignoring case, of the first hundred characters.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().take(100).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, other) in b.to_lowercase().chars().take(100).enumerate() {
        let mut next = vec![i + 1];
        for (mine, (diagonal, above)) in a.iter().zip(row.iter().zip(row.iter().skip(1))) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(*mine != other)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        super::policy::{Catalogue, Operation, Right},
        compile,
    };

    fn catalogue() -> Catalogue {
        let op = |method: &str, path, fork, right| Operation { method: method.into(), path, fork, right };
        Catalogue::new(vec![
            op("GET", "/api/v1/wallet", "", Right::WalletRead),
            op("POST", "/api/v1/payments", "receive", Right::WalletReceive),
            op("POST", "/api/v1/payments", "send", Right::WalletSend),
            op("GET", "/api/v1/payments/{payment_hash}", "", Right::WalletRead),
            op("GET", "/admin/api/v1/settings", "", Right::SuperUser),
        ])
    }

    fn compiled(entries: &[&str]) -> Vec<usize> {
        let set = compile(&catalogue(), entries).unwrap();
        (0..5).filter(|number| set.contains(*number)).collect()
    }

    #[test]
    fn entries_become_operations() {
        assert_eq!(compiled(&["GET /api/v1/wallet"]), [0]);
        assert_eq!(compiled(&["get /api/v1/wallet/"]), [0]);
        assert_eq!(compiled(&["POST /api/v1/payments"]), [1, 2]);
        assert_eq!(compiled(&["POST /api/v1/payments#receive"]), [1]);
        assert_eq!(compiled(&["POST /api/v1/payments#send", "GET /api/v1/payments/*"]), [2, 3]);
        assert_eq!(compiled(&["GET /api/v1/payments/{payment_hash}"]), [3]);
        assert_eq!(compiled(&["READ /api/v1/payments", "WRITE /api/v1/payments"]), [1, 2, 3]);
        assert_eq!(compiled(&["READ /api/v1"]), [0, 3]);
        assert_eq!(compiled(&[]), Vec::<usize>::new());
    }

    #[test]
    fn an_entry_that_matches_nothing_is_refused_with_a_suggestion() {
        let refused = |entry: &str| compile(&catalogue(), &[entry]).unwrap_err();
        assert_eq!(refused("GET /api/v1/walet").nearest.first().map(String::as_str), Some("GET /api/v1/wallet"));
        assert!(refused("GET /admin/api/v1/settings").nearest.iter().all(|name| !name.contains("admin")));
        for entry in [
            "",
            "GET",
            "/api/v1/wallet",
            "GET api/v1/wallet",
            "POST /api/v1/payments#steal",
            "GET /api/v1/*",
            "READ /admin",
            "READ /api/v1/wal",
        ] {
            refused(entry);
        }
    }
}
