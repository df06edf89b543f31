//! What is refused before anything of it runs, each in its own words.

use anyhow::{Context, Result, ensure};
use baepo_core::digest::Digest;
use baepo_runtime::capability::grants::Grants;
use baepo_runtime::plugin::{CallLimits, Hook, LoadError, PluginSource, read_component};
use expect_test::{Expect, expect};

use super::guest::{self, names};

async fn refusal(bytes: &[u8]) -> Result<LoadError> {
    let host = guest::host()?;
    let loaded = guest::load_bytes(&host, bytes, Grants::default(), None).await;
    loaded.err().context("it was loaded")
}

async fn check(bytes: &[u8], expected: Expect) -> Result<LoadError> {
    let refused = refusal(bytes).await?;
    expected.assert_eq(&format!("{refused}\nhelp: {}\n", refused.help()));
    Ok(refused)
}

#[tokio::test]
async fn a_digest_that_differs_is_refused_before_parsing() -> Result<()> {
    let host = guest::host()?;
    let source = PluginSource {
        name: "guest",
        bytes: b"not even WebAssembly",
        digest: Digest::from_bytes([7; 32]),
        grants: Grants::default(),
        limits: None,
    };
    let refused = host.load(source).await.err().context("it was loaded")?;
    ensure!(
        matches!(refused, LoadError::DigestMismatch { .. }),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused_before_parsing() -> Result<()> {
    let limits = CallLimits {
        component_bytes: 10,
        ..CallLimits::BRIEF
    };
    let host = guest::host()?;
    let bytes = b"more than 10 bytes";
    let loaded = guest::load_bytes(&host, bytes, Grants::default(), Some(limits)).await;
    let refused = loaded.err().context("it was loaded")?;
    let (size_bytes, limit_bytes) = (18, 10);
    assert_eq!(
        refused,
        LoadError::TooLarge {
            size_bytes,
            limit_bytes
        }
    );
    Ok(())
}

#[tokio::test]
async fn of_a_component_of_200_megabytes_not_one_byte_is_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("huge.wasm");
    std::fs::File::create(&path)?.set_len(200_000_000)?;
    let refused = read_component(&path, CallLimits::BRIEF.component_bytes);
    let (size_bytes, limit_bytes) = (200_000_000, 64 << 20);
    assert_eq!(
        refused,
        Err(LoadError::TooLarge {
            size_bytes,
            limit_bytes
        })
    );
    let missing = read_component(&folder.path().join("none.wasm"), 10);
    ensure!(
        matches!(missing, Err(LoadError::Unreadable { .. })),
        "{missing:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_says_what_it_is_instead() -> Result<()> {
    check(
        b"<!doctype html>",
        expect![[r#"
            it is not WebAssembly: it is a web page
            help: check the path and that the file was downloaded whole
        "#]],
    )
    .await?;
    check(
        &guest::core_module(names::ANSWER)?,
        expect![[r#"
            it is a core WebAssembly module, and a plugin is a component
            help: make a plugin of it: `baepo plugin pack FILE.wasm`
        "#]],
    )
    .await?;
    let mut cut = guest::component(names::ANSWER)?;
    cut.truncate(cut.len() / 2);
    let refused = refusal(&cut).await?;
    ensure!(
        matches!(refused, LoadError::Malformed { .. }),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_component_without_a_hook_says_what_it_exports() -> Result<()> {
    check(
        &guest::component(names::NO_HOOK)?,
        expect![[r#"
            it exports no hook; it exports acme:tools/magic@1.0.0
            help: export one of build, test, strategy, monitor, target, feedback of `baepo:hooks@0.1.0`
        "#]],
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_plugin_of_the_wrong_kind_says_what_it_has() -> Result<()> {
    let host = guest::host()?;
    let plugin = guest::load(&host, names::ANSWER).await?;
    plugin.require(Hook::Strategy)?;
    let refused = plugin.require(Hook::Monitor).err().context("it has one")?;
    assert_eq!(
        refused.to_string(),
        "it has no monitor hook; it has strategy"
    );
    Ok(())
}

#[tokio::test]
async fn imports_that_the_host_does_not_have_are_named() -> Result<()> {
    check(
        &guest::component(names::UNKNOWN_IMPORT)?,
        expect![[r#"
            it imports `acme:tools/magic@1.0.0`, which the host does not have
            help: use only what wit/ offers; `wasm-tools component wit FILE.wasm` lists all imports
        "#]],
    )
    .await?;
    check(
        &guest::component(names::OPENS_SOCKETS)?,
        expect![[r#"
            it imports `wasi:sockets/instance-network@0.2.3`: plugins get no sockets of their own, because what they connect to could not be checked
            help: use `baepo:hooks/http` or `baepo:hooks/socket`; for Python, build with `--stub-wasi`
        "#]],
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_plugin_for_a_newer_interface_asks_for_a_newer_baepo() -> Result<()> {
    check(
        &guest::component_for(names::ANSWER, "0.2.0")?,
        expect![[r#"
            it was built for `baepo:hooks/strategy@0.2.0`, and this baepo has 0.1
            help: update baepo, or build the plugin with an older SDK
        "#]],
    )
    .await?;
    let host = guest::host()?;
    let patch = guest::component_for(names::LOG_FLOOD, "0.1.3")?;
    let plugin = guest::load_bytes(&host, &patch, Grants::default(), None).await?;
    ensure!(
        plugin.hooks().contains(&Hook::Strategy),
        "{:?}",
        plugin.hooks()
    );
    Ok(())
}
