//! A collector that only hands out one plan and takes what comes: so that the agent is measured, not the collector.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use kentongan_lab::Namespace;
use kentongan_model::{
    plan::Plan,
    wire::{Delivery, MeasuredRound},
};

/// What it was told, and what it hands out.
#[derive(Debug)]
struct Book {
    plan: String,
    etag: String,
    revision: String,
    rounds: Mutex<Vec<MeasuredRound>>,
}

/// A collector that keeps every round in memory.
#[derive(Debug, Clone)]
pub(crate) struct Intake(Arc<Book>);

impl Intake {
    /// Serves in a namespace until the program ends.
    pub(crate) fn serve(namespace: &Namespace, address: SocketAddr, plan: &Plan) -> Result<Intake> {
        let listener = namespace.enter(|| std::net::TcpListener::bind(address))??;
        listener.set_nonblocking(true)?;
        let revision = plan.revision().to_string();
        let etag = format!("\"{revision}\"");
        let book = Arc::new(Book { plan: plan.to_json(), etag, revision, rounds: Mutex::default() });
        let app = Router::new()
            .route("/api/v1/agents/{agent}/plan", get(hand_out))
            .route("/api/v1/agents/{agent}/deliveries", post(take))
            .with_state(book.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await })
        });
        Ok(Intake(book))
    }

    /// Every round that was delivered, in the order of arrival.
    pub(crate) fn rounds(&self) -> Vec<MeasuredRound> {
        self.0.rounds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn hand_out(State(book): State<Arc<Book>>, headers: HeaderMap) -> Response {
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == book.etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let head = [(header::ETAG, book.etag.clone()), (header::CONTENT_TYPE, "application/json".to_owned())];
    (head, book.plan.clone()).into_response()
}

async fn take(State(book): State<Arc<Book>>, body: Bytes) -> Response {
    match Delivery::decode(&body) {
        Ok(delivery) => {
            book.rounds.lock().unwrap_or_else(PoisonError::into_inner).extend(delivery.batch.rounds);
            (StatusCode::NO_CONTENT, [("Kentongan-Plan", book.revision.clone())]).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
