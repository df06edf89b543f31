//! The service as a child process, and a client that sends bytes and reads answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running service on a port of its own; stopped when dropped.
pub struct Service {
    process: Child,
    address: String,
}

impl Service {
    /// Starts the built binary with these environment variables and waits until it listens.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_shop"))
            .env_clear()
            .env("PORT", "0")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("stdout is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        assert!(line.contains("listening on"), "it said `{line}`");
        Self { process, address }
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).expect("the service accepts");
        let limit = Some(Duration::from_secs(10));
        stream
            .set_read_timeout(limit)
            .expect("a timeout can be set");
        Client(BufReader::new(stream))
    }

    /// The answer to one `GET` on a connection of its own.
    pub fn get(&self, target: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!("GET {target} HTTP/1.1\r\nhost: shop\r\n\r\n"));
        client.answer()
    }

    /// The status that these bytes get on a connection of their own.
    pub fn status_of(&self, bytes: &str) -> u16 {
        let mut client = self.connect();
        client.send(bytes);
        client.answer().status
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection.
pub struct Client(BufReader<TcpStream>);

/// One answer, its body decoded.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// Writes these bytes as they are.
    pub fn send(&mut self, bytes: &str) {
        let written = self.0.get_mut().write_all(bytes.as_bytes());
        written.expect("the service reads");
    }

    /// Reads one answer whose request was not `HEAD`.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        answer.body = match (
            answer.header("content-length"),
            answer.header("transfer-encoding"),
        ) {
            (Some(length), None) => self.exactly(length.parse().expect("a length")),
            (None, Some("chunked")) => self.chunks(),
            (None, None) => self.rest(),
            other => panic!("no or two framings: {other:?}"),
        };
        answer
    }

    /// Reads the status line and the headers of one answer.
    pub fn head(&mut self) -> Answer {
        let line = self.line();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None if line.is_empty() => break,
                None => panic!("not a header: `{line}`"),
            }
        }
        Answer {
            status: status.unwrap_or_else(|| panic!("not a status line: `{line}`")),
            headers,
            body: String::new(),
        }
    }

    /// All that comes until the service closes the connection.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0
            .read_to_string(&mut text)
            .expect("text until the end");
        text
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        let line = line.strip_suffix("\r\n");
        line.expect("lines end in CRLF").to_owned()
    }

    fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the whole body");
        String::from_utf8(bytes).expect("text")
    }

    fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let size = usize::from_str_radix(&self.line(), 16).expect("a chunk size");
            body.push_str(&self.exactly(size));
            assert_eq!(self.line(), "", "a chunk ends where it says");
            if size == 0 {
                return body;
            }
        }
    }
}
