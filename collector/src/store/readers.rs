//! Readers of the store: a few connections that only read, so that questions never hold up what is written.
//!
//! At most `limit` questions run at once on threads that may block; more wait their turn.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::StoreError;

/// Connections to one file of the store.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Readers of the file at `path`, which exists.
    pub(crate) fn new(path: PathBuf, limit: usize) -> Self {
        Readers { path, idle: Arc::default(), turns: Arc::new(Semaphore::new(limit.max(1))) }
    }

    /// Asks a question on a thread that may block.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = self.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            readers.ask_here(question)
        });
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Asks a question on this thread.
    pub(crate) fn ask_here<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = idle.map_or_else(|| self.connect(), Ok)?;
        let answer = question(&conn).map_err(|error| error.of(&self.path));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        answer
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let conn = Connection::open(&self.path)?;
        conn.busy_timeout(super::BUSY)?;
        conn.pragma_update(None, "query_only", "ON")?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    }
}
