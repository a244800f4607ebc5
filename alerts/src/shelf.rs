//! The store, shared by the follower and the outlets' workers without blocking the threads that probes are timed on.
//!
//! Each use is one closure on a thread for blocking work; a lock is never held across an await.

use std::sync::{Arc, Mutex, PoisonError};

use crate::store::{Store, StoreError};

/// The shared store.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(Arc<Mutex<Store>>);

impl Shelf {
    pub(crate) fn new(store: Store) -> Self {
        Shelf(Arc::new(Mutex::new(store)))
    }

    /// Uses the store. What was begun is finished even when nobody waits for it any more.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        use_it: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.0);
        let work = tokio::task::spawn_blocking(move || {
            use_it(&mut store.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match work.await {
            Ok(result) => result,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}
