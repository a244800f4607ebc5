//! The inventory in use: read when the collector opens, and again whenever its file changes.
//!
//! The rule it guards: a bad edit under a running collector changes nothing. It is logged once and shown by `/readyz`
//! and the metrics until it is mended.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kentongan_model::{
    id::{CredentialId, SiteId},
    inventory::{Faults, MissingSecrets, Network},
    plan::Access,
};
use kentongan_timeline::{Span, maintenance};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// An inventory that was read without a fault.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// What is watched.
    pub(crate) network: Network,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) digest: String,
    /// How devices are asked, secrets included.
    pub(crate) accesses: BTreeMap<CredentialId, Access>,
    maintenance: BTreeMap<SiteId, Vec<Span>>,
}

/// Why an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The file cannot be read.
    #[error("cannot read the inventory {path}; put it there or name another with --inventory")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file has faults.
    #[error("the inventory {path} has {} fault(s); `kentongan check` shows them", faults.list.len())]
    Faults {
        /// The file.
        path: PathBuf,
        /// All of them.
        faults: Faults,
    },
    /// Secrets that it points to are missing.
    #[error("the inventory points to secrets that cannot be had: {0}")]
    Secrets(MissingSecrets),
}

impl Inventory {
    /// An inventory of these parts.
    pub(crate) fn new(network: Network, digest: String, accesses: BTreeMap<CredentialId, Access>) -> Self {
        let maintenance = maintenance(&network);
        Inventory { network, digest, accesses, maintenance }
    }

    /// When a site is under maintenance, past and to come: whoever asks cuts it to his period. What the judge holds
    /// is no older than its retention and ends where it judged last.
    pub(crate) fn maintenance(&self, site: &SiteId) -> &[Span] {
        self.maintenance.get(site).map_or(&[], Vec::as_slice)
    }

    /// Reads and checks the file and fetches the secrets that it points to.
    pub(crate) fn read(path: &Path) -> Result<Inventory, InventoryError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| InventoryError::Io { path: path.to_owned(), source })?;
        let network = Network::parse(&text)
            .map_err(|faults| InventoryError::Faults { path: path.to_owned(), faults })?;
        let accesses = network.accesses().map_err(InventoryError::Secrets)?;
        Ok(Inventory::new(network, hex::encode(Sha256::digest(text.as_bytes())), accesses))
    }
}

/// The inventory in use, and what is wrong with the file since.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    path: PathBuf,
    current: watch::Sender<Arc<Inventory>>,
    fault: watch::Sender<Option<String>>,
}

impl Shelf {
    /// A shelf with the inventory of the file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Shelf, InventoryError> {
        let inventory = Arc::new(Inventory::read(path)?);
        Ok(Shelf {
            path: path.to_owned(),
            current: watch::Sender::new(inventory),
            fault: watch::Sender::new(None),
        })
    }

    /// The inventory in use.
    pub(crate) fn current(&self) -> Arc<Inventory> {
        Arc::clone(&self.current.borrow())
    }

    /// The inventory in use, to be followed.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<Inventory>> {
        self.current.subscribe()
    }

    /// What is wrong with the file; none while it is the one in use.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// Reads the file again and takes it over when it has changed and has no fault.
    pub(crate) fn reload(&self, metrics: &Metrics) {
        match Inventory::read(&self.path) {
            Ok(read) => {
                self.fault.send_replace(None);
                metrics.inventory_faulty.set(0);
                if read.digest != self.current().digest {
                    tracing::info!(path = %self.path.display(), "the inventory has changed and is taken over");
                    metrics.inventory_reloads.inc();
                    self.current.send_replace(Arc::new(read));
                }
            }
            Err(error) => {
                let told = error.to_string();
                tracing::error!(error = %told, "the inventory has changed and cannot be used; the one before stays");
                self.fault.send_replace(Some(told));
                metrics.inventory_faulty.set(1);
            }
        }
    }

    /// Looks at the file until `stop`, and reloads it when its time of change or its length differ.
    pub(crate) async fn watch(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let look = |path: PathBuf| async move {
            tokio::fs::metadata(path).await.ok().map(|meta| (meta.modified().ok(), meta.len()))
        };
        let mut seen = look(self.path.clone()).await;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let now = look(self.path.clone()).await;
            if now != seen {
                seen = now;
                let (shelf, metrics) = (self.clone(), Arc::clone(&metrics));
                // A reload that panics leaves the inventory as it was.
                let _ = tokio::task::spawn_blocking(move || shelf.reload(&metrics)).await;
            }
        }
    }
}
