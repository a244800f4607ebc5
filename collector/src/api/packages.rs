//! Packages of the agent, and the script that installs one: what the one command of `kentongan agent add` asks for.
//!
//! The rule it guards: of one folder, files by their plain name and nothing else. They are sent piece by piece, so that
//! many routers at once take no more memory than few.

use std::{path::Path, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::params::Named;
use crate::{problem::Problem, station::Station};

/// The script, which brings nothing of this collector but what it is told on its command line.
const INSTALL: &str = include_str!("../../../deploy/install.sh");

/// The script that installs an agent
///
/// POSIX sh, for OpenWrt and Debian: `wget -qO- <url>/install | sh -s -- <url> <code>`.
#[utoipa::path(get, path = "/install", tag = "agents", responses((status = 200, content_type = "text/x-shellscript")))]
pub(super) async fn install() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/x-shellscript; charset=utf-8")], INSTALL)
}

/// A package of the agent
///
/// A file of the folder `packages`, in which `SHA256SUMS` lists the others.
#[utoipa::path(get, path = "/packages/{file}", tag = "agents",
    params(("file" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream"),
        (status = 404, description = "There is no such file", body = Problem)))]
pub(super) async fn package(
    State(station): State<Arc<Station>>,
    Named(file): Named,
) -> Result<Response, Problem> {
    let missing = || {
        Problem::not_found(
            "the collector's folder of packages has no such file; `make packages` fills it, and `packages` in \
             kentongan.toml names it",
        )
    };
    let opened = open(&station.config.packages, &file).await.ok_or_else(missing)?;
    let length = opened.metadata().await.map_err(|_| missing())?.len();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(opened))).into_response())
}

/// The file of that name; none when the name is not a plain one, or it is no file.
async fn open(folder: &Path, name: &str) -> Option<File> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '~');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return None;
    }
    let path = folder.join(name);
    let kind = tokio::fs::symlink_metadata(&path).await.ok()?.file_type();
    if kind.is_file() { File::open(path).await.ok() } else { None }
}
