//! Servers on this machine: a real registry, and one for files that also knows
//! how to misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// A registry as Debian packages it, killed when dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: String,
    pub(crate) folder: TempDir,
}

/// A password file with `me:hunter2`, as htpasswd writes it with bcrypt.
const PASSWORDS: &str = "me:$2b$05$H6zfuXpvkLCxPUOUxR.X3.QJxutNbzqDrA1/TBA1vIaOxFPzl2oia\n";

impl Registry {
    /// For everybody.
    pub(crate) fn start() -> Registry {
        Registry::start_with("")
    }

    /// For those who know that `me` has the password `hunter2`.
    pub(crate) fn start_closed() -> Registry {
        Registry::start_with("auth: { htpasswd: { realm: shop, path: PASSWORDS } }\n")
    }

    fn start_with(auth: &str) -> Registry {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("passwords"), PASSWORDS).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"127.0.0.1:0\" }}\n{}",
            at("storage"),
            auth.replace("PASSWORDS", &at("passwords"))
        );
        std::fs::write(at("config.yml"), config).unwrap();
        let mut child = Command::new("docker-registry")
            .args(["serve", &at("config.yml")])
            .env_remove("OTEL_TRACES_EXPORTER")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed: cargo xtask ci install");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("listening on ")?;
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                Some(rest[..end.unwrap_or(rest.len())].to_owned())
            })
            .expect("the registry says where it listens");
        // It must not block on what nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Registry {
            child,
            address,
            folder,
        }
    }

    /// `oci://` and a name in it.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.address)
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a file server answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With these bytes.
    File(Vec<u8>),
    /// With the first half of these bytes, and a length that promises all.
    Half(Vec<u8>),
    /// With a status line alone.
    Status(&'static str),
    /// With a length and bytes without an end.
    Endless(Option<u64>),
    /// With another address.
    Elsewhere(String),
}

/// Answers every request in the same way; ends with the test.
pub(crate) struct Files {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Files {
    pub(crate) fn serve(answer: Answer) -> Files {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = reply(stream, &answer);
            }
        });
        Files { address, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// How many requests there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn reply(mut stream: std::net::TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let mut read = 0;
    while !request[..read].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut request[read..])? {
            0 => return Ok(()),
            n => read += n,
        }
    }
    let head = |length: u64| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    match answer {
        Answer::File(bytes) => {
            stream.write_all(head(bytes.len() as u64).as_bytes())?;
            stream.write_all(bytes)
        }
        Answer::Half(bytes) => {
            stream.write_all(head(bytes.len() as u64).as_bytes())?;
            stream.write_all(&bytes[..bytes.len() / 2])
        }
        Answer::Status(status) => stream.write_all(
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
        ),
        Answer::Elsewhere(to) => stream.write_all(
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        ),
        Answer::Endless(length) => {
            match length {
                Some(length) => stream.write_all(head(*length).as_bytes())?,
                None => stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?,
            }
            loop {
                stream.write_all(&[0; 65536])?;
            }
        }
    }
}
