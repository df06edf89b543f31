//! The promises of a release: same inputs, same digest; anything else, another.

use std::time::Duration;

use baepo_core::digest::Digest;

use super::*;
use crate::target::Workload;

/// Inputs that own what a recipe borrows, over a real folder.
struct Inputs {
    folder: tempfile::TempDir,
    revision: Revision,
    artifacts: Vec<BuiltFile>,
    templates: Vec<ConfigTemplate>,
    env: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    key: SecretKey,
    workload: Workload,
    app: &'static str,
    environment: &'static str,
}

impl Inputs {
    fn new() -> Inputs {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("target")).unwrap();
        std::fs::write(folder.path().join("target/shop"), "machine code").unwrap();
        std::fs::write(
            folder.path().join("shop.toml.j2"),
            "app = \"{{ app }}\"\nlog = \"{{ env.RUST_LOG }}\"\n",
        )
        .unwrap();
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Inputs {
            folder,
            revision: Revision {
                commit: "9f31c2e".repeat(6),
                ref_name: "refs/heads/main".to_owned(),
                summary: "Sell more".to_owned(),
                committed_at: Time(1),
            },
            artifacts: vec![BuiltFile {
                name: "shop".to_owned(),
                path: "target/shop".to_owned(),
                media_type: String::new(),
            }],
            templates: vec![ConfigTemplate {
                template: PathBuf::from("shop.toml.j2"),
                to: "shop.toml".to_owned(),
            }],
            env: [("RUST_LOG", "info"), ("MODE", "fast")].map(text).into(),
            secrets: [(
                "DATABASE_URL".to_owned(),
                Secret::new("DB", "postgres://user:pass@db"),
            )]
            .into(),
            key: SecretKey::from_bytes([7; 32]),
            workload: Workload {
                command: vec!["shop".to_owned(), "--port={port}".to_owned()],
                env: Vec::new(),
                secret_env: Vec::new(),
                health_path: "/healthz".to_owned(),
                health_interval: Duration::from_secs(1),
                health_timeout: Duration::from_secs(1),
                drain_deadline: Duration::from_secs(30),
                stop_deadline: Duration::from_secs(10),
            },
            app: "shop",
            environment: "production",
        }
    }

    fn store(&self) -> ReleaseStore {
        ReleaseStore::new(self.folder.path().join(".baepo/releases"))
    }

    fn prepare(&self, at: u64) -> Result<Prepared, ReleaseError> {
        let recipe = Recipe {
            app: self.app,
            environment: self.environment,
            revision: &self.revision,
            checkout: self.folder.path(),
            artifacts: &self.artifacts,
            templates: &self.templates,
            env: &self.env,
            secrets: &self.secrets,
            key: &self.key,
            how: How::from(&self.workload),
        };
        prepare(&recipe, &self.store(), Time(at))
    }

    fn digest(&self) -> Digest {
        self.prepare(0).unwrap().record.digest
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join(path), text).unwrap();
    }
}

#[test]
fn the_same_inputs_give_the_same_digest_anywhere_and_any_time() {
    let first = Inputs::new();
    let mut second = Inputs::new();
    second.revision.commit = "0".repeat(40);
    assert_eq!(first.digest(), first.prepare(99).unwrap().record.digest);
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn anything_that_changes_how_instances_behave_gives_another_digest() {
    type Change = (&'static str, fn(&mut Inputs));
    let changes: [Change; 20] = [
        ("a byte of an artifact", |i| {
            i.write("target/shop", "machine cods")
        }),
        ("the name of an artifact", |i| {
            i.artifacts[0].name = "store".to_owned()
        }),
        ("the media type of an artifact", |i| {
            i.artifacts[0].media_type = "text/x".to_owned()
        }),
        ("no artifact", |i| i.artifacts.clear()),
        ("a byte of a template", |i| {
            i.write("shop.toml.j2", "app = '{{ app }}'\n")
        }),
        ("the name of a config file", |i| {
            i.templates[0].to = "x.toml".to_owned()
        }),
        ("a variable", |i| {
            drop(i.env.insert("MODE".to_owned(), "slow".to_owned()))
        }),
        ("one more variable", |i| {
            drop(i.env.insert("NEW".to_owned(), String::new()))
        }),
        ("one variable less", |i| drop(i.env.remove("MODE"))),
        ("the value of a secret", |i| {
            drop(
                i.secrets
                    .insert("DATABASE_URL".to_owned(), Secret::new("DB", "x")),
            )
        }),
        ("the name of a secret", |i| {
            drop(i.secrets.insert(
                "DATABASE_URL".to_owned(),
                Secret::new("DB2", "postgres://user:pass@db"),
            ))
        }),
        ("one more secret", |i| {
            drop(i.secrets.insert("TOKEN".to_owned(), Secret::new("T", "t")))
        }),
        ("a secret that was a variable", |i| {
            i.env.remove("MODE");
            i.secrets
                .insert("MODE".to_owned(), Secret::new("MODE", "fast"));
        }),
        ("the key", |i| i.key = SecretKey::from_bytes([8; 32])),
        ("the command", |i| i.workload.command.push("-v".to_owned())),
        ("the words of the command", |i| {
            i.workload.command = vec!["shop --port={port}".to_owned()]
        }),
        ("the health path", |i| {
            i.workload.health_path = "/".to_owned()
        }),
        ("the drain deadline", |i| {
            i.workload.drain_deadline = Duration::from_secs(31)
        }),
        ("the environment", |i| i.environment = "staging"),
        ("the app", |i| i.app = "store"),
    ];
    let mut seen = BTreeMap::from([(Inputs::new().digest(), "nothing")]);
    for (what, change) in changes {
        let mut inputs = Inputs::new();
        change(&mut inputs);
        let twin = seen.insert(inputs.digest(), what);
        assert_eq!(twin, None, "{what} gives the digest of another release");
    }
}

#[test]
fn the_canonical_text_does_not_change_by_accident() {
    let record = Inputs::new().prepare(0).unwrap().record;
    expect_test::expect![[r#"{"app":"shop","env":{"MODE":"fast","RUST_LOG":"info"},"environment":"production","files":[{"executable":true,"media-type":"application/octet-stream","name":"shop","origin":"built","sha256":"sha256:5ace2a28c6f40875ef2baac027d8b91a2f65701271c7b43ecbd467664dca9ef0","size-bytes":12},{"executable":false,"media-type":"text/plain","name":"shop.toml","origin":"rendered","sha256":"sha256:a40b72f6e768752dee83bfc6cb654b172c5bc04a3825f2fbea75ae13cea6d27c","size-bytes":26}],"format":"baepo-release/1","run":{"command":["shop","--port={port}"],"drain-deadline-ms":30000,"health-interval-ms":1000,"health-path":"/healthz","health-timeout-ms":1000,"stop-deadline-ms":10000},"secrets":{"DATABASE_URL":{"keyed-hash":"sha256:56ac9456ef9600f71ccb653229b51530c027f3f8cb1f076e0df36b03c9eee7f0","name":"DB"}}}"#]].assert_eq(&record.manifest.canonical_text());
}

#[test]
fn a_kept_release_holds_the_files_and_no_secret() {
    let inputs = Inputs::new();
    let prepared = inputs.prepare(5).unwrap();
    let place = inputs.store();
    let folder = inputs
        .folder
        .path()
        .join(".baepo/releases")
        .join(prepared.record.digest.hex());
    let text = std::fs::read_to_string(folder.join("release.json")).unwrap();
    assert!(!text.contains("postgres") && !format!("{:?}", prepared.record).contains("postgres"));
    assert_eq!(
        std::fs::read_to_string(folder.join("files/shop.toml")).unwrap(),
        "app = \"shop\"\nlog = \"info\"\n"
    );
    assert_eq!(
        prepared.staging.workload.secret_env,
        [(
            "DATABASE_URL".to_owned(),
            "postgres://user:pass@db".to_owned()
        )]
    );
    assert!(
        prepared
            .staging
            .files
            .iter()
            .find(|f| f.name == "shop")
            .unwrap()
            .executable
    );
    let again = place.open(prepared.record.digest).unwrap();
    assert_eq!(again.staging(&inputs.secrets), prepared.staging);
    let left: Vec<_> = std::fs::read_dir(inputs.folder.path().join(".baepo/releases"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "nothing but the release is left: {left:?}");
}

#[test]
fn a_damaged_release_is_refused_and_mended_by_the_next_build() {
    let inputs = Inputs::new();
    let prepared = inputs.prepare(0).unwrap();
    std::fs::write(&prepared.staging.files[0].source, "something else").unwrap();
    let error = inputs.store().open(prepared.record.digest).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`shop` is missing or has another digest"),
        "{error}"
    );
    inputs.prepare(1).unwrap();
    assert!(inputs.store().open(prepared.record.digest).is_ok());
}

#[test]
fn the_last_five_of_each_environment_and_those_in_use_are_kept() {
    let mut inputs = Inputs::new();
    let mut digests = Vec::new();
    for i in 0..8 {
        inputs.env.insert("N".to_owned(), i.to_string());
        digests.push(inputs.prepare(i).unwrap().record.digest);
    }
    inputs.environment = "staging";
    let other = inputs.prepare(0).unwrap().record.digest;
    let in_use = BTreeSet::from([digests[0]]);
    let kept = inputs.store().clear("shop", "production", &in_use).unwrap();
    assert_eq!(kept.removed, digests[1..3]);
    let left: BTreeSet<Digest> = inputs
        .store()
        .list()
        .unwrap()
        .iter()
        .map(|record| record.digest)
        .collect();
    assert_eq!(
        left,
        digests[3..]
            .iter()
            .chain([&digests[0], &other])
            .copied()
            .collect()
    );
    assert_eq!(
        inputs.store().find(&digests[7].short()).unwrap().digest,
        digests[7]
    );
    assert!(matches!(
        inputs.store().find(""),
        Err(ReleaseError::Unknown { .. })
    ));
}

#[test]
fn what_cannot_become_a_release_says_why() {
    type Change = (&'static str, fn(&mut Inputs));
    let cases: [Change; 8] = [
        (
            "the build says it made `target/none`, and there is no such file",
            |i| i.artifacts[0].path = "target/none".to_owned(),
        ),
        ("`target` is not a file", |i| {
            i.artifacts[0].path = "target".to_owned()
        }),
        ("`/etc/hostname` is outside the checkout", |i| {
            i.artifacts[0].path = "/etc/hostname".to_owned()
        }),
        ("`link` is outside the checkout", |i| {
            std::os::unix::fs::symlink("/etc/hostname", i.folder.path().join("link")).unwrap();
            i.artifacts[0].path = "link".to_owned();
        }),
        ("two files of the release are called `shop`", |i| {
            i.templates[0].to = "shop".to_owned()
        }),
        ("`a/b` is not a file name without folders", |i| {
            i.artifacts[0].name = "a/b".to_owned()
        }),
        ("shop.toml.j2:2: `env.LOG` is not defined", |i| {
            i.write("shop.toml.j2", "x\n{{ env.LOG }}\n")
        }),
        (
            "shop.toml.j2:1: unexpected end of input, expected end of variable block",
            |i| i.write("shop.toml.j2", "{{ app"),
        ),
    ];
    for (expected, change) in cases {
        let mut inputs = Inputs::new();
        change(&mut inputs);
        assert_eq!(inputs.prepare(0).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_secret_in_a_template_is_refused_by_name() {
    let inputs = Inputs::new();
    inputs.write("shop.toml.j2", "url = {{ env.DATABASE_URL }}\n");
    match inputs.prepare(0).unwrap_err() {
        ReleaseError::Template { help, line, .. } => {
            assert_eq!(line, 1);
            assert_eq!(
                help,
                "`DATABASE_URL` is a secret, and secrets never enter files: let the program read the variable"
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_difference_names_what_changed_and_never_a_secret_value() {
    let before = Inputs::new();
    let mut after = Inputs::new();
    after.write("target/shop", "other code");
    after.env.remove("MODE");
    after
        .secrets
        .insert("DATABASE_URL".to_owned(), Secret::new("DB", "other"));
    after.workload.command.push("-v".to_owned());
    let manifest = |inputs: &Inputs| inputs.prepare(0).unwrap().record.manifest;
    let changes = diff(&manifest(&before), &manifest(&after));
    let lines: Vec<String> = changes
        .iter()
        .map(|c| format!("{} {}: {:?} -> {:?}\n", c.kind, c.name, c.before, c.after))
        .collect();
    expect_test::expect![[r#"
        file shop: Some("sha256:5ace2a28c6f4, 12 bytes, application/octet-stream, executable") -> Some("sha256:41ce7d3acc1d, 10 bytes, application/octet-stream, executable")
        variable MODE: Some("fast") -> None
        secret DATABASE_URL: Some("DB") -> Some("DB (changed)")
        setting command: Some("[\"shop\",\"--port={port}\"]") -> Some("[\"shop\",\"--port={port}\",\"-v\"]")
    "#]].assert_eq(&lines.concat());
}
