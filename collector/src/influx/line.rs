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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Point {
        Point::new("ping", Timestamp::from_millis(millis))
    }

    fn line(point: &Point) -> Result<(String, usize), Unwritable> {
        let mut out = String::from("before\n");
        let written = point.write_line(&mut out);
        let rest = out.strip_prefix("before\n").expect("what was there before stays").to_owned();
        assert_eq!(written.is_err(), rest.is_empty());
        written.map(|left_out| (rest, left_out))
    }

    #[test]
    fn a_point_is_one_line_with_sorted_tags_and_typed_fields() {
        let point = at(1_793_491_200_250)
            .tag("vantage", "core")
            .tag("link", r"ether1 - ke NOC, a=b\c")
            .tag("region", "")
            .field("loss", Value::Float(20.0))
            .field("small", Value::Float(5e-324))
            .field("sent", Value::Integer(-5))
            .field("state", Value::Text(r#"a "b" \"#.to_owned()));
        let expected = concat!(
            r"ping,link=ether1\ -\ ke\ NOC\,\ a\=b\c,vantage=core ",
            r#"loss=20.0,small=5e-324,sent=-5i,state="a \"b\" \\" 1793491200250"#,
            "\n"
        );
        assert_eq!(line(&point).unwrap(), (expected.to_owned(), 0));
    }

    #[test]
    fn fields_that_cannot_be_carried_are_left_out_and_counted() {
        let point = at(0)
            .field("a", Value::Float(f64::NAN))
            .field("b", Value::Integer(i128::from(i64::MAX) + 1))
            .field("c", Value::Integer(i64::MIN.into()))
            .field("d", Value::Float(f64::NEG_INFINITY))
            .field("e", Value::Text("dua\nbaris".to_owned()))
            .field("f", Value::Text("x".repeat(MAX_TEXT_BYTES + 1)));
        assert_eq!(line(&point).unwrap(), ("ping c=-9223372036854775808i 0\n".to_owned(), 5));
        assert_eq!(line(&at(0).field("a", Value::Float(f64::INFINITY))), Err(Unwritable::NoField));
        assert_eq!(line(&at(0)), Err(Unwritable::NoField));
    }

    #[test]
    fn tags_that_stores_would_read_otherwise_are_refused() {
        let tagged = |value: &str| line(&at(0).tag("link", value).field("sent", Value::Integer(1)));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        for bad in
            ["dua\nbaris", "a\rb", "a\tb", "\u{7f}", "ujung\\", r"a\,b", r"a\ b", r"a\=b", r"a\\b", &long]
        {
            assert!(matches!(tagged(bad), Err(Unwritable::Tag { tag: "link", .. })), "{bad:?} was written");
        }
        for good in [r"a\b", r"\a", "a,b c=d", "#a", "\"", "ꦏ", " ", &long[1..]] {
            assert!(tagged(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn times_that_no_store_holds_are_refused() {
        for (millis, held) in [
            (-9_223_372_036_854, true),
            (9_223_372_036_854, true),
            (-9_223_372_036_855, false),
            (9_223_372_036_855, false),
        ] {
            let written = line(&at(millis).field("sent", Value::Integer(1)));
            assert_eq!(written.is_ok(), held, "{millis}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_point_holds_it_is_one_line_or_none(
            tag in any::<String>(),
            text in any::<String>(),
            float in proptest::num::f64::ANY,
            millis in any::<i64>(),
        ) {
            let point = at(millis).tag("site", tag).field("loss", Value::Float(float)).field("state", Value::Text(text));
            if let Ok((line, _)) = line(&point) {
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert!(line.ends_with('\n') && !line.contains("NaN") && !line.contains("inf "));
            }
        }
    }
}
