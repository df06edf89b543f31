//! Files that are YAML and say what cannot be.

use expect_test::expect;

use super::{GROWN, check, with_environment};

#[test]
fn what_comes_later_is_said_and_nothing_else() {
    check(
        GROWN,
        expect![[r#"
            error: 3 problems in baepo.yml

              baepo.yml:7:13
               7 │   - plugin: oci://ghcr.io/acme/sbom@sha256:3f1c
                 │             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `oci://ghcr.io/acme/sbom@sha256:3f1c` names no plugin: behind `@` belongs `sha256:` and 64 hexadecimal digits
              help: such as `https://plugins.acme.dev/check.wasm` or `oci://ghcr.io/acme/check:1.2`

              baepo.yml:18:24
              18 │     target: { local: { ssh: { to: deploy@staging.acme.dev, key: { secret: DEPLOY_KEY } }, listen: "0.0.0.0:808…
                 │                        ^^^ reaching a machine over SSH is not in this version
              help: run the job on the machine itself with a self-hosted runner

              baepo.yml:23:15
              23 │     target: { kubernetes: { namespace: shop, manifest: deploy/shop.yaml } }
                 │               ^^^^^^^^^^ the target `kubernetes` is not in this version
              help: use `local`, or `plugin` with one that speaks to your cluster
        "#]],
    );
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let source = "ap: shop
build: { run: cargo build | tee log, artifacts: target/release/shop }
environments:
  production:
    target: { local: { listen: localhost:8080, command: [shop], instances: 0, helth: /healthz } }
    stategy: canary
    limits: { max-surge: lots, max-exposure-unjudged: 5, allow-downtime: yes }
    monitors: [trafic, canary]
    on-no-evidence: continue
    progress-deadline: 30
";
    check(
        source,
        expect![[r#"
        error: 14 problems in baepo.yml

          baepo.yml:1:1
           1 │ ap: shop
             │ ^^ unknown key at the top level
          help: did you mean `app`?

          baepo.yml:2:27
           2 │ build: { run: cargo build | tee log, artifacts: target/release/shop }
             │                           ^ `|` would need a shell
          help: there is no shell here: write the words as a list, or put this into a script and run that

          baepo.yml:2:49
           2 │ build: { run: cargo build | tee log, artifacts: target/release/shop }
             │                                                 ^^^^^^^^^^^^^^^^^^^ `artifacts` must be a list, not text
          help: for example `artifacts: [target/release/shop]`

          baepo.yml:5:32
           5 │     target: { local: { listen: localhost:8080, command: [shop], instances: 0, helth: /healthz } }
             │                                ^^^^^^^^^^^^^^ must be an IP address and a port, or `unix:` and a path
          help: for this machine alone `127.0.0.1:8080`, for everyone `0.0.0.0:8080`

          baepo.yml:5:76
           5 │     target: { local: { listen: localhost:8080, command: [shop], instances: 0, helth: /healthz } }
             │                                                                            ^ `instances` must be from 1 to 1000

          baepo.yml:5:79
           5 │     target: { local: { listen: localhost:8080, command: [shop], instances: 0, helth: /healthz } }
             │                                                                               ^^^^^ unknown key in `target.local` of environment `production`
          help: did you mean `health`?

          baepo.yml:6:5
           6 │     stategy: canary
             │     ^^^^^^^ unknown key in environment `production`
          help: did you mean `strategy`?

          baepo.yml:7:26
           7 │     limits: { max-surge: lots, max-exposure-unjudged: 5, allow-downtime: yes }
             │                          ^^^^ `max-surge` must be a count of instances or a percentage, such as `1` or `25%`

          baepo.yml:7:55
           7 │     limits: { max-surge: lots, max-exposure-unjudged: 5, allow-downtime: yes }
             │                                                       ^ `max-exposure-unjudged` must be a percentage from `0%` to `100%` with at most two decimals, such as `5%` or `0.5%`

          baepo.yml:7:74
           7 │     limits: { max-surge: lots, max-exposure-unjudged: 5, allow-downtime: yes }
             │                                                                          ^^^ `allow-downtime` must be `true` or `false`, not text
          help: did you mean `true`?

          baepo.yml:8:16
           8 │     monitors: [trafic, canary]
             │                ^^^^^^ there is no built-in plugin `trafic`
          help: did you mean `traffic`?

          baepo.yml:8:24
           8 │     monitors: [trafic, canary]
             │                        ^^^^^^ `canary` is a strategy, not a monitor
          help: one of: traffic, prometheus, http, logs, or `./PATH.wasm`

          baepo.yml:9:21
           9 │     on-no-evidence: continue
             │                     ^^^^^^^^ `on-no-evidence` cannot be `continue`
          help: one of: hold, continue-on-health, abort

          baepo.yml:10:24
          10 │     progress-deadline: 30
             │                        ^^ `progress-deadline` must be a duration with a unit, such as `500ms`, `30s`, `5m`, `1h30m` or `1d`
    "#]],
    );
}

#[test]
fn needs_must_exist_and_must_not_go_round() {
    let environment = |name: &str, port: u16, needs: &str| {
        format!(
            "  {name}:
    needs: {needs}
    target: {{ local: {{ listen: \"127.0.0.1:{port}\", command: shop, health: / }} }}
    strategy: direct
"
        )
    };
    let source = format!(
        "app: shop\nenvironments:\n{}{}{}{}",
        environment("a", 1, "[b]"),
        environment("b", 2, "c"),
        environment("c", 3, "[a]"),
        environment("d", 3, "[d, stagin, a]"),
    );
    check(
        &source,
        expect![[r#"
        error: 4 problems in baepo.yml

          baepo.yml:4:5
           4 │     needs: [b]
             │     ^^^^^ these environments wait for each other: a → b → c → a
          help: remove one of the `needs`

          baepo.yml:16:13
          16 │     needs: [d, stagin, a]
             │             ^ an environment cannot need itself

          baepo.yml:16:16
          16 │     needs: [d, stagin, a]
             │                ^^^^^^ there is no environment `stagin`
          help: known environments: a, b, c

          baepo.yml:17:32
          17 │     target: { local: { listen: "127.0.0.1:3", command: shop, health: / } }
             │                                ^^^^^^^^^^^^^ environment `c` listens there too
          help: give each environment an address of its own
    "#]],
    );
}

#[test]
fn wrong_values_inside_an_environment_name_what_is_expected() {
    let extra = "    env: { PORT: 1, 2X: y, OK: { secret: A-B }, LIST: [a], VERSION: 1.10 }
    on: [push, pull-request]
    needs: [staging]
    approve: true
    limits: { max-surge: 2.5, max-unavailable: 25% }
    hold-timeout: 0s
    monitors:
      - plugin: ./a/check.wasm
      - plugin: ./b/check.wasm
      - plugin: plugins/c.wasm
      - https://acme.dev/x.wasm
      - with: { a: 1 }
";
    check(
        &with_environment(extra),
        expect![[r#"
            error: 11 problems in baepo.yml

              baepo.yml:6:12
               6 │     env: { PORT: 1, 2X: y, OK: { secret: A-B }, LIST: [a], VERSION: 1.10 }
                 │            ^^^^ `PORT` is set to the port of each instance and cannot be set here

              baepo.yml:6:21
               6 │     env: { PORT: 1, 2X: y, OK: { secret: A-B }, LIST: [a], VERSION: 1.10 }
                 │                     ^^ `2X` must be a name of letters, digits and `_`, such as `DATABASE_URL`

              baepo.yml:6:42
               6 │     env: { PORT: 1, 2X: y, OK: { secret: A-B }, LIST: [a], VERSION: 1.10 }
                 │                                          ^^^ `secret` must be a name of letters, digits and `_`, such as `DATABASE_URL`

              baepo.yml:6:55
               6 │     env: { PORT: 1, 2X: y, OK: { secret: A-B }, LIST: [a], VERSION: 1.10 }
                 │                                                       ^ `LIST` must be text or a block of keys, not a list

              baepo.yml:7:16
               7 │     on: [push, pull-request]
                 │                ^^^^^^^^^^^^ an item of `on` cannot be `pull-request`
              help: did you mean `pull_request`?

              baepo.yml:8:13
               8 │     needs: [staging]
                 │             ^^^^^^^ there is no environment `staging`
              help: there is no other one

              baepo.yml:10:26
              10 │     limits: { max-surge: 2.5, max-unavailable: 25% }
                 │                          ^^^ `max-surge` must be a count of instances or a percentage, such as `1` or `25%`

              baepo.yml:11:19
              11 │     hold-timeout: 0s
                 │                   ^^ must be longer than nothing

              baepo.yml:14:9
              14 │       - plugin: ./b/check.wasm
                 │         ^ two plugins here are called `check`
              help: give one of them a name of its own: `name: …`

              baepo.yml:15:17
              15 │       - plugin: plugins/c.wasm
                 │                 ^^^^^^^^^^^^^^ a path must begin with `./`
              help: write `./plugins/c.wasm`

              baepo.yml:17:9
              17 │       - with: { a: 1 }
                 │         ^ `plugin` is missing in `monitors.4` of environment `production`
              help: add `plugin: ./plugins/mine.wasm`
                    `builtin:NAME`, the path of a component that begins with `./`, or an address that begins with `https://` or `oci://`.
        "#]],
    );
    let extra = "    monitors:
      - plugin: ./a/check.wasm
      - plugin: ./b/check.wasm
      - plugin: plugins/c.wasm
      - https://acme.dev/x.wasm
";
    check(
        &with_environment(extra),
        expect![[r#"
            error: 2 problems in baepo.yml

              baepo.yml:8:9
               8 │       - plugin: ./b/check.wasm
                 │         ^ two plugins here are called `check`
              help: give one of them a name of its own: `name: …`

              baepo.yml:9:17
               9 │       - plugin: plugins/c.wasm
                 │                 ^^^^^^^^^^^^^^ a path must begin with `./`
              help: write `./plugins/c.wasm`
        "#]],
    );
}

#[test]
fn a_target_is_one_place_and_a_plugin_of_that_kind() {
    let config = |target: &str, more: &str| {
        format!(
            "app: shop\nenvironments:\n  a:\n    target: {{ {target} }}\n    strategy: direct\n{more}"
        )
    };
    check(
        &config("instances: 2, plugin: canary", "    ephemeral: true\n"),
        expect![[r#"
            error: 2 problems in baepo.yml

              baepo.yml:4:37
               4 │     target: { instances: 2, plugin: canary }
                 │                                     ^^^^^^ `canary` is a strategy, not a target
              help: one of: programs, or `./PATH.wasm`

              baepo.yml:6:16
               6 │     ephemeral: true
                 │                ^^^^ what a plugin runs does not end with the run
              help: leave out `ephemeral`, or use `target.local`
        "#]],
    );
    check(
        &config(
            "instances: 2, plugin: ./a.wasm, local: { listen: \"127.0.0.1:3\", command: shop, health: / }",
            "",
        ),
        expect![[r#"
            error: 2 problems in baepo.yml

              baepo.yml:4:5
               4 │     target: { instances: 2, plugin: ./a.wasm, local: { listen: "127.0.0.1:3", command: shop, health: / } }
                 │     ^^^^^^ a target is exactly one of local, kubernetes and plugin
              help: keep one of them

              baepo.yml:4:15
               4 │     target: { instances: 2, plugin: ./a.wasm, local: { listen: "127.0.0.1:3", command: shop, health: / } }
                 │               ^^^^^^^^^ is for a target that is a plugin
              help: write it under `local:`
        "#]],
    );
}
