//! The ground of the lab: namespaces, and the links between them that can be cut and mended.
//!
//! A cut link is silent, as a broken fibre behind a media converter is: both ends keep their carrier, and every frame
//! that arrives is dropped, ARP included. So a router behind which a neighbour is gone answers "host unreachable"
//! after a while, as real ones do.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    process::{Process, Telling},
    sweep,
};

/// A lab. It goes when the last of its namespaces, links and processes is dropped.
#[derive(Debug, Clone)]
pub struct Lab(Arc<Ground>);

#[derive(Debug)]
struct Ground {
    prefix: String,
    folder: TempDir,
    memory: TempDir,
    namespaces: Mutex<Vec<String>>,
    telling: Telling,
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in self.namespaces.get_mut().unwrap_or_else(PoisonError::into_inner) {
            sweep::quietly("ip", &["netns", "delete", name]);
        }
    }
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

impl Lab {
    /// A lab whose processes show their logs when they are dropped, so that a test that fails tells why.
    ///
    /// # Errors
    /// When the machine does not allow it: no root, or a program is missing.
    pub fn new() -> Result<Lab> {
        Lab::with(Telling::Logs)
    }

    /// A lab that keeps its logs to itself.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn quiet() -> Result<Lab> {
        Lab::with(Telling::Nothing)
    }

    fn with(telling: Telling) -> Result<Lab> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep::check_ground()?;
        sweep::sweep();
        let mark = format!("{}{}-", sweep::MARK, std::process::id());
        let prefix = format!("{mark}{}-", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = TempDir::with_prefix(&mark).context("the lab needs a temporary folder")?;
        let memory =
            TempDir::with_prefix_in(&mark, sweep::memory()).context("the lab needs a folder in memory")?;
        Ok(Lab(Arc::new(Ground { prefix, folder, memory, namespaces: Mutex::default(), telling })))
    }

    /// A folder of this lab, made when it is first named.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        made(self.0.folder.path().join(name))
    }

    /// A folder of this lab in memory, as a router's tmpfs, made when it is first named.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder_in_memory(&self, name: &str) -> Result<PathBuf> {
        made(self.0.memory.path().join(name))
    }

    /// Writes a file of this lab.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.folder.path().join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A new namespace with nothing but a loopback.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn namespace(&self, name: &str) -> Result<Namespace> {
        let full = format!("{}{name}", self.0.prefix);
        call(Command::new("ip").args(["netns", "add", &full]))?;
        self.0.namespaces.lock().unwrap_or_else(PoisonError::into_inner).push(full.clone());
        let namespace = Namespace { full, lab: self.clone() };
        namespace.ip("link set dev lo up")?;
        Ok(namespace)
    }

    /// Joins two namespaces by a fibre, with an interface of the given name at each end.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn link(&self, near: (&Namespace, &str), far: (&Namespace, &str)) -> Result<Link> {
        let ((a, a_end), (b, b_end)) = (near, far);
        a.ip(&format!("link add name {a_end} type veth peer name {b_end} netns {}", b.full))?;
        a.ip(&format!("link set dev {a_end} up"))?;
        b.ip(&format!("link set dev {b_end} up"))?;
        Ok(Link { ends: [(a.clone(), a_end.to_owned()), (b.clone(), b_end.to_owned())] })
    }

    pub(crate) fn telling(&self) -> Telling {
        self.0.telling
    }
}

/// A router, a server, or whatever else has a network stack of its own.
#[derive(Debug, Clone)]
pub struct Namespace {
    full: String,
    lab: Lab,
}

impl Namespace {
    /// The lab that it is in.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    pub(crate) fn handle(&self) -> std::path::PathBuf {
        Path::new("/run/netns").join(&self.full)
    }

    /// Gives an interface an address, `10.0.0.1/30`.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn address(&self, interface: &str, address: Ipv4Addr, prefix: u8) -> Result<()> {
        self.ip(&format!("address add {address}/{prefix} dev {interface}"))
    }

    /// Sends what goes to `destination` (`default`, or a prefix) through `via`.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn route(&self, destination: &str, via: Ipv4Addr) -> Result<()> {
        self.ip(&format!("route add {destination} via {via}"))
    }

    /// Takes an interface down; the one at the other end goes dark. Routes through it are gone.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn shut(&self, interface: &str) -> Result<()> {
        self.ip(&format!("link set dev {interface} down"))
    }

    /// Takes an interface up again.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn open(&self, interface: &str) -> Result<()> {
        self.ip(&format!("link set dev {interface} up"))
    }

    /// Lets it pass packets on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forward(&self) -> Result<()> {
        self.run("sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]).map(drop)
    }

    /// A command that runs in here and dies with the thread that starts it, however that ends.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &self.full]).arg(program);
        command
    }

    /// Runs a command to its end and returns what it prints.
    ///
    /// # Errors
    /// When it cannot start or fails; the message holds what it wrote to stderr.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        call(self.command(program).args(args))
    }

    /// Starts a program that stays.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start(
        &self,
        name: &str,
        program: impl AsRef<std::ffi::OsStr>,
        with: impl FnOnce(&mut Command),
    ) -> Result<Process> {
        let mut command = self.command(program);
        with(&mut command);
        Process::start(&self.lab, name, command)
    }

    fn ip(&self, words: &str) -> Result<()> {
        call(Command::new("ip").args(["-n", &self.full]).args(words.split(' '))).map(drop)
    }
}

/// A fibre between two namespaces.
#[derive(Debug)]
pub struct Link {
    ends: [(Namespace, String); 2],
}

impl Link {
    /// Cuts it: every frame that arrives at either end is dropped.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub fn cut(&self) -> Result<()> {
        self.ends.iter().try_for_each(|(namespace, interface)| {
            let hook =
                format!(r#"{{ type filter hook ingress device "{interface}" priority -500; policy drop; }}"#);
            let rules =
                format!("add table netdev cut-{interface}; add chain netdev cut-{interface} every {hook}");
            namespace.run("nft", &[&rules]).map(drop)
        })
    }

    /// Mends what [`Link::cut`] cut.
    ///
    /// # Errors
    /// When `nft` refuses, as it does when the link is whole.
    pub fn mend(&self) -> Result<()> {
        self.ends.iter().try_for_each(|(namespace, interface)| {
            namespace.run("nft", &[&format!("delete table netdev cut-{interface}")]).map(drop)
        })
    }
}

/// Runs a command to its end; what it says goes into the error.
pub(crate) fn call(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed ({}): {}", output.status, told.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
