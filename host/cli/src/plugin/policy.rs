//! The organisation's policy file, named by `BAEPO_POLICY`.

use std::path::Path;
use std::sync::LazyLock;

use baepo_runtime::capability::Capability;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::capability::policy::{Policy, SourcePattern};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::text_file::{self, TextFile};
use crate::config::locate::locate;
use crate::config::unit::{InsidePathText, PlainText, VariableText};
use crate::config::{Finding, Findings, PluginLimitsFile, Span, resolve_plugin_limits};

/// The variable that names the file.
pub(crate) const VARIABLE: &str = "BAEPO_POLICY";

/// The file as it is written. What is absent is not bounded; what is there
/// denies all that it does not list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct PolicyText {
    /// The version of this format.
    #[schemars(example = 1)]
    #[allow(dead_code, reason = "it was compared before the rest is read")]
    version: u32,
    /// Where plugins may come from.
    #[schemars(example = ["builtin:*", "oci://ghcr.io/acme/*"])]
    sources: Option<Vec<PlainText>>,
    /// What any plugin may be granted.
    grants: Option<GrantsText>,
    /// The most that any plugin may use.
    limits: Option<PluginLimitsFile>,
}

/// What any plugin may be granted; the keys of `allow:`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct GrantsText {
    run: Option<Vec<PlainText>>,
    net: Option<Vec<PlainText>>,
    read: Option<Vec<InsidePathText>>,
    write: Option<Vec<InsidePathText>>,
    env: Option<Vec<VariableText>>,
    secrets: Option<Vec<VariableText>>,
    socket: Option<Vec<PlainText>>,
}

fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(PolicyText).to_value());
    &SCHEMA
}

/// The policy that `BAEPO_POLICY` names; without it, one that bounds nothing.
///
/// # Errors
/// All that is wrong with the file. One that is named and not there is wrong:
/// a policy that is not found must not mean that all is allowed. So is a
/// relative path, which would lead into the checkout.
pub(crate) fn of_environment() -> Result<Policy, Findings> {
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) if Path::new(&path).is_relative() => {
            // The checkout is the work of others: a policy in it is theirs.
            let shown = path.to_string_lossy();
            let finding = Finding::new(Span::FILE, format!("{VARIABLE} must be an absolute path"));
            let help = "name the file with all of its folders, outside the checkout";
            Err(Findings::new(&shown, "", vec![finding.help(help)]))
        }
        Some(path) => read(Path::new(&path)),
        None => Ok(Policy::default()),
    }
}

fn read(path: &Path) -> Result<Policy, Findings> {
    let shown = path.display().to_string();
    match text_file::read(path, &shown, schema())? {
        Some(file) => policy(&shown, file),
        None => {
            let finding = Finding::new(
                Span::FILE,
                format!("{VARIABLE} names a file that is not there"),
            );
            let help = "whoever set the variable must put the policy there, or unset it";
            Err(Findings::new(&shown, "", vec![finding.help(help)]))
        }
    }
}

fn policy(shown: &str, file: TextFile<PolicyText>) -> Result<Policy, Findings> {
    let mut findings = Vec::new();
    let mut find = |at: String, message: String| {
        findings.push(Finding::new(locate(&file.tree, &at), message));
    };
    let text = file.value;
    let mut policy = Policy::default();
    if let Some(sources) = text.sources {
        let mut patterns = Vec::new();
        for (i, source) in sources.into_iter().enumerate() {
            match source.0.parse::<SourcePattern>() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => find(format!("sources.{i}"), error.to_string()),
            }
        }
        policy.sources = Some(patterns);
    }
    let grants = text.grants.unwrap_or_default();
    let plain =
        |list: Option<Vec<PlainText>>| list.map(|list| list.into_iter().map(|t| t.0).collect());
    let paths = |list: Option<Vec<InsidePathText>>| {
        list.map(|list| list.into_iter().map(|t| t.0).collect())
    };
    let names =
        |list: Option<Vec<VariableText>>| list.map(|list| list.into_iter().map(|t| t.0).collect());
    let keys: [(Capability, Option<Vec<String>>); 7] = [
        (Capability::Run, plain(grants.run)),
        (Capability::Net, plain(grants.net)),
        (Capability::Read, paths(grants.read)),
        (Capability::Write, paths(grants.write)),
        (Capability::Env, names(grants.env)),
        (Capability::Secrets, names(grants.secrets)),
        (Capability::Socket, plain(grants.socket)),
    ];
    let mut covered = Grants::default();
    for (capability, list) in keys {
        let Some(list) = list else {
            continue;
        };
        policy.bounded.insert(capability);
        for (i, entry) in list.iter().enumerate() {
            if let Err(why) = covered.push(capability, entry) {
                find(format!("grants.{capability}.{i}"), why);
            }
        }
    }
    policy.grants = covered;
    if let Some(limits) = text.limits {
        policy.limits = resolve_plugin_limits(&limits).0;
    }
    match findings.is_empty() {
        true => Ok(policy),
        false => Err(Findings::new(shown, &file.source, findings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baepo_runtime::plugin::{LimitKey, LimitSet};
    use expect_test::expect;

    fn parse(text: &str) -> Result<Policy, Findings> {
        let file = text_file::parse("policy.yml", text.to_owned(), schema())?;
        policy("policy.yml", file)
    }

    #[test]
    fn a_policy_bounds_what_it_names() {
        let policy = parse(
            "version: 1\nsources: [\"builtin:*\"]\ngrants: { run: [cargo], secrets: [] }\nlimits: { cpu: 10s, memory: 64MiB, http-requests: 5 }\n",
        )
        .unwrap();
        assert!(policy.allows_source("builtin:canary"));
        assert!(!policy.allows_source("oci://ghcr.io/acme/x"));
        assert_eq!(
            policy.bounded.iter().map(|c| c.key()).collect::<Vec<_>>(),
            ["run", "secrets"]
        );
        let limits = [
            (LimitKey::Cpu, 10_000),
            (LimitKey::Memory, 64 << 20),
            (LimitKey::HttpRequests, 5),
        ];
        assert_eq!(policy.limits, LimitSet::from(limits));
        assert_eq!(parse("version: 1\n").unwrap(), Policy::default());
    }

    #[test]
    fn a_policy_with_mistakes_is_none() {
        let findings = parse(
            "version: 1\nsources: [ghcr.io/acme]\ngrants: { net: [acme.dev], red: [x] }\nlimits: { cpu: 10 }\n",
        )
        .unwrap_err();
        expect![[r#"
            error: 2 problems in policy.yml

              policy.yml:3:28
               3 │ grants: { net: [acme.dev], red: [x] }
                 │                            ^^^ unknown key in `grants`
              help: did you mean `read`?

              policy.yml:4:16
               4 │ limits: { cpu: 10 }
                 │                ^^ `cpu` must be a duration with a unit, such as `500ms`, `30s`, `5m`, `1h30m` or `1d`
        "#]]
        .assert_eq(&findings.render(false));
        let findings = parse("version: 1\nsources: [ghcr.io/acme]\ngrants: { net: [acme.dev] }\n")
            .unwrap_err();
        expect![[r#"
            error: 2 problems in policy.yml

              policy.yml:2:11
               2 │ sources: [ghcr.io/acme]
                 │           ^^^^^^^^^^^^ `ghcr.io/acme` is not a source: it must begin with `builtin:`, `./`, `https://` or `oci://`

              policy.yml:3:17
               3 │ grants: { net: [acme.dev] }
                 │                 ^^^^^^^^ `acme.dev` is not an address to allow: it must begin with `http://` or `https://`, or be the word `endpoints`
        "#]]
        .assert_eq(&findings.render(false));
        assert!(read(Path::new("/nowhere/policy.yml")).is_err());
    }
}
