//! What is wrong with an inventory, and where: every fault of a file is told at once, so that it is mended in one go.
//!
//! Faults are collected in a [`FaultLog`] while the file is read. A fault that may merely follow from a syntax error
//! (a key is missing because its line could not be read) is told only when there is no syntax error.

use std::{cell::RefCell, fmt, io, ops::Range, path::PathBuf};

use super::limits::{MAX_FAULTS, MAX_SUGGESTIONS};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The bytes of the file that it is about; between characters, and inside the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// Everything that is wrong with a file, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The first [`MAX_FAULTS`] of them.
    pub list: Vec<Fault>,
    /// How many more there are.
    pub left_out: usize,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.list.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.left_out > 0 { write!(f, "\nand {} more", self.left_out) } else { Ok(()) }
    }
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read at all.
    #[error("cannot read the inventory {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was read, and is wrong.
    #[error("{faults}")]
    Faults {
        /// What was read, for showing the faults in their places.
        text: String,
        /// What is wrong with it.
        faults: Faults,
    },
}

/// Why a value cannot be taken; the reader knows where it stands.
#[derive(Debug)]
pub(super) struct Wrong {
    message: String,
    help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Wrong { message: message.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Wrong { help: Some(help.into()), ..self }
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Wrong { help, ..self }
    }

    /// The same about a key.
    pub(super) fn about(self, key: &str) -> Self {
        Wrong { message: format!("`{key}`: {}", self.message), ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Syntax,
    Content,
    /// Perhaps only a consequence of a syntax error.
    Consequence,
}

#[derive(Debug, Default)]
struct Found {
    list: Vec<(Class, Range<usize>, Wrong)>,
    left_out: usize,
    suggestions: usize,
}

/// Where the faults of one text are collected.
#[derive(Debug)]
pub(super) struct FaultLog<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    found: RefCell<Found>,
}

impl<'t> FaultLog<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        FaultLog { text, lines, found: RefCell::default() }
    }

    /// A fault of the TOML itself.
    pub(super) fn syntax(&self, span: Range<usize>, wrong: Wrong) {
        self.add(Class::Syntax, span, wrong);
    }

    /// A fault of what the TOML says.
    pub(super) fn add_wrong(&self, span: Range<usize>, wrong: Wrong) {
        self.add(Class::Content, span, wrong);
    }

    /// A fault that is none where a syntax error has hidden something.
    pub(super) fn add_lack(&self, span: Range<usize>, wrong: Wrong) {
        self.add(Class::Consequence, span, wrong);
    }

    fn add(&self, class: Class, span: Range<usize>, wrong: Wrong) {
        let mut found = self.found.borrow_mut();
        if found.list.len() < MAX_FAULTS {
            found.list.push((class, span, wrong));
        } else {
            found.left_out += 1;
        }
    }

    /// Whether another search for a similar name may be made.
    pub(super) fn may_suggest(&self) -> bool {
        let mut found = self.found.borrow_mut();
        found.suggestions += 1;
        found.suggestions <= MAX_SUGGESTIONS
    }

    /// The line of a place in the text, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at)
    }

    /// All that was found, in the order of the text; none when nothing was.
    pub(super) fn into_faults(self) -> Option<Faults> {
        let Found { list, left_out, .. } = self.found.take();
        let mut broken: Vec<usize> = Vec::new();
        broken.extend(list.iter().filter(|f| f.0 == Class::Syntax).map(|(_, span, _)| self.line(span.start)));
        broken.sort_unstable();
        let counts = |class: Class, span: &Range<usize>| match class {
            Class::Syntax => true,
            Class::Content => broken.binary_search(&self.line(span.start)).is_err(),
            Class::Consequence => broken.is_empty(),
        };
        let mut list: Vec<Fault> = list
            .into_iter()
            .filter(|(class, span, _)| counts(*class, span))
            .map(|(_, span, wrong)| self.fault(&span, wrong))
            .collect();
        list.sort_by(|a, b| {
            (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message))
        });
        list.dedup();
        (!list.is_empty()).then_some(Faults { list, left_out })
    }

    fn fault(&self, span: &Range<usize>, wrong: Wrong) -> Fault {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end.max(start));
        let line = self.line(start);
        let column = self.text[self.lines[line - 1]..start].chars().count() + 1;
        let Wrong { message, help } = wrong;
        Fault {
            line,
            column,
            span: start..end,
            message: one_line(&message),
            help: help.as_deref().map(one_line),
        }
    }
}

/// A message stays readable whatever was in the file: no control characters, and an end.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 400;
    let mut line = String::new();
    for c in message.chars().take(LONGEST) {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    if message.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_from_one() {
        let text = "a = 1\nnama = \"é€\" ]\n";
        let log = FaultLog::new(text);
        log.add_wrong(text.find(']').unwrap()..text.len(), Wrong::new("x"));
        log.add_wrong(text.len()..text.len(), Wrong::new("end"));
        let faults = log.into_faults().unwrap();
        let places: Vec<_> = faults.list.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(places, [(2, 13), (3, 1)]);
    }

    #[test]
    fn what_may_follow_from_a_syntax_error_is_not_told_beside_it() {
        let text = "a = ?\nb = 1\n";
        let log = FaultLog::new(text);
        log.add_lack(0..1, Wrong::new("missing"));
        log.add_wrong(4..5, Wrong::new("same line"));
        log.add_wrong(10..11, Wrong::new("other line"));
        log.syntax(4..5, Wrong::new("syntax"));
        let told: Vec<_> = log.into_faults().unwrap().list.into_iter().map(|f| f.message).collect();
        assert_eq!(told, ["syntax", "other line"]);
    }

    #[test]
    fn faults_beyond_the_limit_are_counted() {
        let log = FaultLog::new("x");
        (0..MAX_FAULTS + 5).for_each(|n| log.add_wrong(0..1, Wrong::new(n.to_string())));
        let faults = log.into_faults().unwrap();
        assert_eq!((faults.list.len(), faults.left_out), (MAX_FAULTS, 5));
        assert!(faults.to_string().ends_with("and 5 more"));
    }
}
