//! The empty WASI: what ordinary toolchains need to link, with nothing behind
//! it. No files, no environment, no arguments, no sockets, HTTP only where it is
//! granted; what is printed goes to the log line by line. For strategies the clock is the view's time and the
//! randomness is seeded, so that the same view gives the same decision.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baepo_core::digest::Digest;
use bytes::Bytes;
use rand_core::TryRng;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult, bindings};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::state::CallState;
use crate::capability::Outside;
use crate::capability::account::Account;
use crate::capability::http::wasi::Outgoing;
use crate::capability::log::{LogGate, LogLevel, LogStream};

/// The interfaces of WASI 0.2 that are there, by the beginnings of their names.
pub(super) const PACKAGES: [&str; 7] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/outgoing-handler@",
    "wasi:http/types@",
    "wasi:io/",
    "wasi:random/",
];

/// What the clock shows and where randomness comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weather {
    /// As outside.
    Real,
    /// The same each time.
    Fixed {
        /// What both clocks show.
        elapsed: Duration,
        /// Where randomness begins.
        seed: Digest,
    },
}

/// The WASI of one call.
pub(crate) struct EmptyWasi {
    ctx: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    stdout: Lines,
    stderr: Lines,
}

/// Bytes of one set of headers in memory; more than what goes over the wire,
/// for each has its own cost.
const FIELD_BYTES: usize = 128 * 1024;

impl EmptyWasi {
    pub(super) fn new(account: Arc<Account>, outside: Arc<Outside>, weather: Weather) -> EmptyWasi {
        let log = Arc::clone(&account.log);
        let stdout = Lines::new(Arc::clone(&log), LogStream::Stdout);
        let stderr = Lines::new(log, LogStream::Stderr);
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .max_random_size(account.limits.random_bytes);
        if let Weather::Fixed { elapsed, seed } = weather {
            let [mut one, mut two] = [0_u8, 1].map(|stream| Seeded::new(&seed, stream));
            let seed = u128::from(one.next()) << 64 | u128::from(two.next());
            builder
                .wall_clock(Stopped(elapsed))
                .monotonic_clock(Stopped(elapsed))
                .secure_random(one)
                .insecure_random(two)
                .insecure_random_seed(seed);
        }
        let ctx = builder.build();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELD_BYTES);
        EmptyWasi {
            ctx,
            http,
            outgoing: Outgoing { account, outside },
            stdout,
            stderr,
        }
    }

    /// Write lines that were not ended.
    pub(super) fn flush(&self) {
        self.stdout.flush_rest();
        self.stderr.flush_rest();
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (wasi, table) = self.wasi_and_table();
        let wasi = wasi.expect("a component that imports WASI is called with one");
        let ctx = &mut wasi.ctx;
        WasiCtxView { ctx, table }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (wasi, table) = self.wasi_and_table();
        let wasi = wasi.expect("a component that imports WASI is called with one");
        WasiHttpCtxView {
            hooks: &mut wasi.outgoing,
            ctx: &mut wasi.http,
            table,
        }
    }
}

/// Everything of [`PACKAGES`]. Sockets are left out on purpose.
pub(super) fn add_to_linker(l: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use bindings::{cli, filesystem, random};
    type T = CallState;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    filesystem::types::add_to_linker::<T, WasiFilesystem>(l, T::filesystem)?;
    filesystem::preopens::add_to_linker::<T, WasiFilesystem>(l, T::filesystem)?;
    random::insecure::add_to_linker::<T, WasiRandom>(l, |t| t.random())?;
    random::insecure_seed::add_to_linker::<T, WasiRandom>(l, |t| t.random())?;
    cli::exit::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::environment::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::terminal_input::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::terminal_output::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::terminal_stdin::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::terminal_stdout::add_to_linker::<T, WasiCli>(l, T::cli)?;
    cli::terminal_stderr::add_to_linker::<T, WasiCli>(l, T::cli)?;
    Ok(())
}

/// A clock that stands still.
struct Stopped(Duration);

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        self.0.as_nanos() as u64
    }
}

/// SplitMix64. Not for secrets: the opposite of surprise is what is wanted.
/// Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
/// generators", 2014.
struct Seeded(u64);

impl Seeded {
    fn new(seed: &Digest, stream: u8) -> Seeded {
        let bytes = seed.as_bytes().iter().chain([&stream]);
        let mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Seeded(mixed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for Seeded {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in dst.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A stream whose lines go to the log.
#[derive(Clone)]
struct Lines {
    log: Arc<Mutex<LogGate>>,
    stream: LogStream,
    rest: Arc<Mutex<Vec<u8>>>,
}

/// A line longer than this goes to the log in pieces.
const LONGEST_LINE: usize = 16 * 1024;

impl Lines {
    fn new(log: Arc<Mutex<LogGate>>, stream: LogStream) -> Lines {
        let rest = Arc::default();
        Lines { log, stream, rest }
    }

    fn take_in(&self, bytes: &[u8]) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") || rest.len() >= LONGEST_LINE {
                self.write_line(&rest);
                rest.clear();
            }
        }
    }

    fn flush_rest(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if !rest.is_empty() {
            self.write_line(&rest);
            rest.clear();
        }
    }

    fn write_line(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']).to_string();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(LogLevel::Info, text, Vec::new(), self.stream);
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take_in(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}
