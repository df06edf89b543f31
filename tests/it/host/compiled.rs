//! Compiled plugins: the cache, who compiles, and what the binary carries.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{
    CacheOptions, CallContext, CallLimits, Compiler, HostOptions, LoadError, Origin, PluginHost,
};
use serde_json::Value;
use tempfile::TempDir;

use super::guest::{self, names};
use crate::life::baepo;

fn options(folder: &Path) -> CacheOptions {
    CacheOptions::new(folder.join("compiled"), folder.join("key"))
}

/// A host of its own, as in another process.
fn host(cache: CacheOptions) -> Result<PluginHost> {
    let host = PluginHost::new(HostOptions {
        cache: Some(cache),
        ..HostOptions::default()
    })?;
    Ok(host)
}

/// Where the code of the guest came from; it answers in any case.
async fn origin(host: &PluginHost, name: &str) -> Result<Origin> {
    let plugin = guest::load(host, name).await?;
    let outcome = plugin.decide(&CallContext::bare(), &guest::view()).await;
    outcome.result?;
    Ok(plugin.origin())
}

/// The files of a cache with this ending.
fn files(folder: &TempDir, ending: &str) -> Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder.path().join("compiled"))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Vec<_> = paths.collect::<Result<_>>()?;
    let fits = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(ending);
    Ok(paths.into_iter().filter(fits).collect())
}

fn only(folder: &TempDir, ending: &str) -> Result<std::path::PathBuf> {
    let mut files = files(folder, ending)?;
    ensure!(files.len() == 1, "{files:?}");
    files.pop().context("one file")
}

#[tokio::test]
async fn what_was_compiled_once_is_loaded_by_the_next_host() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = host(options(folder.path()))?;
    assert_eq!(first.cache_trouble(), None);
    assert_eq!(origin(&first, names::ANSWER).await?, Origin::Compiled);
    let second = host(options(folder.path()))?;
    assert_eq!(origin(&second, names::ANSWER).await?, Origin::Cached);
    assert_eq!(origin(&second, names::GUESSES).await?, Origin::Compiled);
    for path in files(&folder, "")? {
        let mode = path.metadata()?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn an_entry_that_was_changed_cut_copied_or_lost_is_compiled_again() -> Result<()> {
    type Harm = fn(&Path, &Path) -> std::io::Result<()>;
    let harms: [(&str, Harm); 6] = [
        ("one byte of the code", |code, _| {
            use std::os::unix::fs::FileExt;
            let file = std::fs::File::options().read(true).write(true).open(code)?;
            let mut byte = [0];
            file.read_exact_at(&mut byte, 5000)?;
            file.write_all_at(&[byte[0] ^ 1], 5000)
        }),
        ("the end of the code", |code, _| {
            let file = std::fs::File::options().write(true).open(code)?;
            file.set_len(file.metadata()?.len() / 2)
        }),
        ("a copy, as from an archive", |code, _| {
            let bytes = std::fs::read(code)?;
            std::fs::remove_file(code)?;
            std::fs::write(code, bytes)?;
            std::fs::set_permissions(code, std::fs::Permissions::from_mode(0o600))
        }),
        ("the seal", |_, seal| std::fs::remove_file(seal)),
        ("another seal", |_, seal| std::fs::write(seal, [7; 32])),
        ("open to others", |code, _| {
            std::fs::set_permissions(code, std::fs::Permissions::from_mode(0o666))
        }),
    ];
    for (what, harm) in harms {
        let folder = tempfile::tempdir()?;
        origin(&host(options(folder.path()))?, names::ANSWER).await?;
        harm(&only(&folder, ".code")?, &only(&folder, ".seal")?)?;
        let next = host(options(folder.path()))?;
        assert_eq!(
            origin(&next, names::ANSWER).await?,
            Origin::Compiled,
            "{what}"
        );
        let healed = host(options(folder.path()))?;
        assert_eq!(
            origin(&healed, names::ANSWER).await?,
            Origin::Cached,
            "{what}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn with_another_key_nothing_that_is_there_counts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    origin(&host(options(folder.path()))?, names::ANSWER).await?;
    std::fs::write(folder.path().join("key"), [9; 32])?;
    let next = host(options(folder.path()))?;
    assert_eq!(origin(&next, names::ANSWER).await?, Origin::Compiled);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_others_can_write_is_not_used_and_nothing_fails() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let compiled = folder.path().join("compiled");
    std::fs::create_dir(&compiled)?;
    std::fs::set_permissions(&compiled, std::fs::Permissions::from_mode(0o770))?;
    let open = host(options(folder.path()))?;
    let why = open.cache_trouble().context("it is trusted")?;
    ensure!(why.contains("open to others"), "{why}");
    assert_eq!(origin(&open, names::ANSWER).await?, Origin::Compiled);
    ensure!(files(&folder, "")?.is_empty());
    std::fs::remove_dir(&compiled)?;
    std::os::unix::fs::symlink("/tmp", &compiled)?;
    let linked = host(options(folder.path()))?;
    ensure!(linked.cache_trouble().is_some());
    assert_eq!(origin(&linked, names::ANSWER).await?, Origin::Compiled);
    Ok(())
}

#[tokio::test]
async fn the_cache_stays_below_its_size() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = host(CacheOptions {
        limit_bytes: 1,
        ..options(folder.path())
    })?;
    for name in [names::ANSWER, names::NONSENSE, names::GUESSES] {
        guest::load(&host, name).await?;
        only(&folder, ".code")?;
    }
    Ok(())
}

fn compiler() -> Compiler {
    Compiler {
        program: baepo(),
        arguments: vec!["compile-component".into()],
    }
}

fn with_compiler(cache: Option<CacheOptions>) -> Result<PluginHost> {
    let host = PluginHost::new(HostOptions {
        cache,
        compiler: Some(compiler()),
        ..HostOptions::default()
    })?;
    Ok(host)
}

#[tokio::test]
async fn a_process_of_its_own_compiles_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = with_compiler(Some(options(folder.path())))?;
    assert_eq!(origin(&first, names::ANSWER).await?, Origin::Compiled);
    let second = host(options(folder.path()))?;
    assert_eq!(origin(&second, names::ANSWER).await?, Origin::Cached);
    let mut damaged = guest::component(names::ANSWER)?;
    damaged.truncate(damaged.len() / 2);
    let loaded = guest::load_bytes(&first, &damaged, Grants::default(), None).await;
    let refused = loaded.err().context("it was loaded")?;
    ensure!(
        matches!(refused, LoadError::Malformed { .. }),
        "{refused:?}"
    );
    Ok(())
}

/// A strategy whose one function has so many loops and variables that all of
/// them together take minutes.
fn compile_bomb() -> Result<Vec<u8>> {
    const VARIABLES: usize = 4_000;
    const LOOPS: usize = 6_000;
    let mut body = String::from("(func $bomb");
    for _ in 0..VARIABLES {
        body.push_str(" (local i64)");
    }
    for at in 0..LOOPS {
        let (one, two) = (at % VARIABLES, (at * 7 + 1) % VARIABLES);
        write!(
            body,
            "(loop (local.set {one} (i64.add (local.get {one}) (local.get {two})))\
             (br_if 0 (i32.wrap_i64 (local.get {two}))))"
        )?;
    }
    body.push_str(")\n");
    guest::component_of(&format!("{}{body}", guest::text(names::ANSWER)?), "0.1.0")
}

#[tokio::test]
async fn a_component_that_compiles_for_minutes_is_given_up_with_its_process() -> Result<()> {
    let bomb = compile_bomb()?;
    let limit = Duration::from_millis(500);
    let limits = CallLimits {
        compile: limit,
        ..CallLimits::BRIEF
    };
    let host = with_compiler(None)?;
    let begun = Instant::now();
    let loaded = guest::load_bytes(&host, &bomb, Grants::default(), Some(limits)).await;
    let refused = loaded.err().context("it was loaded")?;
    assert_eq!(refused, LoadError::CompileTimeout { limit });
    ensure!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let mine = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/{mine}/task/{mine}/children"))?;
    assert_eq!(children.trim(), "", "a compiler is left");
    assert_eq!(origin(&host, names::ANSWER).await?, Origin::Compiled);
    Ok(())
}

/// What `baepo plugin run` prints of a strategy.
fn run(binary: &Path, folder: &Path, plugin: &str) -> Result<Value> {
    let input = folder.join("view.json");
    std::fs::write(&input, serde_json::to_vec(&guest::view())?)?;
    let output = Command::new(binary)
        .args(["plugin", "run", "strategy", "--plugin", plugin, "--input"])
        .arg(&input)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("BAEPO_CACHE", folder.join("cache/compiled"))
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_WORKSPACE")
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())
}

#[test]
fn a_sealed_binary_carries_the_code_of_its_plugins() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let binary = folder.path().join("baepo");
    std::fs::copy(baepo(), &binary)?;
    let checkout = folder.path().join("checkout");
    std::fs::create_dir(&checkout)?;
    let seal = || -> Result<u64> {
        let sealed = Command::new(&binary)
            .arg("seal")
            .stdout(Stdio::null())
            .status()?;
        ensure!(sealed.success(), "{sealed}");
        Ok(binary.metadata()?.len())
    };
    // Sealing again replaces what was there.
    assert_eq!(seal()?, seal()?);
    let carried = run(&binary, &checkout, "builtin:direct")?;
    assert_eq!(carried["code"], "carried");
    let compiled = run(&baepo(), &checkout, "builtin:direct")?;
    assert_eq!(compiled["answer"], carried["answer"]);
    // Damaged code is compiled, not run: the code lies between program and index.
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&binary)?;
    let at = baepo().metadata()?.len() + 3000;
    for place in (at..file.metadata()?.len() - 8192).step_by(20_000) {
        file.write_all_at(&[0xcc; 64], place)?;
    }
    drop(file);
    let damaged = run(&binary, &checkout, "builtin:direct")?;
    ensure!(damaged["code"] != "carried", "{damaged}");
    assert_eq!(damaged["answer"], carried["answer"]);
    Ok(())
}

#[test]
fn the_second_process_finds_what_the_first_compiled_but_not_inside_a_checkout() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("answer.wasm");
    std::fs::write(&path, guest::component(names::ANSWER)?)?;
    let plugin = path.to_string_lossy().into_owned();
    // The cache would lie in the checkout here.
    for _ in 0..2 {
        assert_eq!(run(&baepo(), folder.path(), &plugin)?["code"], "compiled");
    }
    let checkout = tempfile::tempdir()?;
    let run = |event: Option<&str>| -> Result<Value> {
        let input = folder.path().join("view.json");
        let mut command = Command::new(baepo());
        command
            .args(["plugin", "run", "strategy", "--plugin", &plugin, "--input"])
            .arg(&input)
            .current_dir(checkout.path())
            .env("XDG_CACHE_HOME", folder.path().join("cache"))
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .env_remove("BAEPO_CACHE")
            .env_remove("GITHUB_WORKSPACE")
            .env_remove("GITHUB_ACTIONS");
        if let Some(event) = event {
            command
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_EVENT_NAME", event);
        }
        let output = command.stdin(Stdio::null()).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    assert_eq!(run(None)?["code"], "compiled");
    assert_eq!(run(None)?["code"], "cached");
    for (event, code) in [
        ("pull_request", "compiled"),
        ("pull_request_target", "compiled"),
        ("issue_comment", "compiled"),
        ("push", "cached"),
    ] {
        assert_eq!(run(Some(event))?["code"], code, "{event}");
    }
    Ok(())
}
