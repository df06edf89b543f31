use super::*;
use expect_test::expect;

fn checkout(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("Web Shop ")
        .tempdir()
        .unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn init(folder: &Path) -> String {
    let mut out = Vec::new();
    run(&Args { dry_run: false }, folder, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

type Case = &'static [(&'static str, &'static str)];

const CASES: [Case; 7] = [
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"Shop\"\nversion = \"0.1.0\"\n",
        ),
        ("src/main.rs", "match path { \"/health\" => ok() }"),
        (
            ".config/nextest.toml",
            "[profile.ci.junit]\npath = \"junit.xml\"\n",
        ),
        (".github/workflows/ci.yml", "on: push"),
    ],
    &[
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        (
            "crates/api/Cargo.toml",
            "[package]\nname = \"api-server\"\n",
        ),
        ("crates/api/src/main.rs", ""),
    ],
    &[(
        "package.json",
        r#"{"name":"@acme/shop","main":"./dist/index.js","scripts":{"build":"tsc"},"devDependencies":{"vitest":"3"}}"#,
    )],
    &[
        ("package.json", r#"{"name":"yes"}"#),
        ("Dockerfile", "FROM scratch"),
    ],
    &[("go.mod", "module acme.dev/x/shop\n\ngo 1.24\n")],
    &[
        ("requirements.txt", "flask\npytest\n"),
        ("main.py", "@app.get('/ping')"),
    ],
    &[],
];

#[test]
fn what_init_writes_has_no_findings() {
    for files in CASES {
        let folder = checkout(files);
        init(folder.path());
        let config = crate::config::load(folder.path(), None);
        assert!(config.is_ok(), "{}", config.unwrap_err());
    }
}

#[test]
fn init_says_what_it_assumed_and_what_to_check() {
    let folder = checkout(CASES[0]);
    expect![[r#"
        ✓ wrote .github/baepo.yml
        ✓ wrote .github/workflows/deploy.yml

        assumed
          app          shop  (named in Cargo.toml)
          build        cargo build --release --locked → target/release/Shop  (found Cargo.toml)
          test         cargo nextest run --profile ci → target/nextest/ci/junit.xml  (found Cargo.toml)
          command      Shop  (found Cargo.toml)
          health       /health  (found in main.rs)
          branch       main  (assumed)

        to check
          - the program must listen on the port in the variable PORT, on 127.0.0.1
          - the job must run on the machine that serves, and on another one for pull requests: see `runs-on:` in .github/workflows/deploy.yml
          - .github/workflows/deploy.yml says `uses: OWNER/baepo@…`: put in where you keep baepo, and a commit
          - .baepo/ belongs into .gitignore
          - these workflows stay as they are and may do the same work: ci.yml

        next: baepo doctor, then baepo plan
    "#]].assert_eq(&init(folder.path()));
    let text = fs::read_to_string(folder.path().join(CONFIG_PATH)).unwrap();
    expect![[r##"
        # What baepo builds, tests and releases, and how it rolls that out.
        # `baepo doctor` checks it, `baepo plan` shows what a run would do, `baepo schema` prints all that it may say.
        app: shop
        build:
          run: cargo build --release --locked
          artifacts: [target/release/Shop]
        test:
          run: cargo nextest run --profile ci
          junit: target/nextest/ci/junit.xml

        environments:
          production:
            target:
              local:
                listen: "127.0.0.1:8080"     # where requests come in; 0.0.0.0 for every address of the machine
                command: [Shop]
                instances: 2
                health: /health
            strategy: canary                 # or direct, blue-green, rolling
            monitors: [traffic]
            on-no-evidence: hold             # where too few requests come to judge by: or continue-on-health, or abort
    "##]].assert_eq(&text);
}

#[test]
fn every_kind_of_project_is_recognised() {
    let seen: Vec<String> = CASES
        .iter()
        .map(|files| {
            let found = Checkout::look(checkout(files).path());
            let app = if found.app.starts_with("web-shop") {
                "(folder)"
            } else {
                &found.app
            };
            format!(
                "{app}: {} -> {:?}; test {:?}; run {:?}; health {}\n",
                found.build, found.artifacts, found.test, found.command, found.health
            )
        })
        .collect();
    expect![[r#"
        shop: cargo build --release --locked -> ["target/release/Shop"]; test Some(("cargo nextest run --profile ci", "target/nextest/ci/junit.xml")); run ["Shop"]; health /health
        api-server: cargo build --release --locked -> ["target/release/api-server"]; test None; run ["api-server"]; health /healthz
        shop: npm run build -> ["dist/index.js"]; test Some(("npx vitest run --reporter=junit --outputFile=junit.xml", "junit.xml")); run ["node", "index.js"]; health /healthz
        yes: npm ci -> ["server.js"]; test None; run ["node", "server.js"]; health /healthz
        shop: go build -o build/shop . -> ["build/shop"]; test None; run ["shop"]; health /healthz
        (folder): python3 -m compileall -q . -> ["main.py"]; test Some(("python3 -m pytest --junitxml=junit.xml", "junit.xml")); run ["python3", "main.py"]; health /ping
        (folder): make -> ["build/app"]; test None; run ["app"]; health /healthz
    "#]].assert_eq(&seen.concat());
}

#[test]
fn a_file_that_is_there_is_kept_and_compared() {
    let folder = checkout(&[("go.mod", "module shop\n")]);
    init(folder.path());
    let path = folder.path().join(CONFIG_PATH);
    let changed = fs::read_to_string(&path)
        .unwrap()
        .replace("instances: 2", "instances: 9");
    fs::write(&path, &changed).unwrap();
    let shown = init(folder.path());
    assert_eq!(fs::read_to_string(&path).unwrap(), changed);
    assert!(shown.contains("· kept .github/baepo.yml"), "{shown}");
    assert!(
        shown.contains("  -         instances: 9\n  +         instances: 2\n"),
        "{shown}"
    );
    assert!(
        shown.contains("✓ kept .github/workflows/deploy.yml: it is the same"),
        "{shown}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = checkout(&[("go.mod", "module shop\n")]);
    let mut out = Vec::new();
    run(&Args { dry_run: true }, folder.path(), &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("app: shop"));
    assert!(!folder.path().join(".github").exists());
}
