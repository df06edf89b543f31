//! Answers to HTTP requests, recorded or made up on the spot.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::wit::http::{HeaderValue, HttpError, Request, Response};
use super::{Host, VEIL};
use crate::units::Millis;

/// The real host's own limit of one exchange.
const LONGEST: Millis = Millis::seconds(10);

/// Headers that the real host sets itself.
const OURS: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to.
    pub url: String,
    /// Names and values; `***` stands for a secret, as in `Bearer ***`.
    pub headers: Vec<(String, String)>,
    /// Names of the secrets in them, in order.
    pub secrets: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it may take.
    pub timeout_ms: Option<u64>,
}

impl Sent {
    /// The value of the first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_it).map(|(_, value)| &**value)
    }
}

/// What a server answers, and after how long. A text is an answer with status
/// 200, an [`HttpError`] is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    what: Result<Response, HttpError>,
    after: Millis,
}

impl Answer {
    /// An answer with this status and an empty body, at once.
    pub fn status(status: u16) -> Answer {
        Answer::from(Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            duration_us: 0,
        })
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        if let Ok(response) = &mut self.what {
            response.body = body.into();
        }
        self
    }

    /// With one header more; its name becomes lower-case.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        if let Ok(response) = &mut self.what {
            let header = (name.to_ascii_lowercase(), value.to_owned());
            response.headers.push(header);
        }
        self
    }

    /// After so long by the virtual clock. Longer than the request may take, and
    /// it is a timeout.
    pub fn after(mut self, after: Millis) -> Answer {
        self.after = after;
        self
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer {
            after: Millis(response.duration_us / 1_000),
            what: Ok(response),
        }
    }
}

impl From<HttpError> for Answer {
    fn from(error: HttpError) -> Answer {
        Answer {
            what: Err(error),
            after: Millis(0),
        }
    }
}

impl From<&str> for Answer {
    fn from(body: &str) -> Answer {
        Answer::status(200).body(body)
    }
}

impl From<String> for Answer {
    fn from(body: String) -> Answer {
        Answer::status(200).body(body)
    }
}

type Server = Rc<RefCell<dyn FnMut(&Sent) -> Answer>>;

#[derive(Default)]
pub(super) struct Web {
    granted: BTreeSet<String>,
    recorded: Vec<(String, String, VecDeque<Answer>)>,
    servers: Vec<(String, Server)>,
    sent: Vec<Sent>,
}

impl Host {
    /// What is answered to this request. Given several times, the answers come
    /// one after the other, and the last one again and again. Grants `net` for
    /// scheme, host and port.
    pub fn answer(self, method: &str, url: &str, answer: impl Into<Answer>) -> Host {
        let host = self.allow_net(url);
        host.world().web.record(method, url, answer.into());
        host
    }

    /// Answers everything that goes to scheme, host and port of this address
    /// and for which there is no [`Host::answer`]. Grants `net` for it.
    pub fn answer_with(self, url: &str, server: impl FnMut(&Sent) -> Answer + 'static) -> Host {
        let host = self.allow_net(url);
        let server: Server = Rc::new(RefCell::new(server));
        host.world().web.servers.push((granted(url), server));
        host
    }

    /// Scheme, host and port that may be asked. Nobody answers there by that
    /// alone: connecting fails.
    pub fn allow_net(self, url: &str) -> Host {
        self.world().web.granted.insert(granted(url));
        self
    }

    /// The requests so far, in order, without those that were denied.
    pub fn requests(&self) -> Vec<Sent> {
        self.world().web.sent.clone()
    }

    pub(super) fn send(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let origin = origin(&request.url).map_err(HttpError::Invalid)?;
        if !self.world().web.granted.contains(&origin) {
            self.deny(format!("net: {origin}"));
            return Err(HttpError::Denied(origin));
        }
        let sent = self.as_sent(request)?;
        self.world().web.sent.push(sent.clone());
        let Answer { what, after } = self.answer_to(&origin, &sent);
        let timeout = match request.timeout_ms {
            Some(ms) => Millis(ms).min(LONGEST),
            None => LONGEST,
        };
        if after >= timeout || what == Err(HttpError::Timeout) {
            self.wait(timeout);
            return Err(HttpError::Timeout);
        }
        self.wait(after);
        let response = what?;
        match request.limit_bytes {
            Some(most) if response.body.len() as u64 > most => Err(HttpError::TooLarge(most)),
            _ => Ok(Response {
                duration_us: response.duration_us.max(after.0 * 1_000),
                ..response
            }),
        }
    }

    fn as_sent(&self, request: &Request<'_>) -> Result<Sent, HttpError> {
        let mut secrets = Vec::new();
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            if OURS.contains(&&*name.to_ascii_lowercase()) {
                let why = format!("the header `{name}` is set by the host");
                return Err(HttpError::Invalid(why));
            }
            let value = match value {
                HeaderValue::Plain(value) => value.clone(),
                HeaderValue::Secret((prefix, secret)) => {
                    secrets.push(self.secret_name(secret));
                    format!("{prefix}{VEIL}")
                }
            };
            headers.push((name.clone(), value));
        }
        Ok(Sent {
            method: request.method.clone(),
            url: request.url.clone(),
            headers,
            secrets,
            body: request.body.clone(),
            timeout_ms: request.timeout_ms,
        })
    }

    fn answer_to(&self, origin: &str, sent: &Sent) -> Answer {
        // Not while the world is borrowed: a server may look at its host.
        let found = self.world().web.find(origin, sent);
        match found {
            Found::Answer(answer) => answer,
            Found::Server(server) => (server.borrow_mut())(sent),
            Found::Nobody => HttpError::Connect(format!("nothing listens at {origin}")).into(),
            Found::Nothing => panic!(
                "the plugin asks `{0} {1}`, to which this fake host has no answer; \
                 give it one: `.answer(\"{0}\", \"{1}\", …)`",
                sent.method, sent.url
            ),
        }
    }
}

/// Who answers a request.
enum Found {
    Answer(Answer),
    Server(Server),
    /// Nobody is at this origin.
    Nobody,
    /// Somebody is, and has no answer to this.
    Nothing,
}

impl Web {
    fn record(&mut self, method: &str, url: &str, answer: Answer) {
        let mut recorded = self.recorded.iter_mut();
        match recorded.find(|(m, u, _)| m == method && u == url) {
            Some((_, _, answers)) => answers.push_back(answer),
            None => {
                let answers = [answer].into();
                self.recorded.push((method.into(), url.into(), answers));
            }
        }
    }

    fn find(&mut self, origin: &str, sent: &Sent) -> Found {
        let is_it = |(method, url, _): &&mut (String, String, VecDeque<Answer>)| {
            *method == sent.method && *url == sent.url
        };
        if let Some((_, _, answers)) = self.recorded.iter_mut().find(is_it) {
            return super::next(answers).map_or(Found::Nothing, Found::Answer);
        }
        if let Some((_, server)) = self.servers.iter().find(|(of, _)| of == origin) {
            return Found::Server(server.clone());
        }
        let mut urls = self.recorded.iter().map(|(_, url, _)| self::origin(url));
        match urls.any(|known| known.as_deref() == Ok(origin)) {
            true => Found::Nothing,
            false => Found::Nobody,
        }
    }
}

fn granted(url: &str) -> String {
    match origin(url) {
        Ok(origin) => origin,
        Err(why) => panic!("`{url}` cannot be granted: {why}"),
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let port = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return Err("the address must begin with `http://` or `https://`".into()),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("an address with a user name in it is refused".into());
    }
    // The colons of an IPv6 address are inside its brackets.
    let after_brackets = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[after_brackets..].find(':') {
        Some(colon) => authority.split_at(after_brackets + colon),
        None => (authority, port),
    };
    if host.is_empty() {
        return Err("the address has no host".into());
    }
    let (host, port) = (host.to_ascii_lowercase(), port.trim_start_matches(':'));
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::http::{get, send};
    use crate::secrets;

    const URL: &str = "http://metrics.acme.dev:9090/query?q=up";

    fn ask(url: &str) -> Result<Response, HttpError> {
        send(&get(url.into(), 500, 8))
    }

    #[test]
    fn answers_come_in_order_and_the_last_one_again_and_again() {
        let host = Host::new().answer("GET", URL, "one").answer(
            "GET",
            URL,
            Answer::status(503).header("Retry-After", "1"),
        );
        let statuses = host.run(|| [0; 3].map(|_| ask(URL).map(|answer| answer.status)));
        assert_eq!(statuses, [Ok(200), Ok(503), Ok(503)]);
        let last = host.run(|| ask(URL)).unwrap();
        assert_eq!(last.headers, [("retry-after".into(), "1".into())]);
        assert_eq!(host.requests().len(), 4);
    }

    #[test]
    fn what_is_not_granted_is_denied_by_scheme_host_and_port() {
        let host = Host::new().answer("GET", URL, "one");
        host.run(|| {
            for (url, denied) in [
                ("http://metrics.acme.dev/", "http://metrics.acme.dev:80"),
                ("https://METRICS.acme.dev", "https://metrics.acme.dev:443"),
                ("http://[::1]:9090/", "http://[::1]:9090"),
            ] {
                assert_eq!(ask(url), Err(HttpError::Denied(denied.into())));
            }
            assert!(matches!(ask("metrics"), Err(HttpError::Invalid(_))));
            assert!(matches!(ask("http://u@a.dev"), Err(HttpError::Invalid(_))));
        });
        assert_eq!(host.denied()[0], "net: http://metrics.acme.dev:80");
        assert_eq!(host.requests(), []);
    }

    #[test]
    fn a_server_decides_and_may_look_at_its_host() {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let host = Host::new().answer_with("http://127.0.0.1:4000", move |request| {
            count.set(count.get() + 1);
            Answer::from(format!("{} {}", request.method, &request.url[21..])).after(Millis(7))
        });
        let answer = host.run(|| ask("http://127.0.0.1:4000/a")).unwrap();
        assert_eq!(
            (answer.body, answer.duration_us),
            (b"GET /a".to_vec(), 7_000)
        );
        assert_eq!((asked.get(), host.elapsed()), (1, Millis(7)));
    }

    #[test]
    fn slow_large_and_absent_answers_are_errors() {
        let slow = Answer::from("late").after(Millis(500));
        let host = Host::new()
            .answer("GET", URL, slow)
            .answer("GET", URL, "more than 8 bytes")
            .answer("GET", URL, HttpError::Failed("reset".into()))
            .allow_net("http://nobody.dev");
        host.run(|| {
            assert_eq!(ask(URL), Err(HttpError::Timeout));
            assert_eq!(host.elapsed(), Millis(500));
            assert_eq!(ask(URL), Err(HttpError::TooLarge(8)));
            assert_eq!(ask(URL), Err(HttpError::Failed("reset".into())));
            let nobody = HttpError::Connect("nothing listens at http://nobody.dev:80".into());
            assert_eq!(ask("http://nobody.dev/"), Err(nobody));
        });
    }

    #[test]
    fn a_secret_is_sent_and_not_shown() {
        let host = Host::new().secret("TOKEN").answer("GET", URL, "one");
        host.run(|| {
            let token = secrets::open("TOKEN").unwrap();
            let mut request = get(URL.into(), 500, 8);
            let bearer = HeaderValue::Secret(("Bearer ".into(), &token));
            request.headers.push(("Authorization".into(), bearer));
            send(&request).unwrap();
            let ours = HeaderValue::Plain("a.dev".into());
            request.headers.push(("Host".into(), ours));
            assert!(matches!(send(&request), Err(HttpError::Invalid(_))));
        });
        let sent = &host.requests()[0];
        assert_eq!(sent.header("authorization"), Some("Bearer ***"));
        assert_eq!(sent.secrets, ["TOKEN"]);
    }

    #[test]
    #[should_panic(expected = "asks `GET http://metrics.acme.dev:9090/other`")]
    fn a_question_that_nobody_thought_of_is_told() {
        let host = Host::new().answer("GET", URL, "one");
        let _ = host.run(|| ask("http://metrics.acme.dev:9090/other"));
    }
}
