//! The section `[influx]` of `kentongan.toml`: as it is written ([`InfluxConfig`]), and as the sink trusts it
//! ([`Destination`]).
//!
//! Checked before anything starts, all faults at once; the secrets themselves stay where they are kept.

use std::fmt;

use kentongan_model::secret::{Secret, SecretError, SecretSource};
use reqwest::Url;
use serde::Deserialize;

/// The section `[influx]`. `docs/influxdb.md` shows one for each kind of database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfluxConfig {
    /// Where the database listens, with a base path if it has one.
    pub url: String,
    /// Which of its ways of writing is used.
    #[serde(default)]
    pub api: Api,
    /// v2: the organisation; may be left out where the database has none.
    #[serde(default)]
    pub org: Option<String>,
    /// v2: the bucket.
    #[serde(default)]
    pub bucket: Option<String>,
    /// v1: the database.
    #[serde(default)]
    pub database: Option<String>,
    /// v1: the retention policy; the database's default one when missing.
    #[serde(default)]
    pub retention_policy: Option<String>,
    /// Where the token is kept.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// v1: the user, instead of a token.
    #[serde(default)]
    pub username: Option<String>,
    /// v1: where the user's password is kept.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// The most bytes that the queue on disk may take (the compressed points; the file is a little larger). At the
    /// limit the oldest points go and are counted.
    #[serde(default = "default_queue_bytes")]
    pub queue_bytes: u64,
    /// The most points in one request.
    #[serde(default = "default_batch_points")]
    pub batch_points: usize,
}

/// The two ways of writing to InfluxDB and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `/api/v2/write`: InfluxDB 1.8, 2, 3 and Cloud, VictoriaMetrics.
    #[default]
    V2,
    /// `/write`: InfluxDB 1.
    V1,
}

fn default_queue_bytes() -> u64 {
    256 << 20
}

fn default_batch_points() -> usize {
    2000
}

/// The least that the queue may be given: room for a few blocks.
const MIN_QUEUE_BYTES: u64 = 1 << 20;
/// The most points in one request; a line has about 150 bytes.
const MAX_BATCH_POINTS: usize = 20_000;

/// All that is wrong with the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<String>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigFaults {}

/// Where points go, checked: every request can be built of it.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// http or https with a host; no user, query or fragment; its path is `/` or a base path without a slash at its end.
    pub(super) base: Url,
    pub(super) place: Place,
    pub(super) login: Login,
}

/// What within the database is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Bucket { org: String, bucket: String },
    Database { name: String, retention_policy: Option<String> },
}

/// Who we are to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    Nobody,
    Token(SecretSource),
    User { name: String, password: Option<SecretSource> },
}

/// [`Login`] with its secrets fetched.
#[derive(Debug)]
pub(super) enum Credentials {
    Nobody,
    Token(Secret),
    User { name: String, password: Option<Secret> },
}

impl Login {
    /// Fetches the secrets.
    pub(super) fn read(&self) -> Result<Credentials, SecretError> {
        Ok(match self {
            Login::Nobody => Credentials::Nobody,
            Login::Token(source) => Credentials::Token(source.read()?),
            Login::User { name, password } => Credentials::User {
                name: name.clone(),
                password: password.as_ref().map(SecretSource::read).transpose()?,
            },
        })
    }
}

impl Destination {
    /// The address that points are posted to.
    pub(super) fn write_url(&self) -> Url {
        let mut url = self.base.clone();
        let (endpoint, query): (&str, Vec<(&str, &str)>) = match &self.place {
            Place::Bucket { org, bucket } => ("api/v2/write", vec![("org", org), ("bucket", bucket)]),
            Place::Database { name, retention_policy } => {
                let policy = retention_policy.as_deref().map(|policy| ("rp", policy));
                ("write", [("db", name.as_str())].into_iter().chain(policy).collect())
            }
        };
        url.set_path(&format!("{}/{endpoint}", self.base.path().trim_end_matches('/')));
        url.query_pairs_mut().extend_pairs(query).append_pair("precision", "ms");
        url
    }

    /// Whether the address has a path of its own, which the crate `influxdb2` would drop.
    pub(super) fn has_base_path(&self) -> bool {
        self.base.path() != "/"
    }
}

impl InfluxConfig {
    /// Checks the section as a whole.
    ///
    /// # Errors
    /// With every fault in it.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        self.clone().destination().map(|_| ())
    }

    pub(super) fn destination(self) -> Result<Destination, ConfigFaults> {
        let mut faults = Vec::new();
        let mut say = |fault: &str| faults.push(fault.to_owned());
        let base = parse_url(&self.url).map_err(|fault| say(&fault)).ok();
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());

        let place = match self.api {
            Api::V2 => {
                if self.database.is_some() || self.retention_policy.is_some() {
                    say("`database` and `retention_policy` belong to api = \"v1\"; v2 writes to a `bucket`");
                }
                if self.username.is_some() || self.password.is_some() {
                    say("`username` and `password` belong to api = \"v1\"; v2 takes a `token`");
                }
                let bucket = given(&self.bucket);
                if bucket.is_none() {
                    say("`bucket` is missing; say which bucket to write to");
                }
                bucket.map(|bucket| Place::Bucket { org: self.org.unwrap_or_default(), bucket })
            }
            Api::V1 => {
                if self.bucket.is_some() || self.org.is_some() {
                    say("`bucket` and `org` belong to api = \"v2\"; v1 writes to a `database`");
                }
                let name = given(&self.database);
                if name.is_none() {
                    say("`database` is missing; say which database to write to");
                }
                name.map(|name| Place::Database { name, retention_policy: given(&self.retention_policy) })
            }
        };
        if self.token.is_some() && self.username.is_some() {
            say("`token` and `username` exclude each other; give one of them");
        }
        if self.password.is_some() && self.username.is_none() {
            say("`password` needs a `username`");
        }
        if self.queue_bytes < MIN_QUEUE_BYTES || i64::try_from(self.queue_bytes).is_err() {
            say(&format!("`queue_bytes` has to be at least {MIN_QUEUE_BYTES} (1 MiB)"));
        }
        if !(1..=MAX_BATCH_POINTS).contains(&self.batch_points) {
            say(&format!("`batch_points` has to be from 1 to {MAX_BATCH_POINTS}"));
        }
        let login = match (self.token, self.username) {
            (Some(token), _) => Login::Token(token),
            (None, Some(name)) => Login::User { name, password: self.password },
            (None, None) => Login::Nobody,
        };
        match (base, place) {
            (Some(base), Some(place)) if faults.is_empty() => Ok(Destination { base, place, login }),
            _ => Err(ConfigFaults(faults)),
        }
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let like = "give one such as http://127.0.0.1:8086";
    let mut url = Url::parse(text).map_err(|e| format!("`url` is no address ({e}); {like}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`url` has to begin with http:// or https://; {like}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "`url` must not hold a user or password; use `token`, or `username` and `password`".to_owned()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`url` must not have a query or fragment; {like}"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> InfluxConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_address_keeps_its_base_path() {
        for (url, written) in [
            ("http://db:8086", "http://db:8086/api/v2/write?org=o&bucket=b%26c&precision=ms"),
            ("http://db:8086/", "http://db:8086/api/v2/write?org=o&bucket=b%26c&precision=ms"),
            ("https://db/influx/", "https://db/influx/api/v2/write?org=o&bucket=b%26c&precision=ms"),
        ] {
            let config = parse(&format!("url = '{url}'\norg = 'o'\nbucket = 'b&c'"));
            let destination = config.destination().unwrap();
            assert_eq!(destination.write_url().as_str(), written);
            assert_eq!(destination.has_base_path(), written.contains("/influx/"));
        }
        let v1 =
            parse("url = 'http://[::1]:8086/x'\napi = 'v1'\ndatabase = 'd e'\nretention_policy = 'setahun'");
        let url = v1.destination().unwrap().write_url();
        assert_eq!(url.as_str(), "http://[::1]:8086/x/write?db=d+e&rp=setahun&precision=ms");
    }

    #[test]
    fn every_fault_of_the_section_is_told_at_once() {
        let config = parse(
            "url = 'db:8086'\ndatabase = 'd'\nusername = 'u'\ntoken = { env = 'T' }\nqueue_bytes = 5\nbatch_points = 0",
        );
        let ConfigFaults(faults) = config.destination().unwrap_err();
        let starts =
            ["`url`", "`database`", "`username`", "`bucket`", "`token`", "`queue_bytes`", "`batch_points`"];
        assert_eq!(faults.len(), starts.len(), "{faults:#?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault} does not start with {start}");
        }
    }

    #[test]
    fn an_address_that_no_request_can_be_built_of_is_refused() {
        let bad = [
            "",
            "8086",
            "/3242/23",
            "ftp://db",
            "http://",
            "http://u:p@db",
            "http://db?x=1",
            "http://db#x",
            "db:1",
        ];
        for url in bad {
            let config = parse(&format!("url = '{url}'\nbucket = 'b'"));
            assert!(config.check().is_err(), "{url} was taken");
        }
    }

    #[test]
    fn a_misspelt_key_or_a_secret_written_out_is_refused() {
        for text in ["url = 'http://db'\nbuckt = 'b'", "url = 'http://db'\nbucket = 'b'\ntoken = 'abc'"] {
            assert!(toml::from_str::<InfluxConfig>(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn every_section_that_the_documentation_shows_is_valid() {
        let text = include_str!("../../../docs/influxdb.md");
        let blocks: Vec<_> =
            text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(blocks.len() >= 3);
        for block in blocks {
            #[derive(Deserialize)]
            struct File {
                influx: InfluxConfig,
            }
            let file: File = toml::from_str(block).unwrap_or_else(|e| panic!("{block}\n{e}"));
            file.influx.check().unwrap_or_else(|e| panic!("{block}\n{e}"));
        }
    }
}
