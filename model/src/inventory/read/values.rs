//! What a single TOML value may be: texts, numbers in a range, addresses, ids, words, secrets' places. Each reader says
//! what it expected, what it found, and, where it can guess, what to write instead.

use std::{net::IpAddr, ops::RangeInclusive, str::FromStr};

use toml::{Spanned, de::DeValue};

use super::suggest::did_you_mean;
use crate::{
    id::IdError,
    inventory::{fault::Wrong, limits::MAX_TEXT},
    secret::SecretSource,
};

/// "Expected this, found that".
pub(super) fn expected(what: &str, found: &DeValue<'_>) -> Wrong {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Wrong::new(format!("expected {what}, found {found}"))
}

pub(super) fn string<'v>(what: &str, value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| expected(what, value))
}

/// A text for people: not empty, one line, not endless.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = string("a text in quotes", value)?;
    if text.trim().is_empty() {
        return Err(Wrong::new("is empty").help("write a text, or leave the key out"));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::new("holds a line break or another control character"));
    }
    match text.chars().count() {
        0..=MAX_TEXT => Ok(text.to_owned()),
        long => Err(Wrong::new(format!("is {long} characters long, and at most {MAX_TEXT} are taken"))),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &DeValue<'_>) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| {
        let wrong = expected("true or false", value);
        if value.is_str() { wrong.help("write it without quotes") } else { wrong }
    })
}

/// A whole number in a range.
pub(super) fn whole(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Result<u64, Wrong> {
    move |value| {
        let number = value.as_integer().ok_or_else(|| expected("a whole number", value))?;
        let digits = number.as_str();
        let read = i128::from_str_radix(digits, number.radix()).ok().and_then(|n| u64::try_from(n).ok());
        read.filter(|n| range.contains(n)).ok_or_else(|| {
            Wrong::new(format!("{number} is not between {} and {}", range.start(), range.end()))
        })
    }
}

/// A number in a range, with or without decimals.
pub(super) fn number(range: RangeInclusive<f64>) -> impl Fn(&DeValue<'_>) -> Result<f64, Wrong> {
    move |value| {
        let read = match value {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            DeValue::Float(n) => n.as_str().parse().ok(),
            _ => return Err(expected("a number", value)),
        };
        read.filter(|n| range.contains(n)).ok_or_else(|| {
            let written = match value {
                DeValue::Float(n) => n.as_str(),
                _ => value.as_integer().map_or("", toml::de::DeInteger::as_str),
            };
            Wrong::new(format!("{written} is not between {} and {}", range.start(), range.end()))
        })
    }
}

/// A percentage above 0: one of 0 would call everything poor.
pub(super) fn positive_percent(value: &DeValue<'_>) -> Result<f64, Wrong> {
    above_zero(value, "0 percent would call every round poor", "write at least 1")
}

/// A percentage above 0: one of 0 would promise nothing.
pub(super) fn promised_percent(value: &DeValue<'_>) -> Result<f64, Wrong> {
    above_zero(value, "0 percent promises nothing", "write what the contract says, such as 99.5")
}

fn above_zero(value: &DeValue<'_>, wrong: &str, help: &str) -> Result<f64, Wrong> {
    number(0.0..=100.0)(value).and_then(|percent| match percent {
        0.0 => Err(Wrong::new(wrong).help(help)),
        _ => Ok(percent),
    })
}

/// An IPv4 or IPv6 address of one machine.
pub(super) fn address(value: &DeValue<'_>) -> Result<IpAddr, Wrong> {
    let text = string("an IP address in quotes", value)?;
    let Ok(address) = text.parse::<IpAddr>() else {
        let wrong =
            Wrong::new(format!("'{text}' is not an IPv4 or IPv6 address such as 10.33.0.1 or fd00::1"));
        let bare = text.trim().split('/').next().unwrap_or_default();
        let bare = if bare.parse::<std::net::Ipv6Addr>().is_ok() {
            bare
        } else {
            bare.split(':').next().unwrap_or(bare)
        };
        return Err(match text {
            _ if bare.parse::<IpAddr>().is_ok() => {
                wrong.help(format!("write \"{bare}\", without mask, port or blanks"))
            }
            _ if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.contains('.') => {
                wrong.help("names are not looked up, so that a fault of DNS never looks like one of the site")
            }
            _ => wrong,
        });
    };
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(Wrong::new(format!("{address} is not the address of one machine")));
    }
    Ok(address)
}

/// An id of any sort.
pub(super) fn id<T: FromStr<Err = IdError>>(value: &DeValue<'_>) -> Result<T, Wrong> {
    let text = string("an id in quotes", value)?;
    text.parse().map_err(|error: IdError| {
        let wrong = Wrong::new(error.to_string());
        match error {
            IdError::Character(_) => wrong.maybe_help(slug(text).map(|slug| format!("write \"{slug}\""))),
            IdError::Reserved(_) => {
                wrong.help("it names a place of its own in plans and logs; choose another")
            }
            _ => wrong,
        }
    })
}

/// The id that a name would make.
fn slug(text: &str) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let plain = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "-");
    let slug = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// A text that has a form of its own, such as a region's code.
pub(super) fn parsed<T: FromStr<Err: ToString>>(value: &DeValue<'_>) -> Result<T, Wrong> {
    let wrong = |value| expected("a text in quotes", value);
    let text = value.as_str().ok_or_else(|| match value {
        DeValue::Float(n) => wrong(value).help(format!("write it in quotes: \"{n}\"")),
        _ => wrong(value),
    })?;
    text.parse().map_err(|error: T::Err| Wrong::new(error.to_string()))
}

/// One word of a few.
pub(super) fn word<'w, T: Copy>(
    words: &'w [(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, Wrong> + 'w {
    let known = || words.iter().map(|(word, _)| *word);
    move |value| {
        let all = known().collect::<Vec<_>>().join(", ");
        let text = string(&format!("one of {all}, in quotes"), value)?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            Wrong::new(format!("'{text}' is none of {all}")).maybe_help(did_you_mean(text, known()))
        })
    }
}

/// Where a secret is kept. The secret itself is refused.
pub(super) fn secret(value: &DeValue<'_>) -> Result<SecretSource, Wrong> {
    const FORM: &str = "{ env = \"NAME\" } or { file = \"path\" }";
    let DeValue::Table(table) = value else {
        let wrong = match value {
            DeValue::String(_) => Wrong::new("a secret is never written in the inventory"),
            _ => expected(FORM, value),
        };
        return Err(wrong.help(format!("say where it is kept: {FORM}")));
    };
    let mut entries =
        table.iter().map(|(key, value): (&Spanned<_>, _)| (key.get_ref().as_ref(), value.get_ref().as_str()));
    match (entries.next(), entries.next()) {
        (Some(("env", Some(name))), None) if !name.is_empty() && !name.contains(['=', '\0']) => {
            Ok(SecretSource::Env(name.to_owned()))
        }
        (Some(("file", Some(path))), None) if !path.is_empty() && !path.contains('\0') => {
            Ok(SecretSource::File(path.into()))
        }
        _ => Err(Wrong::new("does not say where the secret is kept").help(format!("write {FORM}"))),
    }
}
