//! Kentongan as the ICT office runs it: the binaries of this build, a folder with inventory and settings at the NOC,
//! and the agent on the kecamatan's router, configured as `kentongan agent add --token` says.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use kentongan_model::time::{Clock, SystemClock};
use serde_json::Value;

use crate::{Namespace, Process, district::COMMUNITY};

/// Names the folder of the binaries, where they do not lie beside the test.
const FOLDER: &str = "KENTONGAN_BINARIES";

/// The path of `kentongan` or `kentongan-agent`.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => build_folder()?,
    };
    let path = folder.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: build it first (cargo build --workspace, with --release for the bench)",
        path.display()
    );
    Ok(path)
}

/// `target/<profile>`: where this program lies, or the folder above where it is a test.
fn build_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// An installation at the NOC, whether it runs or not.
#[derive(Debug)]
pub struct Office {
    noc: Namespace,
    folder: PathBuf,
    /// Where the API listens.
    pub url: String,
}

impl Office {
    /// Writes inventory and settings; `settings` is what stands in `kentongan.toml` behind `[collector]`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn install(noc: &Namespace, listen: SocketAddr, inventory: &str, settings: &str) -> Result<Office> {
        let folder = noc.lab().folder("office")?;
        std::fs::write(folder.join("hotspots.toml"), inventory)?;
        let settings = format!("[collector]\nlisten = \"{listen}\"\n\n{settings}");
        std::fs::write(folder.join("kentongan.toml"), settings)?;
        Ok(Office { noc: noc.clone(), folder, url: format!("http://{listen}") })
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts `kentongan up`.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn up(&self) -> Result<Process> {
        let mut command = self.command(&[])?;
        command.arg("up");
        Process::start(self.noc.lab(), "kentongan", command)
    }

    /// Runs another of its subcommands to the end and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        crate::namespace::call(self.command(&[])?.args(words))
    }

    /// The bare command `kentongan` at the NOC, in the folder of its files, started by way of a `wrapper` if one is
    /// given.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn command(&self, wrapper: &[&str]) -> Result<Command> {
        let kentongan = binary("kentongan")?;
        let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([kentongan.as_os_str()]);
        let mut command = self.noc.command(words.next().context("a program to start")?);
        command.args(words).current_dir(&self.folder).env(COMMUNITY.0, COMMUNITY.1);
        Ok(command)
    }

    /// What the API answers below `/api/v1/`.
    ///
    /// # Errors
    /// When it does not answer, or not with 200.
    pub fn api(&self, path: &str) -> Result<Value> {
        self.noc.get(&format!("{}/api/v1/{path}", self.url))?.json()
    }

    /// Gives the agent of a site its token and installs it on that site's router.
    ///
    /// # Errors
    /// When the collector has no such agent.
    pub fn install_agent(&self, router: &Namespace, site: &str) -> Result<FieldAgent> {
        let config = self.run(&["agent", "add", site, "--token", "--url", &self.url])?;
        FieldAgent::install(router, site, &config)
    }
}

/// An agent on a router, whether it runs or not.
#[derive(Debug)]
pub struct FieldAgent {
    router: Namespace,
    name: String,
    config: PathBuf,
    memory: PathBuf,
}

impl FieldAgent {
    /// Writes its configuration: the given lines, and folders of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(router: &Namespace, site: &str, lines: &str) -> Result<FieldAgent> {
        let (lab, name) = (router.lab(), format!("agent-{site}"));
        let (flash, memory) = (lab.folder(&format!("{name}-flash"))?, lab.folder_in_memory(&name)?);
        let own = lines.lines().filter(|line| !line.contains("_dir = "));
        let folders = format!("state_dir = {flash:?}\nmemory_dir = {memory:?}\n");
        let text = own.map(|line| format!("{line}\n")).collect::<String>() + &folders;
        let config = lab.write(&format!("{name}.toml"), &text)?;
        Ok(FieldAgent { router: router.clone(), name, config, memory })
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start(&self) -> Result<Process> {
        self.start_with(|_| {})
    }

    /// Starts it in surroundings of its own: variables, for one.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start_with(&self, with: impl FnOnce(&mut Command)) -> Result<Process> {
        self.run(&binary("kentongan-agent")?, with)
    }

    /// Starts another build of it, as the one for routers.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start_program(&self, program: &Path) -> Result<Process> {
        self.run(program, |_| {})
    }

    fn run(&self, program: &Path, with: impl FnOnce(&mut Command)) -> Result<Process> {
        self.router.start(&self.name, program, |command| {
            command.arg("--config").arg(&self.config);
            with(command);
        })
    }

    /// The power of its router goes: it ends at once, and what its router held in memory is lost.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn lose_power(&self, running: Process) -> Result<()> {
        running.kill()?;
        std::fs::remove_dir_all(&self.memory)?;
        Ok(std::fs::create_dir(&self.memory)?)
    }

    /// Starts it on a router that has booted `ago`: with another boot id, and a time since boot that counts from then.
    /// The kernel lends it both, as a time namespace and a file that lies over its own.
    ///
    /// # Errors
    /// When it cannot start, or this machine itself has not run that long.
    pub fn start_booted(&self, ago: Duration) -> Result<Process> {
        const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
        let (binary, clock) = (binary("kentongan-agent")?, SystemClock::new());
        let running = clock.since_boot();
        let back = running.checked_sub(ago).with_context(|| {
            format!("this machine booted {running:?} ago, too late to lend a boot {ago:?} ago")
        })?;
        // Of two boots no two are at the same moment: so the moment names one.
        let (low, high) = (clock.now().as_millis() & 0xffff_ffff, clock.now().as_millis() >> 32);
        let boot_id = format!("{low:08x}-{high:04x}-4000-8000-000000000000\n");
        let boot_id = self.router.lab().write(&format!("{}-boot-id", self.name), &boot_id)?;
        self.router.start(&self.name, "unshare", |command| {
            command.args(["--mount", "--time", "--fork", "--kill-child"]);
            command.arg(format!("--boottime=-{}", back.as_secs()));
            command.args(["sh", "-c", "mount --bind \"$0\" \"$1\" && shift && exec \"$@\""]);
            command.arg(boot_id).arg(BOOT_ID);
            command.arg(binary).arg("--config").arg(&self.config);
        })
    }
}
