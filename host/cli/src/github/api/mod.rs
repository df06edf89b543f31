//! GitHub's API: octocrab carries the requests, what is done about answers is
//! ours.
//!
//! A request that changes nothing when it is repeated is repeated. One that
//! creates something is repeated only after a look has shown that it is not
//! there: an answer that got lost says nothing about what was done. All waiting
//! of one run together has a limit; after that, calls fail at once and say why.

mod clock;
mod error;
mod policy;
mod wire;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use baepo_core::time::{Millis, Time};
use baepo_runtime::capability::secrets::SecretValue;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

pub use clock::Clock;
pub use error::{ApiError, Obstacle};
use policy::{Kind, MOST_ATTEMPTS, backoff, classify};
use wire::{Answer, chain, decode, http_client, json, message_of, next_page};

/// How long one run waits for GitHub, all calls together, unless it is told
/// otherwise.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes. A page of 100 comments of the
/// greatest length in UTF-8, twice as much for JSON, and some more.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// After GitHub has not answered, calls fail at once for so long.
const REST: Millis = Millis::from_secs(30);
/// The most pages of a list that are read, of 100 items each.
const MOST_PAGES: usize = 100;

/// Where GitHub is and who speaks.
pub struct Access {
    /// `https://api.github.com`, or that of a GitHub Enterprise.
    pub api_url: String,
    /// Where its GraphQL is asked.
    pub graphql_url: String,
    /// The token.
    pub token: SecretValue,
    /// How long may be waited, all calls together.
    pub patience: Duration,
    /// The time.
    pub clock: Clock,
}

/// A client of GitHub's API. One request is on its way at a time.
pub struct Api {
    octocrab: Octocrab,
    graphql: Octocrab,
    /// The path of the base address, without a slash at its end.
    prefix: String,
    graphql_path: String,
    clock: Clock,
    requests: AtomicU32,
    state: Mutex<State>,
}

/// What the calls of one run share.
struct State {
    /// What is left of the time to wait.
    left: Duration,
    /// Until then calls fail at once, and why.
    closed: Option<(Time, Obstacle)>,
}

/// What came of one request.
enum Sent {
    Answer(Answer),
    Failed(ApiError),
    Limited(Duration),
    Unknown(Obstacle),
}

impl Api {
    /// A client.
    ///
    /// # Errors
    /// If the address is none, or there is no TLS.
    pub fn new(access: Access) -> Result<Api, ApiError> {
        let strange = |what: &str| ApiError::Strange(format!("{what} is not an address"));
        let api_url: http::Uri = access
            .api_url
            .parse()
            .map_err(|_| strange("GITHUB_API_URL"))?;
        let graphql_url: http::Uri = access
            .graphql_url
            .parse()
            .map_err(|_| strange("GITHUB_GRAPHQL_URL"))?;
        let client = |url: &http::Uri| -> Result<Octocrab, ApiError> {
            let http = http_client(url)?;
            let base = match (url.scheme_str(), url.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => return Err(strange("GITHUB_API_URL")),
            };
            Octocrab::builder()
                .personal_token(access.token.expose().to_owned())
                .base_uri(base)
                .and_then(|builder| builder.build_with_reqwest(http))
                .map_err(|error| ApiError::Strange(chain(&error)))
        };
        Ok(Api {
            octocrab: client(&api_url)?,
            graphql: client(&graphql_url)?,
            prefix: api_url.path().trim_end_matches('/').to_owned(),
            graphql_path: graphql_url.path().to_owned(),
            clock: access.clock,
            requests: AtomicU32::new(0),
            state: Mutex::new(State {
                left: access.patience,
                closed: None,
            }),
        })
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The time by which this client waits.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Read one thing; `path` begins with a slash.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        decode(&self.repeat(Method::GET, path, None).await?)
    }

    /// Read all pages of a list. `path` has no query yet; where the list is an
    /// object, it is under `key`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        key: Option<&str>,
    ) -> Result<Vec<T>, ApiError> {
        match self.pages(path, query, key, MOST_PAGES).await? {
            (items, true) => Ok(items),
            (_, false) => Err(ApiError::Strange(format!("{path} has no end"))),
        }
    }

    /// Read the first pages of a list, 100 items each.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn list_beginning<T: DeserializeOwned>(
        &self,
        path: &str,
        most_pages: usize,
    ) -> Result<Vec<T>, ApiError> {
        Ok(self.pages(path, "", None, most_pages).await?.0)
    }

    /// Pages of a list, and whether they are all.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        key: Option<&str>,
        most: usize,
    ) -> Result<(Vec<T>, bool), ApiError> {
        let mut next = Some(format!("{path}?per_page=100{query}"));
        let mut items = Vec::new();
        let mut pages = 0;
        while let Some(page) = next {
            if pages == most {
                return Ok((items, false));
            }
            pages += 1;
            let answer = self.repeat(Method::GET, &page, None).await?;
            let mut value: Value = decode(&answer)?;
            let list = match key {
                Some(key) => value.get_mut(key).map(Value::take).unwrap_or_default(),
                None => value,
            };
            let list: Vec<T> = serde_json::from_value(list)
                .map_err(|error| ApiError::Strange(error.to_string()))?;
            items.extend(list);
            next = next_page(&answer.headers, &self.prefix);
        }
        Ok((items, true))
    }

    /// Change one thing to this, which can be repeated.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        decode(&self.repeat(Method::PATCH, path, Some(json(body)?)).await?)
    }

    /// Delete one thing. That it is not there is as good.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.repeat(Method::DELETE, path, None).await {
            Ok(_) | Err(ApiError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Create one thing. Where nobody knows whether it was created, `look` says
    /// so before it is sent again.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        look: impl AsyncFn() -> Result<Option<T>, ApiError>,
    ) -> Result<T, ApiError> {
        self.once(Method::POST, path, body, look).await
    }

    /// Change one thing in a way that must not be repeated, for example by
    /// adding to a list; `look` as in [`Api::post`].
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn patch_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        look: impl AsyncFn() -> Result<Option<T>, ApiError>,
    ) -> Result<T, ApiError> {
        self.once(Method::PATCH, path, body, look).await
    }

    /// Ask GraphQL; a query changes nothing.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn graphql<T: DeserializeOwned>(&self, query: &str) -> Result<T, ApiError> {
        let body = json(&serde_json::json!({ "query": query }))?;
        let mut waited = Duration::ZERO;
        let answer = self
            .attempts(&mut waited, async || {
                let path = self.graphql_path.as_str();
                self.send(&self.graphql, &Method::POST, path, Some(&body))
                    .await
            })
            .await?;
        let mut value: Value = decode(&answer)?;
        serde_json::from_value(value["data"].take())
            .map_err(|error| ApiError::Strange(error.to_string()))
    }

    async fn repeat(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, ApiError> {
        let path = format!("{}{path}", self.prefix);
        let mut waited = Duration::ZERO;
        self.attempts(&mut waited, async || {
            self.send(&self.octocrab, &method, &path, body.as_ref())
                .await
        })
        .await
    }

    async fn once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        look: impl AsyncFn() -> Result<Option<T>, ApiError>,
    ) -> Result<T, ApiError> {
        let body = json(body)?;
        let full = format!("{}{path}", self.prefix);
        let mut waited = Duration::ZERO;
        for repetition in 1..=MOST_ATTEMPTS {
            self.check_open().await?;
            match self.send(&self.octocrab, &method, &full, Some(&body)).await {
                Sent::Answer(answer) => return decode(&answer),
                Sent::Failed(error) => return Err(error),
                Sent::Limited(wait) => {
                    let why = Obstacle::Limited(wait);
                    self.pause(wait, &mut waited, &why, repetition).await?;
                }
                Sent::Unknown(why) => {
                    let wait = backoff(repetition, self.clock.random());
                    self.pause(wait, &mut waited, &why, repetition).await?;
                    if let Some(there) = look().await? {
                        return Ok(there);
                    }
                }
            }
        }
        Err(self
            .give_up(
                Obstacle::Connection("no attempt was answered".into()),
                waited,
            )
            .await)
    }

    async fn attempts(
        &self,
        waited: &mut Duration,
        send: impl AsyncFn() -> Sent,
    ) -> Result<Answer, ApiError> {
        let mut repetition = 1;
        loop {
            self.check_open().await?;
            let (wait, why) = match send().await {
                Sent::Answer(answer) => return Ok(answer),
                Sent::Failed(error) => return Err(error),
                Sent::Limited(wait) => (wait, Obstacle::Limited(wait)),
                Sent::Unknown(why) => (backoff(repetition, self.clock.random()), why),
            };
            self.pause(wait, waited, &why, repetition).await?;
            repetition += 1;
        }
    }

    /// Whether it makes sense to send anything now.
    async fn check_open(&self) -> Result<(), ApiError> {
        let state = self.state.lock().await;
        match &state.closed {
            Some((until, why)) if self.clock.now() < *until => Err(ApiError::GivenUp {
                why: why.clone(),
                waited: Duration::ZERO,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Wait before a repetition, or give up: where that was the last attempt,
    /// or there is less time left than it takes.
    async fn pause(
        &self,
        wait: Duration,
        waited: &mut Duration,
        why: &Obstacle,
        repetition: u32,
    ) -> Result<(), ApiError> {
        let may_wait = {
            let mut state = self.state.lock().await;
            let may_wait = repetition < MOST_ATTEMPTS && wait <= state.left;
            if may_wait {
                state.left -= wait;
            }
            may_wait
        };
        if !may_wait {
            return Err(self.give_up(why.clone(), *waited).await);
        }
        *waited += wait;
        self.clock.wait(wait).await;
        Ok(())
    }

    /// All calls after this one fail at once, for a while.
    async fn give_up(&self, why: Obstacle, waited: Duration) -> ApiError {
        let rest = match &why {
            Obstacle::Limited(wait) => Millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            Obstacle::Server(_) | Obstacle::Connection(_) => REST,
        };
        self.state.lock().await.closed = Some((self.clock.now() + rest, why.clone()));
        ApiError::GivenUp { why, waited }
    }

    async fn send(
        &self,
        octocrab: &Octocrab,
        method: &Method,
        path: &str,
        body: Option<&String>,
    ) -> Sent {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.exchange(octocrab, method, path, body).await {
            Err(why) => Sent::Unknown(Obstacle::Connection(why)),
            Ok(answer) => {
                let message = message_of(&answer.body);
                let now = self.clock.now().0 / 1000;
                let status = answer.status;
                match classify(status, &answer.headers, &message, now) {
                    Kind::Fine => Sent::Answer(answer),
                    Kind::Missing => Sent::Failed(ApiError::Missing { message }),
                    Kind::Limited(wait) => Sent::Limited(wait),
                    Kind::Unknown => Sent::Unknown(Obstacle::Server(status.as_u16())),
                    Kind::Refused => Sent::Failed(ApiError::Refused {
                        status: status.as_u16(),
                        message,
                    }),
                    Kind::Forbidden => {
                        let wanted = answer.headers.get("x-accepted-github-permissions");
                        let permissions = wanted.and_then(|value| value.to_str().ok());
                        Sent::Failed(ApiError::Forbidden {
                            message,
                            permissions: permissions.map(str::to_owned),
                        })
                    }
                }
            }
        }
    }

    async fn exchange(
        &self,
        octocrab: &Octocrab,
        method: &Method,
        path: &str,
        body: Option<&String>,
    ) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.clone()),
            None => request.body(String::new()),
        };
        let request = request.map_err(|error| error.to_string())?;
        let response = octocrab.execute(request).await;
        let (parts, body) = response.map_err(|error| chain(&error))?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| chain(&*error))?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        })
    }
}
