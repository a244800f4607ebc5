//! The reverse proxy that stands before a collector in the field: nginx with the configuration that the repository gives,
//! and an authority of its own.

use std::{net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use anyhow::Result;

use crate::{Namespace, Process, namespace::call, sweep, wait};

/// The sample, whose names and addresses are put in place.
const SAMPLE: &str = include_str!("../../deploy/nginx/kentongan.conf");
/// Where the sample has its certificate.
const CERTIFICATES: &str = "/etc/letsencrypt/live/kentongan.example.go.id";

/// A front on 127.0.0.1:443 of a namespace.
#[derive(Debug)]
pub struct Front {
    /// The authority that vouches for it, as PEM.
    pub authority: PathBuf,
    /// Its process.
    pub process: Process,
}

impl Front {
    /// Its address, as an agent is told it.
    pub const URL: &str = "https://127.0.0.1";

    /// Starts it before the collector that listens at `behind`, and waits until it takes connections.
    ///
    /// # Errors
    /// When nginx or openssl are not installed, or refuse.
    pub fn start(namespace: &Namespace, behind: SocketAddr) -> Result<Front> {
        sweep::need("nginx", "nginx-light")?;
        sweep::need("openssl", "openssl")?;
        let lab = namespace.lab();
        let folder = lab.folder("front")?;
        call(
            Command::new("openssl")
                .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
                .args("-subj /CN=front -addext subjectAltName=IP:127.0.0.1".split(' '))
                .args(
                    "-addext basicConstraints=critical,CA:FALSE -keyout privkey.pem -out fullchain.pem"
                        .split(' '),
                )
                .current_dir(&folder),
        )?;
        let at = folder.display();
        let site =
            SAMPLE.replace(CERTIFICATES, &at.to_string()).replace("127.0.0.1:8080", &behind.to_string());
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {at}/body;\nproxy_temp_path {at}/proxy;\nfastcgi_temp_path {at}/fastcgi;\n\
             uwsgi_temp_path {at}/uwsgi;\nscgi_temp_path {at}/scgi;\n{site}\n}}\n"
        );
        let config = lab.write("nginx.conf", &config)?;
        let process = namespace.start("nginx", "nginx", |command| {
            command.arg("-c").arg(config).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        })?;
        let port = SocketAddr::from(([127, 0, 0, 1], 443));
        wait::until_ok("nginx to take connections", Duration::from_secs(20), || {
            Ok(namespace.enter(|| std::net::TcpStream::connect(port))??)
        })?;
        Ok(Front { authority: folder.join("fullchain.pem"), process })
    }
}
