//! What the shop is told from outside: a `key = value` file, overridden by the environment.

use std::time::Duration;

/// The settings of one process.
pub struct Settings {
    /// Address to listen on, `HOST`; loopback unless told otherwise.
    pub host: String,
    /// Port to listen on, `PORT`; 0 lets the system choose.
    pub port: u16,
    /// How the front page greets, `GREETING`.
    pub greeting: String,
    /// How long `/healthz` answers 503 after the start, `READY_AFTER_MS`.
    pub ready_after: Duration,
}

/// The settings from the file that `SHOP_CONFIG` names, if it does, and the environment.
///
/// # Errors
/// One sentence when the file cannot be read or a value cannot be understood.
pub fn load() -> Result<Settings, String> {
    let file = match std::env::var("SHOP_CONFIG") {
        Ok(path) => std::fs::read_to_string(&path)
            .map_err(|cause| format!("cannot read SHOP_CONFIG `{path}`: {cause}"))?,
        Err(_) => String::new(),
    };
    let find = |name: &str| std::env::var(name).ok().or_else(|| entry(&file, name));
    Ok(Settings {
        host: find("HOST").unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: number(find("PORT"), "PORT", 8080)?,
        greeting: find("GREETING").unwrap_or_else(|| "Hello".to_owned()),
        ready_after: Duration::from_millis(number(find("READY_AFTER_MS"), "READY_AFTER_MS", 0)?),
    })
}

/// The value of `NAME` in lines like `name = "value"`; `#` starts a comment line.
fn entry(file: &str, name: &str) -> Option<String> {
    file.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

fn number<N: std::str::FromStr>(text: Option<String>, name: &str, default: N) -> Result<N, String> {
    match text {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name} is `{text}`, which is not a number that fits")),
    }
}
