//! The one command that `kentongan agent add` prints, run on a router: it installs the package, enrols the agent with a code
//! that is good once, and starts it; and the agent delivers.
//!
//! The router is a root of its own with Debian's busybox (`tests/openwrt`), in which the package's own scripts run.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab, Namespace,
    product::{Office, binary},
    wait,
};

const SAMPLE: &str = include_str!("../../hotspots.toml");
const SITE: &str = "kec-purworejo";
const PATIENCE: Duration = Duration::from_secs(60);
/// In the repository's root.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A router's root, in the namespace of its network. What runs in it ends with it.
struct Router {
    network: Namespace,
    root: PathBuf,
}

impl Router {
    fn make(network: &Namespace, name: &str, architecture: &str) -> Result<Router> {
        let root = network.lab().folder(name)?;
        let made = Command::new(format!("{SOURCE}/tests/openwrt/make-router"))
            .arg(&root)
            .arg(architecture)
            .arg(binary("kentongan-agent")?)
            .status()?;
        ensure!(made.success(), "the router cannot be made; is busybox-static installed?");
        Ok(Router { network: network.clone(), root })
    }

    fn type_in(&self, line: &str) -> Result<Output> {
        let enter = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" /bin/sh -c \"$1\"";
        let mut command = self.network.command("unshare");
        command
            .args(["--mount", "sh", "-c", enter])
            .arg(&self.root)
            .arg(line)
            .env("PATH", "/bin:/sbin:/usr/bin:/usr/sbin");
        Ok(command.output()?)
    }

    /// What it tells, on both channels.
    fn told(&self, line: &str) -> Result<(bool, String)> {
        let Output { status, stdout, stderr } = self.type_in(line)?;
        let told = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        Ok((status.success(), told))
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.type_in("[ ! -e /etc/init.d/kentongan-agent ] || /etc/init.d/kentongan-agent stop");
    }
}

/// An office with packages, and the network that it and its routers are in.
fn office() -> Result<(Namespace, Office)> {
    let network = Lab::new()?.namespace("laptop")?;
    let (programs, packages) = (network.lab().folder("programs")?, network.lab().folder("packages")?);
    let target = programs.join("x86_64-unknown-linux-musl");
    std::fs::create_dir(&target)?;
    // Without what a debugger wants, which would take a minute to pack.
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(target.join("kentongan-agent")).arg(binary("kentongan-agent")?);
    ensure!(strip.status()?.success(), "strip is missing; is binutils installed?");
    let packed = Command::new(format!("{SOURCE}/deploy/packages")).args([&programs, &packages]).output()?;
    ensure!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let inventory = SAMPLE.replacen("# agent = true", "agent = true", 1);
    let settings = format!("packages = {packages:?}\n");
    let office = Office::install(&network, SocketAddr::from(([127, 0, 0, 1], 8080)), &inventory, &settings)?;
    Ok((network, office))
}

fn command(office: &Office) -> Result<String> {
    let printed = office.run(&["agent", "add", SITE, "--url", &office.url])?;
    let line = printed.lines().find(|line| line.contains("wget")).context("a command")?;
    Ok(line.trim().to_owned())
}

/// Waits until another delivery of the site's agent has come; if none does, tells what that agent logged.
fn delivers(office: &Office, router: &Router) -> Result<()> {
    let journal = rusqlite::Connection::open(office.data().join("journal.db"))?;
    let count = || -> Result<i64> {
        let sql = "SELECT count(*) FROM deliveries JOIN agents ON agents.id = agent WHERE vantage = ?1";
        Ok(journal.query_row(sql, [SITE], |row| row.get(0))?)
    };
    let before = count()?;
    let came = wait::until("a delivery of the new agent", PATIENCE, || Ok((count()? > before).then_some(())));
    came.with_context(|| router.told("cat /tmp/log").map_or_else(|error| error.to_string(), |(_, log)| log))
}

#[test]
fn the_one_command_installs_enrols_and_starts_an_agent_and_is_good_for_one_router() -> Result<()> {
    let (network, office) = office()?;
    let _running = office.up()?;
    let command = command(&office)?;

    let router = Router::make(&network, "router", "x86_64")?;
    let (well, told) = router.told(&command)?;
    ensure!(well, "{told}");
    assert!(told.contains(&format!("terdaftar sebagai agen {SITE}")), "{told}");
    assert!(told.contains("baik    kolektor") && !told.contains("GAGAL"), "{told}");
    delivers(&office, &router)?;
    let (_, kept) = router.told("cat /etc/kentongan/agent.toml; ls -l /etc/kentongan; cat /tmp/log")?;
    assert!(kept.contains("state_dir = \"/etc/kentongan/state\"") && kept.contains("-rw-------"), "{kept}");

    // Beside the running agent.
    let (well, told) = router.told("/etc/init.d/kentongan-agent selftest --lang en --json")?;
    let checks: serde_json::Value = serde_json::from_str(&told).context(told.clone())?;
    let running =
        checks["checks"].as_array().context("checks")?.iter().find(|check| check["name"] == "running");
    assert!(well && running.context("a check")?["verdict"] == "ok", "{told}");
    let token =
        kept.lines().find_map(|line| line.strip_prefix("token = ")).context("a token")?.trim_matches('"');
    assert!(!told.contains(token), "a secret is shown");

    // The same command on the same router changes nothing; on another one it is refused.
    let (well, told) = router.told(&command)?;
    ensure!(well, "{told}");
    delivers(&office, &router)?;
    let other = Router::make(&network, "other", "x86_64")?;
    let (well, told) = other.told(&command)?;
    assert!(!well && told.contains("kode ini sudah dipakai"), "{told}");
    assert!(!other.root.join("etc/kentongan/agent.toml").exists());
    Ok(())
}

#[test]
fn a_router_without_a_package_and_a_package_that_is_damaged_are_told_before_anything_is_installed()
-> Result<()> {
    let (network, office) = office()?;
    let _running = office.up()?;
    let command = command(&office)?;
    wait::until_ok("the collector answers", PATIENCE, || office.api("network"))?;

    let foreign = Router::make(&network, "foreign", "arm_cortex-a9")?;
    let (well, told) = foreign.told(&format!("{command} --lang en"))?;
    assert!(!well && told.contains("no .ipk package for the architecture arm_cortex-a9"), "{told}");

    let packages = network.lab().folder("packages")?;
    let package = std::fs::read_dir(&packages)?.flatten().map(|entry| entry.path());
    let package = package.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "ipk"));
    let package = package.context("a package")?;
    std::fs::write(&package, &std::fs::read(&package)?[1..])?;
    let router = Router::make(&network, "router", "x86_64")?;
    let (well, told) = router.told(&command)?;
    assert!(!well && told.contains("rusak di jalan"), "{told}");
    assert!(!router.root.join("usr/bin/kentongan-agent").exists());
    Ok(())
}

#[test]
fn the_debian_package_and_its_unit_are_in_order() -> Result<()> {
    let (network, _) = office()?;
    let packages = network.lab().folder("packages")?;
    let machine = network.lab().folder("machine")?;
    let deb = std::fs::read_dir(&packages)?.flatten().map(|entry| entry.path());
    let deb = deb
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "deb"))
        .context("a package")?;
    let unpacked = Command::new("dpkg-deb").arg("-x").args([&deb, &machine]).status()?;
    assert!(unpacked.success());
    let unit = machine.join("lib/systemd/system/kentongan-agent.service");
    let exposure = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=20"])
        .arg(&unit)
        .output()?;
    let told = String::from_utf8_lossy(&exposure.stdout).into_owned();
    assert!(exposure.status.success(), "more exposed than 2.0 of 10:\n{told}");
    Ok(())
}

#[test]
fn the_script_names_certificates_so_that_they_are_found_from_the_folder_that_it_works_in() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stubs = "mkdir bin
        for name in id dpkg systemctl kentongan-agent curl; do
            printf '#!/bin/sh\\necho \"%s $*\" >>\"$TOLD\"\\n' $name >bin/$name
            chmod +x bin/$name
        done
        echo 'echo 0' >>bin/id
        echo 'echo amd64' >>bin/dpkg
        cat >>bin/curl <<'END'
        for out in \"$@\"; do [ \"${before:-}\" = -o ] && break; before=$out; done
        printf x >\"$out\"
        package=kentongan-agent_1_amd64.deb
        [ \"$out\" != SHA256SUMS ] || printf x | sha256sum | sed \"s/-\\$/$package/\" >SHA256SUMS\nEND
        PATH=$PWD/bin:$PATH sh \"$SOURCE/deploy/install.sh\" https://k.example KODE --ca-file ca.pem";
    let mut installed = Command::new("sh");
    installed
        .current_dir(&folder)
        .args(["-ec", stubs])
        .env("SOURCE", SOURCE)
        .env("TOLD", folder.path().join("told"));
    let output = installed.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read_to_string(folder.path().join("told"))?;
    let ca_file = folder.path().join("ca.pem").display().to_string();
    assert_eq!(told.matches(&format!("--cacert {ca_file} ")).count(), 2, "{told}");
    assert!(
        told.contains(&format!("enrol https://k.example KODE --lang id --ca-file {ca_file}\n")),
        "{told}"
    );
    Ok(())
}

/// A package with the unit and the scripts of ours and nothing else, and dpkg on a root of its own.
struct Debian {
    folder: tempfile::TempDir,
}

impl Debian {
    fn make() -> Result<Debian> {
        let debian = Debian { folder: tempfile::tempdir()? };
        let made = debian.sh(
            "mkdir -p root/etc root/var/lib/dpkg/info root/var/lib/dpkg/updates package/DEBIAN package/lib/systemd/system
             touch root/var/lib/dpkg/status
             cp \"$SOURCE/deploy/debian/kentongan-agent.service\" package/lib/systemd/system
             install -m755 -t package/DEBIAN \"$SOURCE\"/deploy/debian/p*
             printf 'Package: kentongan-agent\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n' \
               >package/DEBIAN/control
             dpkg-deb --root-owner-group --build package package.deb",
        )?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(debian)
    }

    fn sh(&self, script: &str) -> Result<Output> {
        let mut command = Command::new("sh");
        command.current_dir(self.folder.path()).env("SOURCE", SOURCE).args(["-ec", script]);
        Ok(command.output()?)
    }

    /// Does something, and tells whether the agent starts with the machine then.
    fn starts_after(&self, script: &str) -> Result<bool> {
        let dpkg =
            "dpkg() { command dpkg --root=\"$PWD/root\" --force-script-chrootless --force-not-root \"$@\"; }";
        let done = self.sh(&format!("{dpkg}\n{script}"))?;
        ensure!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        let link = "root/etc/systemd/system/multi-user.target.wants/kentongan-agent.service";
        Ok(self.folder.path().join(link).is_symlink())
    }
}

#[test]
fn a_package_that_was_removed_and_comes_back_starts_with_the_machine_unless_somebody_disabled_it()
-> Result<()> {
    let debian = Debian::make()?;
    assert!(debian.starts_after("dpkg -i package.deb")?, "when it is new");
    assert!(
        debian.starts_after("dpkg -r kentongan-agent; dpkg -i package.deb")?,
        "when it was removed and comes back"
    );
    assert!(debian.starts_after("dpkg -i package.deb")?, "after an upgrade");
    debian.starts_after("systemctl --root=\"$PWD/root\" disable kentongan-agent")?;
    assert!(!debian.starts_after("dpkg -i package.deb")?, "after an upgrade, though it was disabled");
    assert!(!debian.starts_after("dpkg -r kentongan-agent; dpkg -i package.deb")?, "though it was disabled");
    assert!(
        !debian.starts_after("dpkg --purge kentongan-agent")?,
        "a link is left of a package that was purged"
    );
    assert!(debian.starts_after("dpkg -i package.deb")?, "when it is new again");
    Ok(())
}

#[test]
fn every_script_of_the_packages_is_what_shellcheck_calls_a_script() -> Result<()> {
    let scripts = [
        "deploy/install.sh",
        "deploy/packages",
        "deploy/debian/postinst",
        "deploy/debian/prerm",
        "deploy/debian/postrm",
        "deploy/openwrt/control/postinst",
        "deploy/openwrt/control/prerm",
        "tests/openwrt/make-router",
        "tests/openwrt/opkg",
        "tests/openwrt/rc.common",
    ];
    let checked = Command::new("shellcheck").current_dir(SOURCE).args(scripts).output()?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let init = "deploy/openwrt/files/etc/init.d/kentongan-agent";
    let checked = Command::new("shellcheck").current_dir(SOURCE).args(["-s", "dash", init]).output()?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    Ok(())
}
