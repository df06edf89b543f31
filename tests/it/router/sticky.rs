//! A user keeps his version: with a cookie, through every step of a rollout.

use baepo_runtime::router::{Limits, Sticky};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::service::{Front, Service, Side, split};

/// What one request of a user came to.
struct Answer {
    revision: String,
    /// The cookie that was set, as it is to be sent.
    cookie: Option<String>,
}

async fn ask(front: &Front, cookie: Option<&str>) -> Answer {
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{cookie}Connection: close\r\n\r\n");
    let mut stream = TcpStream::connect(&front.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let field = |name: &str| {
        let fields = text.lines().filter_map(|line| line.split_once(": "));
        let mut named = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.to_owned())
    };
    let cookie = field("set-cookie");
    Answer {
        revision: field("x-revision").expect("a revision"),
        cookie: cookie.map(|cookie| cookie.split(';').next().unwrap().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_moves_to_the_candidate_once_and_never_back() {
    let old = vec![Service::start("v1", &[])];
    let new = vec![Service::start("v2", &[])];
    let (stable, candidate) = (Side::of(1, &old), Side::of(2, &new));
    let front = Front::start_with(Limits::default(), Some(Sticky::by_cookie("seat").unwrap()));
    let mut users: Vec<(String, bool)> = Vec::new();
    for share in [100, 500, 2_500, 5_000, 10_000] {
        front.router.set_table(split(&stable, &candidate, share));
        for (cookie, was_new) in &mut users {
            for _ in 0..2 {
                let answer = ask(&front, Some(cookie)).await;
                assert_eq!(answer.cookie, None, "a known user is told no seat");
                let is_new = answer.revision == "v2";
                assert!(is_new || !*was_new, "{cookie} moved back at {share}");
                *was_new = is_new;
            }
        }
        // New users come meanwhile, and nobody is told a seat by others.
        let mut came = 0;
        for _ in 0..200 {
            let answer = ask(&front, Some("theirs=1")).await;
            let cookie = answer.cookie.expect("a new user is told a seat");
            came += u64::from(answer.revision == "v2");
            users.push((format!("theirs=1; {cookie}"), answer.revision == "v2"));
        }
        let asked = u64::from(share) * 200 / 10_000;
        assert!(came.abs_diff(asked) <= 4, "{came} of 200 at {share}");
    }
    assert_eq!(users.len(), 1_000);
    let on_new = users.iter().filter(|(_, is_new)| *is_new).count();
    assert_eq!(on_new, 1_000);
}
