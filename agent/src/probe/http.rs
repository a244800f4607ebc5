//! An HTTP request over a connection of its own: whether the answer has the expected status (RFC 9112).
//!
//! No more is read than the head of the final answer, of which at most [`LONGEST_HEAD`] bytes; a redirect is an answer
//! like any other, and not followed: a captive portal is told by it.

use std::net::{IpAddr, SocketAddr};

use kentongan_model::probe::HttpProbe;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{failed, tcp, tls::Tls};
use crate::pinger::{Echo, Unfit};

/// Bytes of heads that are read at most.
const LONGEST_HEAD: usize = 8 * 1024;
/// Bytes that are read at a time.
const PIECE: usize = 1024;

/// Asks, and waits for the status.
pub(super) async fn ask(address: IpAddr, http: &HttpProbe, tls: &Tls) -> Result<(), Echo> {
    let stream = tcp::connect(SocketAddr::new(address, http.port)).await?;
    let status = if http.tls {
        exchange(tls.over(stream, &http.host).await?, http).await?
    } else {
        exchange(stream, http).await?
    };
    if status == http.status { Ok(()) } else { Err(Echo::Unfit(Unfit::Status(status))) }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, http: &HttpProbe) -> Result<u16, Echo> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kentongan-agent\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        http.path,
        http.authority()
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| failed(&error))?;
    stream.flush().await.map_err(|error| failed(&error))?;
    let mut head = Vec::with_capacity(PIECE);
    loop {
        match status(&head) {
            Head::Status(status) => return Ok(status),
            Head::Garbled => return Err(Echo::Unfit(Unfit::Garbled)),
            Head::Unfinished if head.len() >= LONGEST_HEAD => return Err(Echo::Unfit(Unfit::Garbled)),
            Head::Unfinished => {}
        }
        let mut piece = [0; PIECE];
        match stream.read(&mut piece).await {
            Ok(0) => return Err(failed(&std::io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => head.extend_from_slice(&piece[..length]),
            Err(error) => return Err(failed(&error)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Head {
    Status(u16),
    Unfinished,
    Garbled,
}

/// The status of the final answer, as soon as its line has been read. Informational answers (1xx) may come before it.
fn status(mut bytes: &[u8]) -> Head {
    const BEGIN: &[u8] = b"HTTP/1.";
    loop {
        if bytes.len() < BEGIN.len() + 5 {
            return if BEGIN.starts_with(&bytes[..bytes.len().min(BEGIN.len())]) || bytes.starts_with(BEGIN) {
                Head::Unfinished
            } else {
                Head::Garbled
            };
        }
        let (begin, rest) = bytes.split_at(BEGIN.len());
        let [b'0' | b'1', b' ', digits @ ..] = rest else { return Head::Garbled };
        let digits = digits[..3].iter().map(|digit| char::from(*digit).to_digit(10));
        let Some(number) = digits.into_iter().try_fold(0, |sum, digit| Some(10 * sum + digit?)) else {
            return Head::Garbled;
        };
        match u16::try_from(number) {
            _ if begin != BEGIN => return Head::Garbled,
            Ok(number @ 200..=999) => return Head::Status(number),
            Ok(100..=199) => {}
            _ => return Head::Garbled,
        }
        match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => bytes = &bytes[end + 4..],
            None => return Head::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_that_of_the_final_answer() {
        for (head, told) in [
            ("HTTP/1.1 204 No Content\r\n", Head::Status(204)),
            ("HTTP/1.0 302 Found\r\nLocation: http://portal/\r\n", Head::Status(302)),
            ("HTTP/1.1 200", Head::Status(200)),
            ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n", Head::Status(200)),
            ("HTTP/1.1 100 Continue\r\n\r\n", Head::Unfinished),
            ("HTTP/1.1 103 Early Hints\r\nLink", Head::Unfinished),
            ("", Head::Unfinished),
            ("HT", Head::Unfinished),
            ("HTTP/1.1 20", Head::Unfinished),
            ("SSH-2.0-dropbear\r\n", Head::Garbled),
            ("HTTP/2.0 200 OK\r\n", Head::Garbled),
            ("HTTP/1.1 2x0 OK\r\n", Head::Garbled),
            ("HTTP/1.1 099 OK\r\n", Head::Garbled),
            ("HTTP/1.1-204 OK\r\n", Head::Garbled),
        ] {
            assert_eq!(status(head.as_bytes()), told, "{head}");
        }
    }
}
