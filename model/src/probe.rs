//! How a target is asked whether it is there: by echo requests, or as its users would, on a port, by name or by address.
//!
//! Whatever the question, it goes to the target's own address: names are never looked up on the way. Its answer is a
//! round like any other, so that states and uptime know nothing of probes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// What is asked, and what counts as an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Echo requests; an echo reply counts.
    #[default]
    Icmp,
    /// A TCP connection; one that is accepted counts.
    Tcp {
        /// The port.
        port: u16,
    },
    /// A DNS query for a name's IPv4 addresses; an answer that holds one counts.
    Dns {
        /// The UDP port.
        port: u16,
        /// The name, without a dot at its end.
        name: String,
    },
    /// An HTTP request; an answer with the expected status counts.
    Http(HttpProbe),
}

/// An HTTP request, and the status that counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpProbe {
    /// Whether it goes through TLS.
    pub tls: bool,
    /// The name, or address, by which the server is addressed; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Path and query, from the first slash on.
    pub path: String,
    /// The status that counts.
    pub status: u16,
}

impl Probe {
    /// Whether these are echo requests.
    #[must_use]
    pub fn is_icmp(&self) -> bool {
        *self == Probe::Icmp
    }

    /// How often the question is asked in a round for which so many echo requests are planned: a service is asked once,
    /// for each question costs it a connection, and the village a part of its metered link.
    #[must_use]
    pub fn tries(&self, echoes: u16) -> u16 {
        if self.is_icmp() { echoes } else { 1 }
    }

    /// How long an answer is waited for where the inventory says nothing of the target, given what it says of the site:
    /// a resolver or a web server has others to ask first.
    #[must_use]
    pub fn patience(&self, timeout: Duration, interval: Duration) -> Duration {
        const SERVICE: Duration = Duration::from_secs(5);
        match self {
            Probe::Icmp | Probe::Tcp { .. } => timeout,
            Probe::Dns { .. } | Probe::Http(_) => timeout.max(SERVICE).min(interval),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Icmp => f.write_str("icmp"),
            Probe::Tcp { port } => write!(f, "tcp:{port}"),
            Probe::Dns { name, .. } => write!(f, "dns:{name}"),
            Probe::Http(http) => {
                let scheme = if http.tls { "https" } else { "http" };
                write!(f, "{scheme}://{}{}", http.authority(), http.path)
            }
        }
    }
}

impl HttpProbe {
    /// Host and port as a URL and the header `Host` have them: the port only where it is not the usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == Self::usual_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// The port of a URL that names none (RFC 9110).
    #[must_use]
    pub fn usual_port(tls: bool) -> u16 {
        if tls { 443 } else { 80 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_told_as_the_inventory_has_it() {
        let http = |tls, host: &str, port| HttpProbe {
            tls,
            host: host.to_owned(),
            port,
            path: "/generate_204".to_owned(),
            status: 204,
        };
        for (probe, told) in [
            (Probe::Icmp, "icmp"),
            (Probe::Tcp { port: 22 }, "tcp:22"),
            (Probe::Dns { port: 53, name: "www.go.id".to_owned() }, "dns:www.go.id"),
            (Probe::Http(http(false, "cek.example", 80)), "http://cek.example/generate_204"),
            (Probe::Http(http(true, "cek.example", 8443)), "https://cek.example:8443/generate_204"),
            (Probe::Http(http(true, "fd00::1", 443)), "https://[fd00::1]/generate_204"),
        ] {
            assert_eq!(probe.to_string(), told);
            let json = serde_json::to_string(&probe).unwrap();
            assert_eq!(serde_json::from_str::<Probe>(&json).unwrap(), probe, "{json}");
        }
    }

    #[test]
    fn a_service_has_more_time_than_an_echo_but_no_more_than_its_interval() {
        let dns = Probe::Dns { port: 53, name: "a".to_owned() };
        let seconds = Duration::from_secs;
        assert_eq!(Probe::Icmp.patience(seconds(1), seconds(30)), seconds(1));
        assert_eq!(dns.patience(seconds(1), seconds(30)), seconds(5));
        assert_eq!(dns.patience(seconds(8), seconds(30)), seconds(8));
        assert_eq!(dns.patience(seconds(1), seconds(2)), seconds(2));
        assert_eq!((dns.tries(5), Probe::Icmp.tries(5)), (1, 5));
    }
}
