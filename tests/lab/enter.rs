//! Reaching into a namespace from the test itself: sockets belong to the namespace of the thread that makes them.

use std::{fs::File, os::fd::AsFd, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::de::DeserializeOwned;

use crate::Namespace;

/// How long a request may take. Long polls are not asked from here.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an HTTP server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body, read as JSON, of an answer that says 200.
    ///
    /// # Errors
    /// When the status is another or the body is something else; the message shows both.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        ensure!(self.status == 200, "answered {}: {}", self.status, self.text);
        serde_json::from_str(&self.text).with_context(|| format!("answered {}", self.text))
    }
}

impl Namespace {
    /// Does something on a thread of its own that is in here. Sockets that it makes stay in here and may be kept.
    ///
    /// # Errors
    /// When the namespace is gone.
    ///
    /// # Panics
    /// When the work does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = File::open(self.handle())?;
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Asks an HTTP server that can be reached from here.
    ///
    /// # Errors
    /// When none answers.
    pub fn get(&self, url: &str) -> Result<Answer> {
        self.enter(|| fetch(url))?.with_context(|| format!("GET {url}"))
    }
}

fn fetch(url: &str) -> Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let response = client.get(url).send().await?;
        let status = response.status().as_u16();
        Ok(Answer { status, text: response.text().await? })
    })
}
