//! Services as they are met: a real web server, a real resolver, and those that stall, stammer or flood.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use kentongan_model::{probe::HttpProbe, time::SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A program that runs until the test is over.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peer(command: &mut Command) -> Peer {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Peer(quiet.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

async fn ask(probe: &Probe, timeout: Duration) -> Echo {
    Asker::default().ask(probe, HERE, timeout, &SystemClock::new()).await.1
}

/// Asks until somebody answers at all: a peer that was just started needs a moment.
async fn ask_when_ready(probe: &Probe) -> Echo {
    for _ in 0..500 {
        let echo = ask(probe, Duration::from_secs(5)).await;
        if !matches!(echo, Echo::Unfit(Unfit::Broken(_))) {
            return echo;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody answers {probe}");
}

/// A port that nobody uses just now.
async fn free_port() -> u16 {
    TcpListener::bind((HERE, 0)).await.unwrap().local_addr().unwrap().port()
}

fn http(tls: bool, port: u16, path: &str, status: u16) -> Probe {
    let (host, path) = ("portal.example".to_owned(), path.to_owned());
    Probe::Http(HttpProbe { tls, host, port, path, status })
}

/// A server that does this with each connection.
async fn serving<F: Future<Output = ()> + Send>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    address
}

#[tokio::test]
async fn a_connection_counts_when_it_is_accepted() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = Probe::Tcp { port };
    assert!(ask(&probe, Duration::from_secs(5)).await.rtt_us().is_some());
    drop(listener);
    let refused = ask(&probe, Duration::from_secs(5)).await;
    assert_eq!(refused, Echo::Unfit(Unfit::Broken(io::ErrorKind::ConnectionRefused)));
}

#[tokio::test]
async fn a_page_counts_when_its_status_is_the_expected_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "selamat datang").unwrap();
    let port = free_port().await;
    let _server = peer(
        Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()])
            .current_dir(folder.path()),
    );
    assert!(ask_when_ready(&http(false, port, "/", 200)).await.rtt_us().is_some());
    let missing = ask(&http(false, port, "/tidak-ada", 200), Duration::from_secs(5)).await;
    assert_eq!(missing, Echo::Unfit(Unfit::Status(404)));
    assert!(ask(&http(false, port, "/tidak-ada", 404), Duration::from_secs(5)).await.rtt_us().is_some());
}

#[tokio::test]
async fn a_portal_with_a_certificate_of_its_own_counts_and_one_that_speaks_no_tls_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "1", "-subj", "/CN=lain.example", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .expect("this test needs Debian's package openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port().await;
    let _server = peer(
        Command::new("openssl")
            .args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")])
            .args(["-cert", "cert.pem", "-key", "key.pem"])
            .current_dir(folder.path()),
    );
    assert!(ask_when_ready(&http(true, port, "/", 200)).await.rtt_us().is_some());
    let plain = serving(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let echo = ask(&http(true, plain.port(), "/", 200), Duration::from_secs(5)).await;
    assert_eq!(echo, Echo::Unfit(Unfit::Garbled));
}

#[tokio::test]
async fn a_resolver_counts_when_it_knows_an_address() {
    let port = free_port().await;
    let _server = peer(
        Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-daemon", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", "--address=/ada.example/10.0.0.1", "--local=/example/"])
            .arg(format!("--port={port}")),
    );
    let dns = |name: &str| Probe::Dns { port, name: name.to_owned() };
    assert!(ask_when_ready(&dns("ada.example")).await.rtt_us().is_some());
    let timeout = Duration::from_secs(5);
    assert_eq!(ask(&dns("tiada.example"), timeout).await, Echo::Unfit(Unfit::Code(3)));
    // It has nobody to ask: as a resolver that has lost its way to the internet.
    assert_eq!(ask(&dns("www.go.id"), timeout).await, Echo::Unfit(Unfit::Code(5)));
}

#[tokio::test]
async fn a_resolver_whose_answers_are_forged_is_given_up_though_it_floods() {
    let socket = UdpSocket::bind((HERE, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 600];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            buffer[2] |= 0x80;
            for guess in 0..200_u8 {
                buffer[0] = buffer[0].wrapping_add(guess | 1);
                let _ = socket.send_to(&buffer[..length], from).await;
            }
        }
    });
    let probe = Probe::Dns { port, name: "www.go.id".to_owned() };
    assert_eq!(ask(&probe, Duration::from_secs(20)).await, Echo::Unfit(Unfit::Garbled));
}

#[tokio::test]
async fn whoever_stalls_stammers_or_never_ends_is_given_up() {
    let timeout = Duration::from_millis(300);
    let silent = serving(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    assert_eq!(ask(&http(false, silent.port(), "/", 200), timeout).await, Echo::Silence);
    assert_eq!(ask(&http(true, silent.port(), "/", 200), timeout).await, Echo::Silence);
    let stammering = serving(|mut stream| async move {
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {}
    })
    .await;
    let echo = ask(&http(false, stammering.port(), "/", 200), Duration::from_secs(20)).await;
    assert_eq!(echo, Echo::Unfit(Unfit::Garbled), "after 8 kB of heads it is enough");
    let hanging_up = serving(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let echo = ask(&http(false, hanging_up.port(), "/", 200), Duration::from_secs(20)).await;
    assert!(matches!(echo, Echo::Unfit(Unfit::Broken(_))), "{echo:?}");
}

#[tokio::test]
async fn no_more_are_asked_at_once_than_there_are_places() {
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
            counted.store(held.len(), std::sync::atomic::Ordering::Relaxed);
        }
    });
    let asker = Asker::default();
    let ask = || {
        let asker = asker.clone();
        tokio::spawn(async move {
            let (probe, clock) = (http(false, port, "/", 200), SystemClock::new());
            asker.ask(&probe, HERE, Duration::from_secs(60), &clock).await
        })
    };
    let asked: Vec<_> = (0..=UNDER_WAY).map(|_| ask()).collect();
    let arrived = async |number| {
        while taken.load(std::sync::atomic::Ordering::Relaxed) < number {
            tokio::task::yield_now().await;
        }
    };
    arrived(UNDER_WAY).await;
    assert_eq!(asker.places.available_permits(), 0);
    asked[0].abort();
    arrived(UNDER_WAY + 1).await;
    asked.iter().for_each(tokio::task::JoinHandle::abort);
}
