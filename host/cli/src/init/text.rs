//! The two files as they are written.

use super::checkout::Checkout;

/// Text as a YAML value that is that text, in quotes where it needs them.
fn quote(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./=+@".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !matches!(
            text.to_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off"
        );
    match is_plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

fn line(text: &str) -> String {
    let is_plain = text.split(' ').all(|word| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./=+@".contains(c))
    });
    match is_plain && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    format!("[{}]", words.join(", "))
}

/// `.github/baepo.yml` for what was found.
pub fn config_text(checkout: &Checkout) -> String {
    let test = match &checkout.test {
        Some((run, report)) => format!("test:\n  run: {}\n  junit: {}\n", line(run), quote(report)),
        None => "# test: { run: …, junit: … }   # the command that tests, and the JUnit report that it writes\n".to_owned(),
    };
    format!(
        "# What baepo builds, tests and releases, and how it rolls that out.
# `baepo doctor` checks it, `baepo plan` shows what a run would do, `baepo schema` prints all that it may say.
app: {app}
build:
  run: {build}
  artifacts: {artifacts}
{test}
environments:
  production:
    target:
      local:
        listen: \"127.0.0.1:8080\"     # where requests come in; 0.0.0.0 for every address of the machine
        command: {command}
        instances: 2
        health: {health}
    strategy: canary                 # or direct, blue-green, rolling
    monitors: [traffic]
    on-no-evidence: hold             # where too few requests come to judge by: or continue-on-health, or abort
",
        app = quote(&checkout.app),
        build = line(&checkout.build),
        artifacts = list(&checkout.artifacts),
        command = list(&checkout.command),
        health = quote(&checkout.health),
    )
}

/// `.github/workflows/deploy.yml` for what was found.
pub fn workflow_text(checkout: &Checkout) -> String {
    format!(
        "name: deploy
on:
  pull_request: # builds, tests, and shows the plan
  push:
    branches: [{branch}] # deploys
  schedule:
    - cron: \"*/10 * * * *\" # resumes what waits

# No concurrency group: GitHub would drop a waiting push for a newer tick. The lease of the
# environment orders the runs.
permissions: {{}}

jobs:
  deploy:
    name: deploy
    # The machine that serves; what nobody has merged yet is built elsewhere.
    runs-on: ${{{{ github.event_name == 'pull_request' && 'ubuntu-latest' || 'self-hosted' }}}}
    permissions:
      contents: read
      pull-requests: write # the comment
      checks: write # the check, with remarks on the code
      statuses: write # what a branch rule can require
      deployments: write # the deployments of environments
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0 # whether a revision is older than the one that serves is asked of its history
          persist-credentials: false
      # OWNER is where you keep baepo, and the commit the one that you reviewed.
      - uses: OWNER/baepo@0000000000000000000000000000000000000000
        with:
          max-wait: 30m
",
        branch = quote(&checkout.branch),
    )
}
