//! Parameters of a question. What is wrong with one is told by its name, and so is one that nobody knows.

use std::{collections::BTreeMap, str::FromStr};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use kentongan_model::time::Timestamp;

use crate::problem::Problem;

/// The longest period that may be asked for: ten years.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(3_660 * 86_400);

/// The piece of the path that names what is asked for.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::from_request_parts(parts, state).await;
        named.map(|Path(name)| Named(name)).map_err(|_| Problem::parameter("", "the path is no UTF-8"))
    }
}

/// What stands behind the `?`. Taken apart one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(crate) struct Params(BTreeMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query: Query<Vec<(String, String)>> = Query::try_from_uri(&parts.uri)
            .map_err(|_| Problem::parameter("", "the query cannot be read"))?;
        let mut params = BTreeMap::new();
        for (name, value) in query.0 {
            if params.insert(name.clone(), value).is_some() {
                return Err(Problem::parameter(&name, format!("'{name}' stands there twice")));
            }
        }
        Ok(Params(params))
    }
}

impl Params {
    /// A parameter of any type that is read from text; none when it is missing.
    pub(crate) fn take<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let value = self.0.remove(name);
        value
            .map(|text| text.parse().map_err(|e| Problem::parameter(name, format!("'{name}': {e}"))))
            .transpose()
    }

    /// A number between `least` and `most`.
    pub(crate) fn number(&mut self, name: &str, default: i64, least: i64, most: i64) -> Result<i64, Problem> {
        let number = self.take(name)?.unwrap_or(default);
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(Problem::parameter(name, format!("'{name}' is from {least} to {most}, not {number}")))
    }

    /// One word of a few, with what it stands for.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, means)| Some(*means)).ok_or_else(|| {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Problem::parameter(name, format!("'{name}' is one of {}, not '{text}'", list.join(", ")))
        })
    }

    /// A period [from, to): `to` is now and `from` lies `length_s` before it unless they are told. It is [`LONGEST`] long
    /// at most: of longer ones the hours of service alone would be millions.
    pub(crate) fn period(
        &mut self,
        now: Timestamp,
        length_s: u64,
    ) -> Result<(Timestamp, Timestamp), Problem> {
        let to = self.take("to")?.unwrap_or(now);
        let from = self.take("from")?.unwrap_or_else(|| to - std::time::Duration::from_secs(length_s));
        if from < to && to.since(from) <= LONGEST {
            return Ok((from, to));
        }
        if from < to {
            let days = LONGEST.as_secs() / 86_400;
            return Err(Problem::parameter("from", format!("'from' lies {days} days before 'to' at most")));
        }
        Err(Problem::parameter("from", format!("'from' ({from}) has to lie before 'to' ({to})")))
    }

    /// Nothing may be left.
    pub(crate) fn done(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Problem::parameter(&name, format!("'{name}' is no parameter here; see /openapi.json")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;

    /// The period that is asked for by the days with which it begins and ends, at an offset.
    fn asked(from: Date, to: Date, offset: &str) -> (Timestamp, Timestamp) {
        let day = |day: Date| format!("{day}T00:00:00%2B{offset}");
        let uri = format!("/api/v1/uptime?from={}&to={}", day(from), day(to)).parse().unwrap();
        let query: Query<BTreeMap<String, String>> = Query::try_from_uri(&uri).unwrap();
        Params(query.0).period(Timestamp::default(), 1).unwrap()
    }

    #[test]
    fn months_and_years_can_be_asked_for_as_they_begin_and_end_in_each_indonesian_zone() {
        for (zone, offset) in
            [("Asia/Jakarta", "07:00"), ("Asia/Makassar", "08:00"), ("Asia/Jayapura", "09:00")]
        {
            for (from, to) in [
                (date(2026, 10, 1), date(2026, 11, 1)),
                (date(2026, 12, 1), date(2027, 1, 1)),
                (date(2026, 1, 1), date(2027, 1, 1)),
                (date(2028, 2, 1), date(2028, 3, 1)),
            ] {
                let midnight = |day: Date| Timestamp::from(day.in_tz(zone).unwrap().timestamp());
                assert_eq!(asked(from, to, offset), (midnight(from), midnight(to)), "{from} to {to}, {zone}");
            }
        }
        let days = |(from, to): (Timestamp, Timestamp)| to.since(from).as_secs() / 86_400;
        assert_eq!(days(asked(date(2028, 2, 1), date(2028, 3, 1), "09:00")), 29);
    }
}
