//! A program that runs in the lab: started with its log in a file, stopped as a person would or killed as a power cut
//! would, and gone when it is dropped.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Lab, wait};

/// What a process tells when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// The end of its log, to stderr, which test harnesses show when a test fails.
    Logs,
    /// Nothing.
    Nothing,
}

/// Lines of a log that are shown.
const TAIL: usize = 40;

/// A program that runs in the lab.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    telling: Telling,
    /// The lab lives as long as what runs in it.
    _lab: Lab,
}

impl Process {
    /// Starts a command; what it prints goes to a file named after it, behind what an earlier run of that name wrote.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start(lab: &Lab, name: &str, mut command: Command) -> Result<Process> {
        let log = lab.folder("logs")?.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Process { name: name.to_owned(), child, log, telling: lab.telling(), _lab: lab.clone() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, all runs of its name.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it at once, as a power cut would (SIGKILL). Its log is told by the next run of its name.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.telling = Telling::Nothing;
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    ///
    /// # Errors
    /// When it does not end within 20 seconds.
    pub fn interrupt(mut self) -> Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        self.ended(Duration::from_secs(20))
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let (name, child) = (&self.name, &mut self.child);
        wait::until(&format!("{name} to end"), within, || child.try_wait().map_err(Into::into))
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What the kernel tells of it in `/proc/<pid>/<file>`.
    ///
    /// # Errors
    /// When it has ended.
    pub fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.id());
        std::io::read_to_string(File::open(&path)?).with_context(|| format!("cannot read {path}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.telling == Telling::Logs {
            let log = self.log();
            let from = log.lines().count().saturating_sub(TAIL);
            eprintln!("---- the end of {}'s log", self.name);
            log.lines().skip(from).for_each(|line| eprintln!("{line}"));
        }
    }
}
