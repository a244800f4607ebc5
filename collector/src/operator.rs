//! The operator's token: whoever shows it may change what the collector does (maintenance windows).
//!
//! The rule it guards: it is drawn at the first start, lies in the data folder for this user alone, and is compared in a
//! time that tells nothing. Another one is drawn when the file is deleted and the collector started anew.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::agents;

/// The file in the data folder.
pub const OPERATOR_TOKEN_FILE: &str = "operator.token";
/// Characters that a token has at least: a shorter one could be guessed.
const SHORTEST: usize = 16;

/// Who is let in.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    digest: [u8; 32],
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The file cannot be read or made.
    #[error("cannot use the operator's token in {path}; delete it to have another one drawn")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is in it is too short.
    #[error(
        "the operator's token in {path} has fewer than {SHORTEST} characters; delete it to have one drawn"
    )]
    Short {
        /// The file.
        path: PathBuf,
    },
    /// No token can be drawn.
    #[error("the system gives no random bytes for a token: {0}")]
    Random(getrandom::Error),
}

impl Operator {
    /// Reads the token of the data folder, or draws one.
    pub(crate) fn open(data: &Path) -> Result<Operator, OperatorError> {
        let path = data.join(OPERATOR_TOKEN_FILE);
        let file = |source| OperatorError::File { path: path.clone(), source };
        let token = match std::fs::read_to_string(&path) {
            Ok(token) => token,
            Err(error) if error.kind() == ErrorKind::NotFound => draw(&path)?,
            Err(source) => return Err(file(source)),
        };
        let token = token.trim();
        if token.len() < SHORTEST {
            return Err(OperatorError::Short { path });
        }
        Ok(Operator { digest: digest(token) })
    }

    /// Whether this is the token.
    pub(crate) fn admits(&self, token: &str) -> bool {
        digest(token).ct_eq(&self.digest).into()
    }
}

/// Draws a token and puts it in its place at once and whole: a start that is cut off leaves none or all of it.
fn draw(path: &Path) -> Result<String, OperatorError> {
    let file = |source| OperatorError::File { path: path.to_owned(), source };
    let token = agents::draw().map_err(OperatorError::Random)?;
    let unfinished = path.with_extension("token.new");
    let write = || {
        let mut out =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        writeln!(out, "{}", token.expose())?;
        out.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(file)?;
    Ok(token.expose().to_owned())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_drawn_once_for_this_user_alone_and_opens_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let operator = Operator::open(dir.path()).unwrap();
        let path = dir.path().join(OPERATOR_TOKEN_FILE);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let token = std::fs::read_to_string(&path).unwrap();
        let again = Operator::open(dir.path()).unwrap();
        for operator in [operator, again] {
            assert!(operator.admits(token.trim()) && !operator.admits("") && !operator.admits(&token[1..]));
        }
        std::fs::write(&path, "rahasia\n").unwrap();
        assert!(matches!(Operator::open(dir.path()), Err(OperatorError::Short { .. })));
    }
}
