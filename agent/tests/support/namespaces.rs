//! Network namespaces for one test, made with `ip` and removed with it. Needs root.

#![allow(unreachable_pub, reason = "shared by test files")]

use std::{
    fs::File,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A namespace.
pub struct Namespace {
    name: String,
}

impl Namespace {
    pub fn new(role: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = Namespace { name: format!("ka{}-{number}-{role}", std::process::id()) };
        run(&["ip", "netns", "add", &namespace.name]);
        namespace.run("ip link set lo up");
        namespace
    }

    /// Runs a command in the namespace; it has to succeed.
    pub fn run(&self, command: &str) {
        let words: Vec<&str> =
            ["ip", "netns", "exec", &self.name].into_iter().chain(command.split(' ')).collect();
        run(&words);
    }

    /// A cable from here to there: `here` and `there` are names of interfaces.
    pub fn cable(&self, here: &str, other: &Namespace, there: &str) {
        let (own, others) = (&*self.name, &*other.name);
        run(&[
            "ip", "link", "add", "name", here, "netns", own, "type", "veth", "peer", "name", there, "netns",
            others,
        ]);
        self.run(&format!("ip link set dev {here} up"));
        other.run(&format!("ip link set dev {there} up"));
    }

    /// Runs `story` on a thread of its own in the namespace, with a tokio runtime on that thread.
    pub fn within<T: Send>(&self, story: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(story())
            });
            thread.join().unwrap()
        })
    }

    /// Moves this thread into the namespace.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap_or_else(|error| {
        panic!("{} is needed here ({error}): apt-get install iproute2 procps", words[0])
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{words:?}: {told}; these tests make network namespaces, run them as root"
    );
}
