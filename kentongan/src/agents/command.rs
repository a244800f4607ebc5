//! The command that a technician runs on the router, in words to pass on. Pure, but for a look into the folder of packages.

use std::path::Path;

use kentongan_model::{enrolment::EnrolmentCode, id::SiteId};

/// What an agent is to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// OpenWrt or Debian: a script tells them apart.
    Linux,
    /// A container on MikroTik RouterOS 7.
    Routeros,
    /// Anything that has the program already.
    Installed,
}

/// What a command is made of.
pub(super) struct Order<'a> {
    pub(super) site: &'a SiteId,
    pub(super) url: &'a str,
    pub(super) code: &'a EnrolmentCode,
    pub(super) until: &'a str,
    /// `SHA256SUMS` of the folder of packages.
    pub(super) sums: &'a str,
}

impl Order<'_> {
    /// What is printed.
    pub(super) fn text(&self, kind: Kind) -> String {
        let Order { site, url, code, until, .. } = self;
        let good = format!(
            "The code is good once, until {until}. It may be passed on by chat: it is no password.\n"
        );
        match kind {
            Kind::Linux => format!(
                "Run this as root on the router of {site} (OpenWrt or Debian). It installs the agent, enrols it and tests \
                 what works:\n\n\
                 \x20 wget -qO- {url}/install | sh -s -- {url} {code}\n\n\
                 Where there is curl instead of wget:\n\n\
                 \x20 curl -fsSL {url}/install | sh -s -- {url} {code}\n\n{good}"
            ),
            Kind::Installed => format!(
                "Run this as root where the agent of {site} is installed, on OpenWrt:\n\n\
                 \x20 kentongan-agent enrol {url} {code} && /etc/init.d/kentongan-agent restart\n\n\
                 On Debian:\n\n\
                 \x20 kentongan-agent enrol {url} {code} && systemctl restart kentongan-agent\n\n{good}"
            ),
            Kind::Routeros => format!(
                "Paste this into the terminal of {site}'s RouterOS 7 (its container package is installed, and device-mode \
                 allows containers; docs/packages.md tells how):\n\n{}\n{}{good}",
                self.routeros(),
                self.images()
            ),
        }
    }

    /// The sums of the images, to compare with those that came.
    fn images(&self) -> String {
        let images = self.sums.lines().filter(|line| line.ends_with(".tar"));
        let images: String = images.map(|line| format!("  {line}\n")).collect();
        if images.is_empty() {
            return images;
        }
        format!(
            "SHA-256 of the images (RouterOS computes none: compare where a computer fetched them):\n\n{images}\n"
        )
    }

    /// A virtual port of its own, address translation to everywhere, a folder in memory for what is being measured, and the
    /// container that enrols at its first start.
    fn routeros(&self) -> String {
        let Order { url, code, .. } = self;
        let check = if url.starts_with("https:") { "check-certificate=yes " } else { "" };
        [
            "/interface/veth add name=kentongan address=172.31.255.2/30 gateway=172.31.255.1",
            "/ip/address add address=172.31.255.1/30 interface=kentongan",
            "/ip/firewall/nat add chain=srcnat src-address=172.31.255.2 action=masquerade comment=kentongan",
            "/container/mounts add name=kentongan-etc src=kentongan/etc dst=/etc/kentongan",
            "/container/mounts add name=kentongan-state src=kentongan/state dst=/var/lib/kentongan-agent",
            "/disk add type=tmpfs tmpfs-max-size=8M slot=kentongan-ram",
            "/container/mounts add name=kentongan-ram src=kentongan-ram dst=/run/kentongan-agent",
            &format!("/container/envs add name=kentongan key=KENTONGAN_COLLECTOR value=\"{url}\""),
            &format!("/container/envs add name=kentongan key=KENTONGAN_CODE value=\"{code}\""),
            &format!(
                ":local machine [/system/resource get architecture-name]; /tool/fetch {check}\
                 url=\"{url}/packages/kentongan-agent_$machine.tar\" dst-path=kentongan-agent.tar"
            ),
            "/container add file=kentongan-agent.tar interface=kentongan root-dir=kentongan/root \
             mounts=kentongan-etc,kentongan-state,kentongan-ram envlist=kentongan logging=yes start-on-boot=yes",
            ":delay 10s; /container/start [find interface=kentongan]",
        ]
        .iter()
        .map(|line| format!("  {line}\n"))
        .collect()
    }
}

/// An address is pasted into a shell: it has to be one there, too.
pub(super) fn fits_a_shell(url: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if is_web && url.chars().all(plain) {
        return Ok(());
    }
    Err(format!("--url '{url}' is not like https://monitor.example.go.id or http://10.0.0.1:8080"))
}

/// What will not work, or should not be done, with a command that was printed.
pub(super) fn cautions(url: &str, kind: Kind, packages: &Path) -> Vec<String> {
    let mut cautions = Vec::new();
    let host = url.split("://").nth(1).unwrap_or_default();
    if ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own)) {
        cautions.push(format!(
            "{url} leads to this machine only; say with --url where routers reach the collector"
        ));
    }
    if url.starts_with("http://") {
        cautions.push("http is not encrypted: use it within the district's own network only".to_owned());
    }
    if kind != Kind::Installed && !packages.join("SHA256SUMS").is_file() {
        cautions.push(format!(
            "the folder {} holds no packages, which the command fetches; `make packages` fills it, and `packages` in \
             kentongan.toml names another folder",
            packages.display()
        ));
    }
    cautions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind) -> String {
        let site = "kec-kutoarjo".parse().unwrap();
        let code = EnrolmentCode::from_random([5; 12]);
        let (url, until) = ("https://monitor.example.go.id", "2026-11-29 08:00 WIB");
        let sums = "5e1f  kentongan-agent_0.1.0_amd64.deb\n77aa  kentongan-agent_arm64.tar\n88bb  kentongan-agent_arm.tar\n";
        Order { site: &site, url, code: &code, until, sums }.text(kind)
    }

    #[test]
    fn there_is_one_command_for_each_kind_of_machine() {
        insta::assert_snapshot!("linux", text(Kind::Linux));
        insta::assert_snapshot!("routeros", text(Kind::Routeros));
        insta::assert_snapshot!("installed", text(Kind::Installed));
    }

    #[test]
    fn an_address_that_a_shell_would_take_apart_is_refused() {
        for good in ["https://k.example", "http://10.0.0.1:8080/kentongan", "http://[fd00::1]:8080"] {
            assert_eq!(fits_a_shell(good), Ok(()));
        }
        for bad in ["k.example", "https://k.example;reboot", "https://k/$(x)", "https://k/a b", "https://k/'"]
        {
            assert!(fits_a_shell(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_will_not_work_is_told_along() {
        let folder = tempfile::tempdir().unwrap();
        let told = |url, kind| cautions(url, kind, folder.path()).join("\n");
        let here = told("http://127.0.0.1:8080", Kind::Linux);
        assert!(
            here.contains("--url") && here.contains("not encrypted") && here.contains("make packages"),
            "{here}"
        );
        assert_eq!(told("https://k.example", Kind::Installed), "");
        std::fs::write(folder.path().join("SHA256SUMS"), "").unwrap();
        assert_eq!(told("https://k.example", Kind::Linux), "");
    }
}
