//! Reading the inventory for any command: faults are shown as `check` shows them, and end the command.

use std::{path::Path, process::ExitCode};

use kentongan_model::inventory::{Network, ReadError};

use crate::check;

/// Exit code for a file that cannot be read.
pub(crate) const CANNOT_READ: u8 = 2;

/// Reads an inventory.
///
/// # Errors
/// After the faults, or why it cannot be read, were printed on standard error: the code to exit with (1 or 2).
pub(crate) fn read(path: &Path) -> Result<Network, ExitCode> {
    Network::read(path).map_err(|error| match error {
        ReadError::Io { .. } => {
            crate::failed(&error);
            ExitCode::from(CANNOT_READ)
        }
        ReadError::Faults { text, faults } => {
            eprint!("{}", check::render_faults(path, &text, &faults));
            ExitCode::FAILURE
        }
    })
}
