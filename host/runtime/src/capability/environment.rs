//! What a program that a plugin runs may know of the host: the scrubbed
//! environment.

/// Variables that programs need to work at all. Everything else is dropped:
/// naming what is let through holds where naming what is kept out forgets the
/// next token.
const KEPT: [&str; 58] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "CI",
    "TMPDIR",
    "TMP",
    "TEMP",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "LD_LIBRARY_PATH",
    "PKG_CONFIG_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_JOBS",
    "CARGO_TERM_COLOR",
    "CARGO_NET_OFFLINE",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTFLAGS",
    "RUST_BACKTRACE",
    "CC",
    "CXX",
    "AR",
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "MAKEFLAGS",
    "JAVA_HOME",
    "MAVEN_OPTS",
    "GRADLE_USER_HOME",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "GOFLAGS",
    "NVM_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "DOTNET_ROOT",
];

/// Words that no variable let through by default has in its name.
const SECRETIVE: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "PRIVATE",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
];

/// The runner's own tokens.
pub const TOKENS: [&str; 4] = [
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];

/// Whether the name of a variable sounds like a secret.
pub fn is_secretive(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRETIVE.iter().any(|word| name.contains(word))
}

/// Whether a variable of the host is handed to programs that plugins run.
/// `granted` names are handed over whatever they are called.
pub fn is_kept(name: &str, granted: &[String]) -> bool {
    if granted.iter().any(|allowed| allowed == name) {
        return true;
    }
    let is_locale = name.starts_with("LC_");
    (is_locale || KEPT.contains(&name)) && !is_secretive(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_and_tokens_are_kept_out() {
        for name in [
            "GITHUB_TOKEN",
            "GITHUB_ENV",
            "GITHUB_PATH",
            "RUNNER_TEMP",
            "ACTIONS_RUNTIME_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "CARGO_REGISTRY_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "INPUT_GITHUB-TOKEN",
            "LC_TOKEN",
        ] {
            assert!(!is_kept(name, &[]), "{name}");
        }
    }

    #[test]
    fn what_builds_need_is_kept() {
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "LANG",
            "LC_ALL",
            "TMPDIR",
        ] {
            assert!(is_kept(name, &[]), "{name}");
        }
        assert!(is_kept("MY_FLAG", &["MY_FLAG".into()]));
    }
}
