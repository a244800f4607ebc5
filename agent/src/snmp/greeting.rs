//! Asks a device once who it is, for the self-test: whether it answers at all, and under the credential of the plan.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kentongan_model::plan::PlannedDevice;

use super::{Exchange, SnmpError, client::Client, device::PATIENCE, identity};

/// What the device says of itself; its own words, of any length.
///
/// # Errors
/// When it does not answer, or refuses who asks.
pub(crate) async fn describe(
    exchange: &Arc<Exchange>,
    device: &PlannedDevice,
    now: Duration,
) -> Result<String, SnmpError> {
    let address = SocketAddr::new(device.address, device.port);
    let mut client = Client::new(Arc::clone(exchange), address, &device.access, PATIENCE);
    client.now = now;
    Ok(identity::meet(&mut client).await?.description)
}
