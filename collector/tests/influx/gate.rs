//! A gate before a real database: it notes what passes, answers by itself what real ones answer rarely, and lets the
//! rest through.

use std::{
    io::Read,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, Response, StatusCode},
};

type Answer = (u16, Vec<(&'static str, &'static str)>, String);

/// What is asked whether the gate answers by itself: the lines and how many requests came before.
type Rule = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) lines: String,
}

#[derive(Clone)]
struct Post {
    behind: Option<String>,
    rule: Arc<Rule>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The gate, open as long as the test runs.
#[derive(Debug)]
pub(crate) struct Gate {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Gate {
    /// A gate before `behind`; what it answers by itself is decided by `rule`, and without anything behind it is 204.
    pub(crate) async fn open(
        behind: Option<String>,
        rule: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::default();
        let post = Post { behind, rule: Arc::new(rule), seen: Arc::clone(&seen) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(post);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Gate { url, seen }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn pass(
    State(post): State<Post>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<String> {
    let mut lines = String::new();
    assert_eq!(headers["content-encoding"], "gzip");
    flate2::read::GzDecoder::new(&*body).read_to_string(&mut lines).unwrap();
    let before = {
        let mut seen = post.seen.lock().unwrap();
        seen.push(Seen { uri: uri.to_string(), headers: headers.clone(), lines: lines.clone() });
        seen.len() - 1
    };
    let (status, answered, text) = match ((post.rule)(&lines, before), &post.behind) {
        (Some(answer), _) => answer,
        (None, None) => (204, vec![], String::new()),
        (None, Some(behind)) => {
            let request = reqwest::Client::new().post(format!("{behind}{uri}")).body(body);
            let answer = request.header("content-encoding", "gzip").send().await.unwrap();
            (answer.status().as_u16(), vec![], answer.text().await.unwrap())
        }
    };
    let mut response = Response::new(text);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in answered {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
