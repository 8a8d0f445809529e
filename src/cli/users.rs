//! `satchel user …`: for when nobody can log in.

use std::io::{BufRead, Write};

use clap::{Args, Subcommand};
use satchel::{
    accounts::Accounts,
    config::Settings,
    domain::{Account, filter::Listing},
};
use serde_json::{Value, json};

use super::{Failure, answer, offline};

/// What to do with whom.
#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// List all accounts.
    List(Plain),
    /// Let somebody back in who forgot his password: print a key that sets it once, within an hour. Also the
    /// super user.
    ResetPassword(ResetPassword),
    /// Open an account again.
    Activate(Named),
    /// Close an account: its logins end, its keys and tokens rest.
    Deactivate(Named),
}

/// Settings and how to answer.
#[derive(Args)]
pub(super) struct Plain {
    #[command(flatten)]
    settings: Settings,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Whose account.
#[derive(Args)]
pub(super) struct Named {
    /// User name, e-mail or id.
    name: String,
    #[command(flatten)]
    plain: Plain,
}

/// Whose password, and how.
#[derive(Args)]
pub(super) struct ResetPassword {
    #[command(flatten)]
    named: Named,
    /// Set the password that the first line of the standard input holds, instead of printing a key.
    #[arg(long)]
    stdin: bool,
}

/// Does it.
pub(super) async fn run(command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::List(plain) => list(plain).await,
        UserCommand::ResetPassword(asked) => reset_password(asked).await,
        UserCommand::Activate(named) => set_active(named, true).await,
        UserCommand::Deactivate(named) => set_active(named, false).await,
    }
}

fn shape(account: &Account) -> Value {
    json!({
        "id": account.id.to_string(),
        "username": account.username,
        "email": account.email,
        "activated": account.activated,
        "admin": account.super_user || account.admin,
        "super_user": account.super_user,
        "created_at": account.created_at.to_string(),
    })
}

async fn list(plain: Plain) -> Result<(), Failure> {
    const PAGE: i64 = 500;
    let accounts = offline(&plain.settings).await?.accounts();
    let (mut users, mut lines) = (Vec::new(), Vec::new());
    loop {
        let offset = i64::try_from(users.len())?;
        let (page, total) = accounts.users(Listing { limit: PAGE, offset, ..Listing::default() }).await?;
        for (account, totals) in &page {
            let mut user = shape(account);
            if let Some(user) = user.as_object_mut() {
                user.insert("wallet_count".into(), totals.wallets.into());
                user.insert("balance_msat".into(), totals.balance.0.into());
            }
            users.push(user);
            let role = match account {
                Account { super_user: true, .. } => "super user",
                Account { admin: true, .. } => "administrator",
                _ => "user",
            };
            let state = if account.activated { "active" } else { "closed" };
            let name = account.username.as_deref().or(account.email.as_deref()).unwrap_or("-");
            lines.push(format!(
                "{}  {name:<20}  {role:<13}  {state:<6}  {} wallets  {}",
                account.id, totals.wallets, totals.balance
            ));
        }
        if page.is_empty() || i64::try_from(users.len())? >= total {
            break;
        }
    }
    answer(plain.json, &json!({ "users": users }), &lines.join("\n"))
}

async fn reset_password(ResetPassword { named, stdin }: ResetPassword) -> Result<(), Failure> {
    let Named { name, plain: Plain { settings, json: as_json } } = named;
    let password = if stdin { Some(first_line()?) } else { None };
    let accounts = offline(&settings).await?.accounts();
    let account = accounts.user_named(&name).await?;
    match password {
        Some(password) => {
            accounts.set_password(&account, password).await?;
            let text = format!("The password of {name} is set; all logins of the account are over.");
            answer(as_json, &json!({ "user": shape(&account), "password": "set" }), &text)
        }
        None => {
            let key = accounts.reset_key_of(&account).await?;
            let url = format!("{}/api/v1/auth/reset", settings.public_url(settings.listen)?);
            let text = format!(
                "{key}\n\nIt sets the password of {name} once, within an hour:\n  curl -X PUT {url} \\\n    -d '{}'",
                json!({ "reset_key": key, "password": "…", "password_repeat": "…" })
            );
            answer(as_json, &json!({ "user": shape(&account), "reset_key": key, "url": url }), &text)
        }
    }
}

/// The password, which is not to stand in a list of processes.
fn first_line() -> Result<String, Failure> {
    let _ = writeln!(std::io::stderr(), "Reading the new password from the standard input.");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn set_active(Named { name, plain }: Named, active: bool) -> Result<(), Failure> {
    let accounts: Accounts = offline(&plain.settings).await?.accounts();
    let account = loop {
        let account = accounts.user_named(&name).await?;
        if account.super_user && !active {
            return Err("Cannot deactivate super user.".into());
        }
        if account.activated == active || accounts.set_active(&account, active).await? {
            break Account { activated: active, ..account };
        }
    };
    let text = format!("User {name} is {}.", if active { "active" } else { "closed out" });
    answer(plain.json, &json!({ "user": shape(&account) }), &text)
}
