//! Points and their line protocol, on the way from [`points`](super::points) to the queue.
//!
//! The rule: what is written here is read back equal by every store that speaks the protocol, or it is not written and
//! counted. Stores differ in what they make of a backslash before a character that is escaped, so such tags are refused.

use std::fmt::Write as _;

use kentongan_model::time::Timestamp;

/// The longest value of a tag or a text, in bytes; a point with a longer tag is refused, a longer text field left out.
pub(crate) const MAX_TEXT_BYTES: usize = 1024;

/// The times that a store can hold: nanoseconds in 64 bits, here in milliseconds.
const TIMES: std::ops::RangeInclusive<i64> = -9_223_372_036_854..=9_223_372_036_854;

/// A measurement of one moment, as InfluxDB knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    measurement: &'static str,
    tags: Vec<(&'static str, String)>,
    fields: Vec<(&'static str, Value)>,
    at: Timestamp,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number with a fraction; not written when it is NaN or infinite.
    Float(f64),
    /// A whole number; not written beyond 64 bits with sign.
    Integer(i128),
    /// A word; not written when it holds control characters or is longer than 1,024 bytes.
    Text(String),
}

/// Why a point cannot be written as a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// None of its fields has a value that can be carried.
    #[error("no field is left")]
    NoField,
    /// The value of a tag would read back as another one, or break the line.
    #[error("the tag {tag} cannot hold {value:?}")]
    Tag {
        /// The tag.
        tag: &'static str,
        /// Its value.
        value: String,
    },
    /// The time lies outside of 1677 to 2262.
    #[error("the time {0} cannot be stored")]
    Time(Timestamp),
}

impl Point {
    /// A point of `measurement` without tags and fields. Names are those of [`names`](super::names): they need no
    /// escaping.
    #[must_use]
    pub fn new(measurement: &'static str, at: Timestamp) -> Self {
        Point { measurement, tags: Vec::new(), fields: Vec::new(), at }
    }

    /// Adds a tag; an empty value is no tag.
    #[must_use]
    pub fn tag(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.tags.push((key, value));
        }
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, key: &'static str, value: Value) -> Self {
        self.fields.push((key, value));
        self
    }

    /// Adds a field if there is a value for it.
    #[must_use]
    pub fn maybe(self, key: &'static str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }

    /// The measurement that it belongs to.
    #[must_use]
    pub fn measurement(&self) -> &'static str {
        self.measurement
    }

    /// When it was measured.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Its tags, in the order in which they were added.
    #[must_use]
    pub fn tags(&self) -> &[(&'static str, String)] {
        &self.tags
    }

    /// Its fields, in the order in which they were added.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, Value)] {
        &self.fields
    }

    /// Appends the point to `out` as one line with its line end, times in milliseconds; returns how many of its fields
    /// had to be left out. `out` stays as it was when the point cannot be written.
    ///
    /// # Errors
    /// When line protocol cannot carry it.
    pub fn write_line(&self, out: &mut String) -> Result<usize, Unwritable> {
        let start = out.len();
        self.try_write(out).inspect_err(|_| out.truncate(start))
    }

    fn try_write(&self, out: &mut String) -> Result<usize, Unwritable> {
        if !TIMES.contains(&self.at.as_millis()) {
            return Err(Unwritable::Time(self.at));
        }
        out.push_str(self.measurement);
        let mut tags: Vec<_> = self.tags.iter().collect();
        tags.sort_unstable();
        for (key, value) in tags {
            if !carries(value) {
                return Err(Unwritable::Tag { tag: key, value: value.clone() });
            }
            out.push(',');
            out.push_str(key);
            out.push('=');
            escape(value, &[',', '=', ' '], out);
        }
        let mut written = 0;
        for (key, value) in &self.fields {
            let before = out.len();
            out.push(if written == 0 { ' ' } else { ',' });
            out.push_str(key);
            out.push('=');
            if value.write(out) {
                written += 1;
            } else {
                out.truncate(before);
            }
        }
        if written == 0 {
            return Err(Unwritable::NoField);
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, " {}", self.at.as_millis());
        Ok(self.fields.len() - written)
    }
}

impl Value {
    /// Appends the value and tells whether it could be written.
    fn write(&self, out: &mut String) -> bool {
        match self {
            // The debug form is the shortest that reads back equal, with an exponent where it is long.
            Value::Float(number) if number.is_finite() => write!(out, "{number:?}").is_ok(),
            Value::Float(_) => false,
            Value::Integer(number) => i64::try_from(*number).is_ok() && write!(out, "{number}i").is_ok(),
            Value::Text(text) if text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control) => {
                out.push('"');
                escape(text, &['"', '\\'], out);
                out.push('"');
                true
            }
            Value::Text(_) => false,
        }
    }
}

/// Whether every store reads a tag of that value as it was meant: no control characters, and no backslash that stands at
/// the end or before a character that is escaped (or before another backslash).
fn carries(value: &str) -> bool {
    let mut after_backslash = false;
    for c in value.chars() {
        if c.is_control() || (after_backslash && matches!(c, ',' | '=' | ' ' | '\\')) {
            return false;
        }
        after_backslash = c == '\\';
    }
    !after_backslash && value.len() <= MAX_TEXT_BYTES
}

fn escape(text: &str, escaped: &[char], out: &mut String) {
    for c in text.chars() {
        if escaped.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}
