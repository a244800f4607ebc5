//! A webhook's other end: takes whatever is posted, answers 200, and keeps it with the moment of its arrival.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Uri},
};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Namespace, wait};

/// One message that arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// When it arrived, by the wall clock.
    pub at: Timestamp,
    /// When it arrived, since boot.
    pub since_boot: Duration,
    /// The path that it was posted to.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as it came.
    pub body: String,
}

impl Message {
    /// Its body, read as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.body))
    }
}

type Kept = Arc<Mutex<Vec<Message>>>;

/// A webhook's other end.
#[derive(Debug)]
pub struct Webhook {
    kept: Kept,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Listens in a namespace.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn listen(namespace: &Namespace, address: SocketAddr) -> Result<Webhook> {
        let listener = namespace.enter(|| std::net::TcpListener::bind(address))??;
        listener.set_nonblocking(true)?;
        let (kept, stop) = (Kept::default(), CancellationToken::new());
        let app = Router::new().fallback(keep).with_state(kept.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stopped = stop.clone().cancelled_owned();
        let server = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("a listener that does not block");
                tokio::select! { _ = axum::serve(listener, app) => {}, () = stopped => {} }
            });
        });
        Ok(Webhook { kept, stop, server: Some(server) })
    }

    /// What has arrived so far, in that order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the `n`-th message (counted from 1) has arrived.
    ///
    /// # Errors
    /// When it does not within the bound.
    pub fn nth(&self, n: usize, within: Duration) -> Result<Message> {
        wait::until(&format!("message {n}"), within, || Ok(self.messages().get(n - 1).cloned())).with_context(
            || format!("so far came {:#?}", self.messages().iter().map(|m| &m.body).collect::<Vec<_>>()),
        )
    }
}

async fn keep(State(kept): State<Kept>, uri: Uri, headers: HeaderMap, body: String) {
    let clock = SystemClock::new();
    let message = Message {
        at: clock.now(),
        since_boot: clock.since_boot(),
        path: uri.path().to_owned(),
        headers,
        body,
    };
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.take().map(JoinHandle::join);
    }
}
