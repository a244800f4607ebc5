//! The inventory in use: the file, read when the collector opens and again whenever it changes, and the maintenance
//! windows that were added by command.
//!
//! The rules it guards: a bad edit under a running collector changes nothing. It is logged once and shown by `/readyz`
//! and the metrics until it is mended. An edit of the file never loses a window that was added by command, even when
//! its site has left the file: it is kept, told, and counts again when the site is back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kentongan_model::{
    id::{CredentialId, SiteId},
    inventory::{Faults, MaintenanceWindow, MissingSecrets, Network},
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
    /// What is watched: the file, and behind its own maintenance windows those that were added by command.
    pub(crate) network: Network,
    /// The file.
    pub(crate) text: Arc<str>,
    /// The windows that were added by command and count, those of sites that the file does not have (any more) too.
    pub(crate) windows: Arc<[MaintenanceWindow]>,
    /// SHA-256 of both, in hexadecimal digits; that of the file alone when there are no such windows.
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
    /// The inventory of a file's `text`, which was read as `network`, and of `windows` added by command.
    pub(crate) fn new(
        mut network: Network,
        text: Arc<str>,
        windows: Arc<[MaintenanceWindow]>,
        accesses: BTreeMap<CredentialId, Access>,
    ) -> Self {
        let digest = digest(&text, &windows);
        let known = windows.iter().filter(|window| network.site(&window.site).is_some()).cloned();
        let known: Vec<MaintenanceWindow> = known.collect();
        network.maintenance.extend(known);
        let maintenance = maintenance(&network);
        Inventory { network, text, windows, digest, accesses, maintenance }
    }

    /// When a site is under maintenance, past and to come: whoever asks cuts it to his period. What the judge holds
    /// is no older than its retention and ends where it judged last.
    pub(crate) fn maintenance(&self, site: &SiteId) -> &[Span] {
        self.maintenance.get(site).map_or(&[], Vec::as_slice)
    }

    /// The same of every site; those that never are, are left out.
    pub(crate) fn all_maintenance(&self) -> &BTreeMap<SiteId, Vec<Span>> {
        &self.maintenance
    }

    /// Reads and checks the file and fetches the secrets that it points to.
    pub(crate) fn read(path: &Path, windows: Arc<[MaintenanceWindow]>) -> Result<Inventory, InventoryError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| InventoryError::Io { path: path.to_owned(), source })?;
        let network = Network::parse(&text)
            .map_err(|faults| InventoryError::Faults { path: path.to_owned(), faults })?;
        let accesses = network.accesses().map_err(InventoryError::Secrets)?;
        Ok(Inventory::new(network, text.into(), windows, accesses))
    }

    /// The same file with other windows.
    fn with_windows(&self, windows: Arc<[MaintenanceWindow]>) -> Inventory {
        let mut network = self.network.clone();
        let added = self.windows.iter().filter(|window| network.site(&window.site).is_some()).count();
        network.maintenance.truncate(network.maintenance.len() - added);
        Inventory::new(network, Arc::clone(&self.text), windows, self.accesses.clone())
    }
}

fn digest(text: &str, windows: &[MaintenanceWindow]) -> String {
    let mut digest = Sha256::new_with_prefix(text.as_bytes());
    for MaintenanceWindow { site, from, to, reason, added_at } in windows {
        // No text that is TOML holds the 0 in front, and no reason a line feed.
        let added = added_at.unwrap_or_default();
        digest.update(format!("\0{site} {from} {to} {added} {}\n", reason.as_deref().unwrap_or_default()));
    }
    hex::encode(digest.finalize())
}

/// The inventory in use, and what is wrong with the file since.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    path: PathBuf,
    current: watch::Sender<Arc<Inventory>>,
    fault: watch::Sender<Option<String>>,
    /// Held by whoever makes the next inventory of the one in use, so that no change is lost to another.
    changing: Arc<Mutex<()>>,
}

impl Shelf {
    /// A shelf with the inventory of the file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Shelf, InventoryError> {
        let inventory = Arc::new(Inventory::read(path, Arc::default())?);
        Ok(Shelf {
            path: path.to_owned(),
            current: watch::Sender::new(inventory),
            fault: watch::Sender::new(None),
            changing: Arc::default(),
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

    /// Takes over the windows that were added by command, as `read` tells them while nobody else changes the inventory.
    pub(crate) fn take_windows<E>(
        &self,
        read: impl FnOnce() -> Result<Vec<MaintenanceWindow>, E>,
    ) -> Result<(), E> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (windows, current) = (read()?, self.current());
        if *windows != *current.windows {
            self.current.send_replace(Arc::new(current.with_windows(windows.into())));
        }
        Ok(())
    }

    /// Reads the file again and takes it over when it has changed and has no fault.
    pub(crate) fn reload(&self, metrics: &Metrics) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        match Inventory::read(&self.path, Arc::clone(&self.current().windows)) {
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
