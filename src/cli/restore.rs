//! `satchel restore`: a data folder, or the content of an empty PostgreSQL, from a backup.

use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
};

use clap::Args;
use satchel::{app, backup, clock::Clock, domain::funding::EVERY_SOURCE, store};
use serde_json::json;

use super::{Failure, Told, answer};

/// What is restored, and where to.
#[derive(Args)]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    told: Told,
}

/// Restores, and raises the alarm that keeps the funding source still until somebody has looked.
pub(super) async fn run(Restore { file, told: Told { settings, json: as_json } }: Restore) -> Result<(), Failure> {
    let clock = Clock::system();
    let folder = settings.data_dir.clone();
    app::make_folder(&folder)?;
    let pass_phrase = pass_phrase()?;
    let url = settings.postgres()?;
    let restored = backup::restore(&file, &folder, url.is_some(), pass_phrase, &clock)?;
    if let Some((dump, url)) = restored.dump.as_ref().zip(url) {
        store::load_dump(dump, url).await.map_err(|error| {
            format!("{error}. The dump is {}; load it into an empty database by pg_restore.", dump.display())
        })?;
        std::fs::remove_file(dump)?;
    }
    let store = app::open_store(&settings).await?;
    let detail = format!(
        "the database was restored from a backup of {}: compare the ledger with the node before more is sent",
        restored.created_at
    );
    store.alarm_restored(EVERY_SOURCE.to_owned(), detail, clock.now()).await?;
    let text = format!(
        "Restored into {} what was backed up at {}.\n\
         The node is asked about everything that was in flight then. Nothing is sent until the super user has\n\
         looked at the alarms (GET /admin/api/v1/alarms) and acknowledged them.",
        folder.display(),
        restored.created_at
    );
    let body = json!({ "data_dir": folder, "created_at": restored.created_at });
    answer(as_json, &body, &text)
}

/// From the environment, or from whoever sits there.
fn pass_phrase() -> Result<String, Failure> {
    if let Ok(given) = std::env::var("SATCHEL_BACKUP_PASS_PHRASE") {
        return Ok(given);
    }
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "Pass phrase (it will show): ")?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
