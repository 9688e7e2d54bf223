//! `sarangbang admin`: accounts, over auth-api's internal listener. Whoever can read the service secret may do all of this; there is no
//! other way to an administrator's role.

mod client;

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comfy_table::{ContentArrangement, Table, presets};
use infra::config::Config;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::client::{Client as Accounts, segment};
use crate::cli::{self, Admin, PasswordFile};
use crate::say;

/// Random bytes of a password that is made here.
const PASSWORD_BYTES: usize = 18;
/// The most bytes of a file with a password that are read.
const PASSWORD_FILE_BYTES_MAX: u64 = 4_096;

/// Runs the command.
pub async fn run(asked: &Admin, config: &Config) -> Result<()> {
    match asked {
        Admin::Create { account, name, password } => create(account, name.as_deref(), password, config).await,
        Admin::List { auth, all, json } => list(auth, *all, *json, config).await,
        Admin::Disable(account) => {
            change(account, config, Method::POST, "disable", None).await?;
            told(account, "is shut out, and signed in nowhere")
        }
        Admin::Enable(account) => {
            change(account, config, Method::POST, "enable", None).await?;
            told(account, "may sign in again")
        }
        Admin::ResetPassword { account, password } => {
            let password = Chosen::of(password)?;
            change(account, config, Method::PUT, "password", Some(&json!({ "new": password.text }))).await?;
            told(account, "has another password, and is signed in nowhere")?;
            password.show();
            Ok(())
        }
        Admin::Grant(account) => {
            change(account, config, Method::PUT, "roles", Some(&json!({ "admin": true }))).await?;
            told(account, "is an administrator, from the next sign-in on")
        }
        Admin::Revoke(account) => {
            change(account, config, Method::PUT, "roles", Some(&json!({ "admin": false }))).await?;
            told(account, "is no administrator any more, and is signed in nowhere")
        }
    }
}

/// How a registration stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    state: String,
    user_id: String,
    reason: Option<String>,
}

async fn create(account: &cli::Account, name: Option<&str>, password: &PasswordFile, config: &Config) -> Result<()> {
    let password = Chosen::of(password)?;
    let mut body = json!({ "userId": account.user, "password": password.text });
    if let (Some(name), Some(fields)) = (name, body.as_object_mut()) {
        fields.insert("userName".to_owned(), Value::from(name));
    }
    let client = Accounts::connect(account.auth.auth_url.as_deref(), config).await?;
    let made: Registration = client.ask(Method::POST, "/internal/accounts", Some(&body)).await?.json().await?;
    let Registration { state, user_id, reason } = made;
    match state.as_str() {
        "registered" => say::line(&format!("{user_id} is registered, as an administrator")),
        "pending" => {
            say::line(&format!("{user_id} is being registered, as an administrator; `admin list` shows when that is done"))
        }
        _ => anyhow::bail!("{user_id} was not registered: {}", reason.unwrap_or(state)),
    }
    password.show();
    Ok(())
}

/// An account in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    user_id: String,
    state: String,
    roles: Vec<String>,
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Listed>,
}

async fn list(auth: &cli::AuthApi, all: bool, json: bool, config: &Config) -> Result<()> {
    let client = Accounts::connect(auth.auth_url.as_deref(), config).await?;
    let mut found: Vec<Listed> = Vec::new();
    loop {
        let mut query = vec![("admin", (!all).to_string())];
        query.extend(found.last().map(|last| ("after", last.user_id.clone())));
        let page: Page = client.query("/internal/accounts", &query).await?.json().await?;
        if page.items.is_empty() {
            break;
        }
        found.extend(page.items);
    }
    if json {
        say::line(&serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["user", "state", "roles", "since"]);
    for Listed { user_id, state, roles, created_at } in found {
        table.add_row([user_id, state, roles.join(" "), created_at]);
    }
    table.to_string().lines().for_each(|line| say::line(line.trim()));
    Ok(())
}

async fn change(account: &cli::Account, config: &Config, method: Method, what: &str, body: Option<&Value>) -> Result<()> {
    let client = Accounts::connect(account.auth.auth_url.as_deref(), config).await?;
    client.ask(method, &format!("/internal/accounts/{}/{what}", segment(&account.user)), body).await.map(drop)
}

fn told(account: &cli::Account, what: &str) -> Result<()> {
    say::line(&format!("{} {what}", account.user));
    Ok(())
}

/// The password from now on.
struct Chosen {
    text: String,
    /// Made here: nobody knows it yet.
    made: bool,
}

impl Chosen {
    fn of(PasswordFile { password_file }: &PasswordFile) -> Result<Self> {
        match password_file.as_deref() {
            None => Ok(Self { text: made()?, made: true }),
            Some(file) if file == Path::new("-") => Ok(Self { text: first_line(std::io::stdin().lock())?, made: false }),
            Some(file) => {
                let open = || format!("{} cannot be read", file.display());
                Ok(Self { text: first_line(std::fs::File::open(file).with_context(open)?)?, made: false })
            }
        }
    }

    fn show(&self) {
        if self.made {
            say::line(&format!("password: {}", self.text));
        }
    }
}

fn made() -> Result<String> {
    let secret = infra::random::secret_bytes();
    Ok(URL_SAFE_NO_PAD.encode(secret.get(..PASSWORD_BYTES).context("there are more bytes than that")?))
}

fn first_line(from: impl Read) -> Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(PASSWORD_FILE_BYTES_MAX)).read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    ensure!(!password.is_empty(), "the first line is empty: no password");
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_and_spaces_belong_to_it() {
        assert_eq!(first_line(" a b \r\nmore".as_bytes()).unwrap(), " a b ");
        assert!(first_line("\nmore".as_bytes()).is_err() && first_line("".as_bytes()).is_err());
    }

    #[test]
    fn each_password_that_is_made_is_another() {
        let (one, other) = (made().unwrap(), made().unwrap());
        assert!(one != other && one.len() == 24);
    }
}
