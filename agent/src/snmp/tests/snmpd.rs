//! Against Debian's `snmpd` on loopback, in each version of SNMP.

use std::{
    net::UdpSocket,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use kentongan_model::plan::{Access, AuthProtocol, PrivacyProtocol};

use super::{
    super::{SnmpError, client::Client, columns::SYS_UP_TIME, device::Reading, usm::Refusal},
    NOW, PATIENCE, device, v2c,
};

struct Snmpd {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

const CONFIG: &str = "
rocommunity public 127.0.0.1
createUser sha1aes SHA \"kata-sandi-satu\" AES \"kata-sandi-dua\"
createUser sha256aes SHA-256 \"kata-sandi-satu\" AES \"kata-sandi-dua\"
createUser sha1aes256 SHA \"kata-sandi-satu\" AES-256 \"kata-sandi-dua\"
createUser sha1aes256c SHA \"kata-sandi-satu\" AES-256-C \"kata-sandi-dua\"
createUser sha256aes256 SHA-256 \"kata-sandi-satu\" AES-256 \"kata-sandi-dua\"
createUser md5des MD5 \"kata-sandi-satu\" DES \"kata-sandi-dua\"
createUser sha512auth SHA-512 \"kata-sandi-satu\"
createUser terbuka
rouser sha1aes priv
rouser sha256aes priv
rouser sha1aes256 priv
rouser sha1aes256c priv
rouser sha256aes256 priv
rouser md5des priv
rouser sha512auth auth
rouser terbuka noauth
";

impl Snmpd {
    async fn start() -> Snmpd {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let config = format!("agentAddress udp:127.0.0.1:{port}\n{CONFIG}");
        std::fs::write(folder.path().join("given.conf"), config).unwrap();
        let snmpd = Snmpd { process: spawn(folder.path()), port, folder };
        snmpd.answers().await;
        snmpd
    }

    async fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.folder.path());
        self.answers().await;
    }

    async fn answers(&self) {
        for _ in 0..40 {
            if device(self.port, v2c("public"), &[]).poll(NOW).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("snmpd does not answer");
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new("snmpd")
        .args(["-f", "-Ln", "-C", "-c"])
        .arg(folder.join("given.conf"))
        .env("SNMP_PERSISTENT_DIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("snmpd is needed here: apt-get install snmpd")
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn v3(user: &str, auth: Option<AuthProtocol>, privacy: Option<PrivacyProtocol>) -> Access {
    Access::V3 {
        user: user.to_owned(),
        auth: auth.map(|protocol| (protocol, "kata-sandi-satu".to_owned())),
        privacy: privacy.map(|protocol| (protocol, "kata-sandi-dua".to_owned())),
    }
}

fn check(reading: &Reading, is_v1: bool) {
    assert!(reading.uptime_cs.is_some());
    let [lo] = reading.interfaces.as_slice() else { panic!("not one interface: {reading:?}") };
    assert_eq!((lo.link, lo.name.as_deref(), lo.oper_status), (0, Some("lo"), Some(1)));
    assert!(lo.high_speed_mbps.is_some() && lo.counters.iter().all(Option::is_some), "v1: {is_v1}, {lo:?}");
    assert!(lo.counters[0] > Some(0));
}

#[tokio::test]
async fn every_version_and_security_level_reads_the_loopback_interface() {
    let snmpd = Snmpd::start().await;
    let accesses = [
        ("v1", Access::V1 { community: "public".into() }),
        ("v2c", v2c("public")),
        ("v3 noAuthNoPriv", v3("terbuka", None, None)),
        ("v3 SHA-512", v3("sha512auth", Some(AuthProtocol::Sha512), None)),
        ("v3 SHA, AES", v3("sha1aes", Some(AuthProtocol::Sha1), Some(PrivacyProtocol::Aes128))),
        ("v3 SHA-256, AES", v3("sha256aes", Some(AuthProtocol::Sha256), Some(PrivacyProtocol::Aes128))),
        ("v3 SHA, AES-256", v3("sha1aes256", Some(AuthProtocol::Sha1), Some(PrivacyProtocol::Aes256))),
        ("v3 SHA, AES-256-C", v3("sha1aes256c", Some(AuthProtocol::Sha1), Some(PrivacyProtocol::Aes256))),
        (
            "v3 SHA-256, AES-256",
            v3("sha256aes256", Some(AuthProtocol::Sha256), Some(PrivacyProtocol::Aes256)),
        ),
        ("v3 MD5, DES", v3("md5des", Some(AuthProtocol::Md5), Some(PrivacyProtocol::Des))),
    ];
    for (name, access) in accesses {
        let is_v1 = name == "v1";
        let mut device = device(snmpd.port, access, &["lo"]);
        let reading = device.poll(NOW).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&reading, is_v1);
        // Again: for v3, with the device's engine and clock as they were learnt.
        let again = device.poll(NOW).await.unwrap_or_else(|error| panic!("{name}, again: {error}"));
        // snmpd reads its counters every few seconds only.
        assert!(again.interfaces[0].counters[0] >= reading.interfaces[0].counters[0], "{name}");
    }
}

#[tokio::test]
async fn keys_are_lengthened_the_other_way_until_one_has_worked_and_stay_so() {
    let snmpd = Snmpd::start().await;
    for (user, flips) in [("sha1aes256", false), ("sha1aes256c", true)] {
        let access = v3(user, Some(AuthProtocol::Sha1), Some(PrivacyProtocol::Aes256));
        let address = ([127, 0, 0, 1], snmpd.port).into();
        let mut client = Client::new(Arc::default(), address, &access, PATIENCE);
        if flips {
            // snmpd drops what it cannot decrypt without a word.
            let error = client.get(&[SYS_UP_TIME]).await.unwrap_err();
            assert!(matches!(error, SnmpError::Timeout), "{error}");
            assert!(client.start_over());
        }
        for _ in 0..2 {
            client.get(&[SYS_UP_TIME]).await.unwrap_or_else(|error| panic!("{user}: {error}"));
            assert!(!client.start_over(), "{user}: no error after that is one of the keys");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_or_community_is_told_apart_from_nothing() {
    let snmpd = Snmpd::start().await;
    let wrong = Access::V3 {
        user: "sha1aes".to_owned(),
        auth: Some((AuthProtocol::Sha1, "bukan-ini-sandinya".to_owned())),
        privacy: Some((PrivacyProtocol::Aes128, "kata-sandi-dua".to_owned())),
    };
    let error = device(snmpd.port, wrong, &[]).poll(NOW).await.unwrap_err();
    assert!(matches!(error, SnmpError::Refused(Refusal::Password)), "{error}");
    let unknown = v3("siapa", Some(AuthProtocol::Sha1), None);
    let error = device(snmpd.port, unknown, &[]).poll(NOW).await.unwrap_err();
    assert!(matches!(error, SnmpError::Refused(Refusal::User)), "{error}");
    let error = device(snmpd.port, v2c("salah"), &[]).poll(NOW).await.unwrap_err();
    assert!(matches!(error, SnmpError::Timeout), "{error}");
}

#[tokio::test]
async fn a_device_that_restarts_is_read_again_without_a_lost_poll() {
    let mut snmpd = Snmpd::start().await;
    let access = v3("sha1aes", Some(AuthProtocol::Sha1), Some(PrivacyProtocol::Aes128));
    let mut device = device(snmpd.port, access, &["lo"]);
    device.poll(NOW).await.unwrap();
    snmpd.restart().await;
    let reading = device.poll(NOW).await.unwrap();
    assert_eq!(reading.interfaces.len(), 1);
}
