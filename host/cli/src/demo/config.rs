//! The configuration of the demonstration: what a user would write, with
//! short windows.

use clap::ValueEnum;

/// Which strategy to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyName {
    /// All traffic at once; the release before is kept.
    Direct,
    /// A second environment, one switch.
    BlueGreen,
    /// Few users first, more on evidence.
    Canary,
    /// Group by group.
    Rolling,
}

impl StrategyName {
    /// As it is written in a configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            StrategyName::Direct => "direct",
            StrategyName::BlueGreen => "blue-green",
            StrategyName::Canary => "canary",
            StrategyName::Rolling => "rolling",
        }
    }

    fn settings(self) -> &'static str {
        match self {
            StrategyName::Direct => "{ bake: 4s, max-observe: 30s }",
            StrategyName::BlueGreen => "{ preview: 2s, bake: 4s, max-observe: 30s, keep-warm: 2s }",
            StrategyName::Canary => {
                "{ steps: [1%, 5%, 25%, 50%], observe: { min: 2s, max: 15s }, max-observe: 60s, bake: 4s }"
            }
            StrategyName::Rolling => "{ max-surge: 1, min-ready: 2s, max-observe: 30s, bake: 4s }",
        }
    }
}

/// The file.
pub(crate) fn text(strategy: StrategyName, port: u16) -> String {
    let exposure = match strategy {
        StrategyName::Canary => "5%",
        StrategyName::Direct | StrategyName::BlueGreen | StrategyName::Rolling => "100%",
    };
    format!(
        "\
app: shop
build:
  run: cargo build --release --locked --offline --target-dir target
  artifacts: [target/release/shop]
test:
  run: cargo test --release --locked --offline --target-dir target
  junit: target/junit.xml
release:
  env: {{ GREETING: Good morning }}
environments:
  production:
    ephemeral: true
    target:
      local:
        listen: 127.0.0.1:{port}
        command: [shop]
        instances: 4
        health: {{ path: /healthz, interval: 100ms }}
        drain: 5s
    first-bake: 2s
    strategy:
      plugin: builtin:{name}
      with: {settings}
    limits: {{ max-exposure-unjudged: {exposure} }}
    monitors: [traffic]
",
        name = strategy.name(),
        settings = strategy.settings(),
    )
}
