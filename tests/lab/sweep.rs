//! What must be there before a lab is built, and what must not: the leftovers of tests that were killed.
//!
//! Namespaces and folders carry the process id of their test in their name. Those of a process that is gone are
//! removed, with what still runs in them; those of a living one are never touched.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail, ensure};

/// Name of everything that a lab makes: this, then the process id, then a dash.
pub(crate) const MARK: &str = "ktg";

/// The programs that a lab itself calls, each with the Debian package that has it.
const NEEDED: [(&str, &str); 3] = [("ip", "iproute2"), ("nft", "nftables"), ("setpriv", "util-linux")];

/// Refuses in one sentence what cannot work.
pub(crate) fn check_ground() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "the lab builds network namespaces, which only root may: run the tests as root (sudo make test)"
    );
    NEEDED.iter().try_for_each(|(program, package)| need(program, package))
}

/// Refuses to go on without a program.
pub(crate) fn need(program: &str, package: &str) -> Result<()> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    if path.split(':').any(|folder| Path::new(folder).join(program).is_file()) {
        return Ok(());
    }
    bail!("the lab needs `{program}`, which Debian has in {package}: install it with `make peers`")
}

/// Removes the namespaces and folders of tests that are gone.
pub(crate) fn sweep() {
    for name in entries("/run/netns").into_iter().filter(|name| is_stale(name)) {
        end_what_runs_in(&name);
        quietly("ip", &["netns", "delete", &name]);
    }
    for folder in [std::env::temp_dir(), memory()] {
        for name in entries(&folder).into_iter().filter(|name| is_stale(name)) {
            let _ = std::fs::remove_dir_all(folder.join(name));
        }
    }
}

/// Where this machine keeps files in memory; with the other temporary ones, if it does not.
pub(crate) fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

fn entries(folder: impl AsRef<Path>) -> Vec<String> {
    let Ok(list) = std::fs::read_dir(folder) else { return Vec::new() };
    list.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn is_stale(name: &str) -> bool {
    let maker = name.strip_prefix(MARK).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
    maker.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
}

fn end_what_runs_in(namespace: &str) {
    let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() else { return };
    for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        quietly("kill", &["-KILL", pid]);
    }
}

/// Runs a command whose failure changes nothing.
pub(crate) fn quietly(program: &str, args: &[&str]) {
    let _ = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_left_is_stale() {
        let own = std::process::id();
        assert!(!is_stale(&format!("{MARK}{own}-0-noc")), "it would sweep a living test's namespace");
        assert!(is_stale(&format!("{MARK}4194999-0-noc")), "no process has an id beyond pid_max");
        for other in ["noc", "ktg-noc", "ktgx-noc", "docker0"] {
            assert!(!is_stale(other), "{other} is none of ours");
        }
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let told = need("no-such-program", "no-such-package").unwrap_err().to_string();
        assert!(told.contains("no-such-program") && told.contains("no-such-package"), "{told}");
    }
}
