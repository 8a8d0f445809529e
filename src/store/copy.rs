//! The whole database as of one moment, in a file.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use super::{Backend, Store};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// PostgreSQL's own tool is not here; the text says what to run where it is.
    #[error("{0}")]
    NoTool(String),
    /// It did not work. The text is for people.
    #[error("{0}")]
    Failed(String),
}

impl Store {
    /// Writes a copy of everything that is committed now to a new file, while others go on reading and writing: on
    /// SQLite a database, on PostgreSQL a dump in the custom format of `pg_dump`.
    ///
    /// # Errors
    /// When that is not possible here.
    pub async fn copy_into(&self, file: &Path) -> Result<(), CopyError> {
        let failed = |error: &dyn std::fmt::Display| CopyError::Failed(error.to_string());
        match &self.backend {
            Backend::Sqlite(db) => {
                let (db, file) = (db.clone(), file.to_owned());
                let copied = tokio::task::spawn_blocking(move || db.copy_into(&file)).await;
                copied.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
            }
            Backend::Postgres(db) => {
                let schema = db.schema().await.map_err(|error| failed(&error))?;
                let mut dump = Command::new("pg_dump");
                dump.args(["--format=custom", "--no-owner", "--no-privileges", "--file"]).arg(file);
                // the schema that every database has is not to be made once more when the copy is loaded
                if schema != "public" {
                    dump.args(["--schema", &schema]);
                }
                run(dump, db.url()).await.map_err(|error| match error {
                    CopyError::NoTool(_) => CopyError::NoTool(
                        "pg_dump is not installed beside this server. Run it where it is: pg_dump --format=custom \
                         --file satchel.pgdump \"$DATABASE_URL\"; and keep a copy of the master secret."
                            .to_owned(),
                    ),
                    failed @ CopyError::Failed(_) => failed,
                })
            }
        }
    }
}

/// Loads a dump into the PostgreSQL of this URL: all of it, or nothing when something is there already.
///
/// # Errors
/// When that does not work.
pub async fn load_dump(file: &Path, url: &str) -> Result<(), CopyError> {
    let mut load = Command::new("pg_restore");
    load.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]);
    // pg_restore takes the database by name only before the file
    load.arg(file);
    run(load, url).await
}

/// Runs one of PostgreSQL's tools on this database. The password goes by the environment: everybody on the machine
/// sees what a program's arguments are.
async fn run(mut tool: Command, url: &str) -> Result<(), CopyError> {
    let (url, password) = without_password(url);
    tool.arg("--dbname").arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(password) = password {
        tool.env("PGPASSWORD", password);
    }
    let output = tool.output().await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CopyError::NoTool(error.to_string()),
        _ => CopyError::Failed(error.to_string()),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(CopyError::Failed(said.lines().next().unwrap_or("PostgreSQL's tool failed").to_owned()))
}

/// The URL without its password, and that.
fn without_password(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.find('/').unwrap_or(rest.len());
        let (user, rest) = (rest.get(..authority)?.rfind('@')).and_then(|at| rest.split_at_checked(at))?;
        let (name, password) = user.split_once(':')?;
        Some((format!("{scheme}://{name}{rest}"), decoded(password)))
    });
    parts.map_or_else(|| (url.to_owned(), None), |(url, password)| (url, Some(password)))
}

/// Percent-encoding (RFC 3986, 2.1) taken back.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = if *first == b'%' { after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()) } else { None };
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_taken_out_of_an_address() {
        let check = |url: &str, rest: &str, password: Option<&str>| {
            assert_eq!(without_password(url), (rest.to_owned(), password.map(str::to_owned)), "{url}");
        };
        check("postgres://a:b%40c%2f@h:5/d?x=y", "postgres://a@h:5/d?x=y", Some("b@c/"));
        check("postgres://a@h/d", "postgres://a@h/d", None);
        check("postgres:///d?host=/run", "postgres:///d?host=/run", None);
        check("postgres://a:100%@h/d", "postgres://a@h/d", Some("100%"));
    }
}
