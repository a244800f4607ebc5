//! A TCP connection: whether somebody accepts it. An answer with RST is none: a firewall gives it too, for hosts that
//! are gone.

use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::failed;
use crate::pinger::Echo;

/// Connects. When the stream is dropped it is reset: that is one packet instead of three on a metered link, and leaves
/// nobody in TIME_WAIT.
pub(super) async fn connect(to: SocketAddr) -> Result<TcpStream, Echo> {
    let stream = TcpStream::connect(to).await.map_err(|error| failed(&error))?;
    // A system that cannot do that says farewell as usual.
    let _ = SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
    Ok(stream)
}
