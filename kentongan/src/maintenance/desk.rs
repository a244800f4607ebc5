//! Asking a collector about maintenance: where it is, by what right, and what it answers.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use kentongan_collector::OPERATOR_TOKEN_FILE;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::{running::reachable, settings::Settings};

/// Whom to ask, and by what right.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// Where the collector listens (default: as the settings say)
    #[arg(long, env = "KENTONGAN_URL")]
    url: Option<String>,
    /// The operator's token (default: operator.token in the data folder)
    #[arg(long, env = "KENTONGAN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
    /// The collector's data folder
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum MaintenanceError {
    #[error("no collector answers at {url}; start one, or name another with --url")]
    Unreachable { url: String, source: reqwest::Error },
    #[error(
        "cannot read the operator's token {path}; run this as the collector's user or name it with --token-file"
    )]
    Token { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no token: it is one word in a file of its own, operator.token in the data folder")]
    NoToken { path: PathBuf },
    #[error("{url} answers, but not as a collector of this version does")]
    Foreign { url: String, source: serde_json::Error },
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Settings(#[from] crate::settings::SettingsError),
    #[error("cannot prepare a request")]
    Prepare { source: std::io::Error },
}

/// The part of a problem that people read.
#[derive(Debug, Deserialize)]
struct Problem {
    title: String,
    detail: String,
}

/// Whether a request needs the operator's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Anyone,
    Operator,
}

/// A collector that is asked.
#[derive(Debug)]
pub(super) struct Desk {
    url: String,
    token_file: PathBuf,
}

impl Whom {
    pub(super) fn desk(&self) -> Result<Desk, MaintenanceError> {
        let settings = Settings::read(self.config.as_deref())?.collector;
        let data = self.data.clone().unwrap_or(settings.data);
        let token_file = self.token_file.clone().unwrap_or_else(|| data.join(OPERATOR_TOKEN_FILE));
        let here = |listen: SocketAddr| format!("http://{}", reachable(listen));
        let url = self.url.clone().unwrap_or_else(|| here(settings.listen));
        Ok(Desk { url: url.trim_end_matches('/').to_owned(), token_file })
    }
}

impl Desk {
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
        right: Right,
    ) -> Result<(StatusCode, String), MaintenanceError> {
        let unreachable = |source| MaintenanceError::Unreachable { url: self.url.clone(), source };
        let client =
            reqwest::Client::builder().timeout(Duration::from_secs(20)).build().map_err(unreachable)?;
        let mut request =
            client.request(method, format!("{}/api/v1/maintenance{path}", self.url)).query(query);
        if right == Right::Operator {
            let token = std::fs::read_to_string(&self.token_file)
                .map_err(|source| MaintenanceError::Token { path: self.token_file.clone(), source })?;
            let token = token.trim();
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(MaintenanceError::NoToken { path: self.token_file.clone() });
            }
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok((status, body));
        }
        Err(MaintenanceError::Refused(match serde_json::from_str::<Problem>(&body) {
            Ok(problem) if status == StatusCode::UNAUTHORIZED => {
                format!(
                    "{}: {} is not the token of the collector at {}",
                    problem.title,
                    self.token_file.display(),
                    self.url
                )
            }
            Ok(problem) => problem.detail,
            Err(_) => format!("the collector at {} answered {status}", self.url),
        }))
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, body: &str) -> Result<T, MaintenanceError> {
        serde_json::from_str(body)
            .map_err(|source| MaintenanceError::Foreign { url: self.url.clone(), source })
    }
}
