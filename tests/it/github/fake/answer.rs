//! An answer as GitHub gives it.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

/// Status, headers and body.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Answer {
        Answer::of(200, body)
    }

    pub(super) fn created(body: Value) -> Answer {
        Answer::of(201, body)
    }

    pub(super) fn of(status: u16, body: Value) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    pub(super) fn empty() -> Answer {
        Answer {
            status: 204,
            headers: Vec::new(),
            body: None,
        }
    }

    pub(super) fn error(status: u16, message: &str) -> Answer {
        let page = "https://docs.github.com/rest";
        Answer::of(
            status,
            json!({ "message": message, "documentation_url": page, "status": status.to_string() }),
        )
    }

    pub(super) fn invalid(message: &str) -> Answer {
        let page = "https://docs.github.com/rest";
        Answer::of(
            422,
            json!({
                "message": "Validation Failed",
                "errors": [{ "resource": "x", "field": "x", "code": "custom", "message": message }],
                "documentation_url": page,
            }),
        )
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One page of a list: 30 items, or as many up to 100 as are asked for.
    pub(super) fn page(path: &str, query: &str, items: Vec<Value>, key: Option<&str>) -> Answer {
        let number = |name: &str| -> Option<usize> {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name)?.1.parse().ok()
        };
        let size = number("per_page").unwrap_or(30).clamp(1, 100);
        let page = number("page").unwrap_or(1).max(1);
        let total = items.len();
        let shown: Vec<Value> = items
            .into_iter()
            .skip((page - 1) * size)
            .take(size)
            .collect();
        let body = match key {
            None => Value::Array(shown),
            Some(key) => json!({ "total_count": total, key: shown }),
        };
        let answer = Answer::ok(body);
        if page * size >= total {
            return answer;
        }
        let rest: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with("page="))
            .collect();
        let next = format!(
            "https://api.github.com{path}?{}&page={}",
            rest.join("&"),
            page + 1
        );
        answer.with("link", &format!("<{next}>; rel=\"next\""))
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let bytes = match self.body {
            Some(body) => {
                response = response.header("content-type", "application/json; charset=utf-8");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        response.body(Full::new(bytes)).unwrap()
    }
}
