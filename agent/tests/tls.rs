//! Deliveries over TLS: one connection is kept, and only a certificate that is trusted is talked to.

mod support;

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kentongan_agent::{Config, icmp::Engine};
use kentongan_model::{plan::PlanRevision, secret::Secret};
use support::{TOKEN, beside_agent, plan, target, until};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=kolektor"
                .split(' '),
        )
        .args("-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(' '))
        .args("-keyout key.pem -out cert.pem".split(' '))
        .output()
        .expect("openssl is needed here: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    deliveries: AtomicUsize,
    refused: AtomicUsize,
}

/// Answers the two requests by hand; counts what it sees.
async fn serve(listener: TcpListener, folder: &Path, plan: String, seen: Arc<Seen>) {
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(stream) = acceptor.accept(stream).await else {
            seen.refused.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (plan, seen) = (plan.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            loop {
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        return;
                    }
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                assert!(head.contains(&format!("authorization: Bearer {TOKEN}")));
                let reply = if head.starts_with("GET /api/v1/agents/kec-a/plan ") {
                    let length = plan.len();
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{plan}"
                    )
                } else {
                    seen.deliveries.fetch_add(1, Ordering::SeqCst);
                    let revision = PlanRevision::of_json(&plan);
                    format!("HTTP/1.1 204 No Content\r\nkentongan-plan: {revision}\r\n\r\n")
                };
                stream.write_all(reply.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_trusted_collector_gets_everything_over_one_connection_and_a_strange_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = |ca_file| Config {
        agent: "kec-a".parse().unwrap(),
        collector: format!("https://{}", listener.local_addr().unwrap()),
        token: Secret::new(TOKEN),
        state_dir: folder.path().join("state"),
        memory_dir: folder.path().join("memory"),
        ca_file,
        engine: Engine::default(),
    };
    let (strange, trusted) = (config(None), config(Some(folder.path().join("cert.pem"))));
    let (seen, planned) =
        (Arc::new(Seen::default()), plan(vec![target("kec-a/router", "127.0.0.1")], vec![]));
    let (counted, path) = (Arc::clone(&seen), folder.path().to_owned());
    tokio::spawn(async move { serve(listener, &path, planned.to_json(), counted).await });

    beside_agent(
        strange,
        until("the certificate was refused twice", || seen.refused.load(Ordering::SeqCst) >= 2),
    )
    .await;
    assert_eq!(seen.connections.load(Ordering::SeqCst), 0);
    beside_agent(trusted, until("four deliveries", || seen.deliveries.load(Ordering::SeqCst) >= 4)).await;
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}
