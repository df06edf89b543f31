//! `scripts/publish.sh`: the list of archives, the tag and the release, with a real git and a `gh`
//! that only writes down what it was told.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::root;
use super::runner::{Released, Runner, program, released_as};
use crate::supply::server::{Answer, Files};

/// A checkout of the released commit with its origin, and what two jobs have built.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Result<Self> {
        let checkout = Self(tempfile::tempdir()?);
        for folder in ["work/scripts", "bin", "origin"] {
            fs::create_dir_all(checkout.at(folder))?;
        }
        for script in ["say.sh", "publish.sh", "SHA256SUMS"] {
            let to = checkout.at("work/scripts").join(script);
            fs::copy(root().join("scripts").join(script), to)?;
        }
        fs::write(
            checkout.at("work/Cargo.toml"),
            "[workspace.package]\nversion = \"1.2.3\"\n",
        )?;
        fs::write(
            checkout.at("work/CHANGELOG.md"),
            "# Changelog\n\n## [Unreleased]\n\n- Cake\n\n## [1.2.3]\n\n- Bread\n\n## [1.2.2]\n\n- Flour\n",
        )?;
        checkout.knows("no")?;
        checkout.git("origin", &["init", "--quiet", "--bare"])?;
        checkout.git("work", &["init", "--quiet", "--initial-branch=main"])?;
        checkout.git("work", &["add", "."])?;
        checkout.git("work", &["commit", "--quiet", "--message=Sell bread"])?;
        checkout.git("work", &["remote", "add", "origin", "../origin"])?;
        checkout.git("work", &["push", "--quiet", "origin", "main"])?;
        Ok(checkout)
    }

    /// A `gh` that knows of a release with this version's tag, or of `no` release.
    fn knows(&self, tag: &str) -> Result<()> {
        let told = self.at("told").display().to_string();
        let script = format!("echo \"$*\" >>{told}\n[ \"$2\" != view ] || [ \"$3\" = {tag} ]");
        program(&self.at("bin/gh"), &script)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(["-c", "user.name=Baker", "-c", "user.email=baker@shop.test"])
            .args(arguments)
            .current_dir(self.at(folder))
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {arguments:?}: {said}");
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// What a job for this platform hands over.
    fn build(&self, platform: &str) -> Result<Released> {
        let name = format!("baepo-1.2.3-{platform}");
        let release = released_as(&name, "echo \"baepo was given $*\"")?;
        let folder = self.at("built").join(format!("dist-{platform}"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.tar.gz")), &release.archive)?;
        fs::write(folder.join("SHA256SUMS"), &release.list)?;
        Ok(release)
    }

    /// The exit code of the release, and what it printed.
    fn publish(&self, version: &str) -> Result<(Option<i32>, String)> {
        let output = Command::new(self.at("work/scripts/publish.sh"))
            .arg("release")
            .arg(self.at("built"))
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.at("bin").display()),
            )
            .env("VERSION", version)
            .output()?;
        let text = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        Ok((output.status.code(), text))
    }

    /// What `gh` was told, in its first words.
    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.at("told")).unwrap_or_default();
        told.lines()
            .filter(|line| line.starts_with("release ") && !line.starts_with("release view"))
            .map(|line| line.split(' ').take(4).collect::<Vec<_>>().join(" "))
            .collect()
    }

    fn tags(&self) -> Result<String> {
        self.git("origin", &["tag", "--list"])
    }
}

#[test]
fn a_release_is_a_tag_on_a_list_of_what_was_built_from_its_parent() -> Result<()> {
    let checkout = Checkout::new()?;
    let release = checkout.build("linux-x64")?;
    let other = checkout.build("linux-arm64")?;
    let (code, text) = checkout.publish("1.2.3")?;
    ensure!(code == Some(0), "{text}");
    ensure!(checkout.tags()? == "v1.2.3");
    let main = checkout.git("origin", &["rev-parse", "main"])?;
    ensure!(checkout.git("origin", &["rev-parse", "v1.2.3^"])? == main);
    let changed = checkout.git("origin", &["diff", "--name-only", "main", "v1.2.3"])?;
    ensure!(changed == "scripts/SHA256SUMS", "{changed}");

    let list = checkout.git("origin", &["show", "v1.2.3:scripts/SHA256SUMS"])?;
    let lines = |list: &str| -> Vec<String> {
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let built = [lines(&other.list), lines(&release.list)].concat();
    ensure!(lines(&list) == built, "{list}");
    let told = checkout.told();
    ensure!(
        told == [
            "release create v1.2.3 --draft",
            "release edit v1.2.3 --draft=false"
        ],
        "{told:?}"
    );
    let told = fs::read_to_string(checkout.at("told"))?;
    ensure!(told.contains("- Bread") && !told.contains("Cake"), "{told}");
    ensure!(!told.contains("Flour"), "{told}");

    // Whoever pins that commit gets that archive.
    let files = Files::serve(Answer::File(release.archive));
    let runner = Runner::new(&list)?;
    let installed = runner.install(files.url("").trim_end_matches('/'))?;
    installed.is_from(&runner.entry().join("baepo"), "downloaded, with sha256 ");
    Ok(())
}

#[test]
fn what_is_not_whole_is_not_released() -> Result<()> {
    type Change = fn(&Checkout) -> Result<()>;
    let cases: [(&str, &str, Change); 8] = [
        (
            "1.2.3\n::add-mask::x",
            "this is no version: 1.2.3%0A::add-mask::x",
            |_| Ok(()),
        ),
        (
            "1.2.4",
            "Cargo.toml has the version 1.2.3, not 1.2.4",
            |_| Ok(()),
        ),
        (
            "1.2.3",
            "CHANGELOG.md says nothing below ## [1.2.3]",
            |checkout| {
                let text = "## [1.2.3]\n\n## [1.2.2]\n\n- Flour\n";
                Ok(fs::write(checkout.at("work/CHANGELOG.md"), text)?)
            },
        ),
        ("1.2.3", "the tag v1.2.3 is there already", |checkout| {
            checkout.git("origin", &["tag", "v1.2.3", "main"]).map(drop)
        }),
        (
            "1.2.3",
            "origin does not say which tags it has",
            |checkout| Ok(fs::remove_dir_all(checkout.at("origin/refs"))?),
        ),
        (
            "1.2.3",
            "a release or a draft v1.2.3 is there already",
            |checkout| checkout.knows("v1.2.3"),
        ),
        (
            "1.2.3",
            "there is not one whole archive for each platform",
            |checkout| Ok(fs::remove_dir_all(checkout.at("built/dist-linux-arm64"))?),
        ),
        (
            "1.2.3",
            "there is not one whole archive for each platform",
            |checkout| {
                let other = released_as("baepo-1.2.3-linux-x64", "echo I am another")?;
                let archive = "built/dist-linux-x64/baepo-1.2.3-linux-x64.tar.gz";
                Ok(fs::write(checkout.at(archive), other.archive)?)
            },
        ),
    ];
    for (version, why, change) in cases {
        let checkout = Checkout::new()?;
        checkout.build("linux-x64")?;
        checkout.build("linux-arm64")?;
        change(&checkout)?;
        let tags = checkout.tags().ok();
        let (code, text) = checkout.publish(version)?;
        let error = text
            .lines()
            .find(|line| line.starts_with("::error title=baepo::"));
        let error = error.with_context(|| format!("no error in {text}"))?;
        ensure!(error.contains(why), "{why} in {error}");
        ensure!(code == Some(2), "{text}");
        ensure!(checkout.told().is_empty(), "{:?}", checkout.told());
        ensure!(checkout.tags().ok() == tags, "a tag was pushed");
    }
    Ok(())
}

#[test]
fn without_its_tag_a_release_is_taken_back() -> Result<()> {
    let checkout = Checkout::new()?;
    checkout.build("linux-x64")?;
    checkout.build("linux-arm64")?;
    program(&checkout.at("origin/hooks/pre-receive"), "exit 1")?;
    let (code, text) = checkout.publish("1.2.3")?;
    ensure!(code == Some(2), "{text}");
    ensure!(text.contains("the tag v1.2.3 cannot be pushed"), "{text}");
    let told = checkout.told();
    ensure!(
        told == [
            "release create v1.2.3 --draft",
            "release delete v1.2.3 --yes"
        ],
        "{told:?}"
    );
    ensure!(checkout.tags()?.is_empty());
    Ok(())
}
