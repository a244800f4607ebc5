//! How a target is asked: `probe = "icmp"`, or a table that names one question with what belongs to it.

use std::ops::RangeInclusive;

use http::Uri;
use toml::{Spanned, de::DeValue};

use super::{
    table::Table,
    values::{expected, string, whole},
};
use crate::{
    inventory::fault::{FaultLog, Wrong},
    probe::{HttpProbe, Probe},
};

const FORMS: &str =
    "\"icmp\", { tcp = 443 }, { dns = \"www.go.id\" } or { http = \"http://…/\", status = 204 }";
const PORTS: RangeInclusive<u64> = 1..=65_535;
/// The UDP and TCP port of DNS (RFC 1035).
const DNS_PORT: u16 = 53;
/// Bytes of a URL.
const MAX_URL: usize = 1_000;

/// What the `probe` of a target says.
pub(super) fn read(target: &mut Table<'_>, log: &FaultLog<'_>) -> Option<Spanned<Probe>> {
    let value = target.value("probe")?;
    if let Some(word) = value.get_ref().as_str() {
        if word == "icmp" {
            return Some(Spanned::new(value.span(), Probe::Icmp));
        }
        let wrong = Wrong::new(format!("'{word}' is no probe")).help(format!("write {FORMS}"));
        log.add_wrong(value.span(), wrong.about("probe"));
        return None;
    }
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        log.add_wrong(value.span(), expected(FORMS, value.get_ref()).about("probe"));
        return None;
    }
    let mut table = Table::of(format!("`probe` of {}", target.title()), "probe", value, log)?;
    let asked = ["tcp", "dns", "http"].into_iter().filter(|key| table.value(key).is_some()).count();
    let probe = if asked == 1 {
        question(&mut table, log)
    } else {
        let what = if asked == 0 { "asks nothing" } else { "asks several things" };
        log.add_wrong(value.span(), Wrong::new(what).help(format!("write {FORMS}")).about("probe"));
        table.may_have(&["port", "status"]);
        None
    };
    table.finish();
    probe.map(|probe| Spanned::new(value.span(), probe))
}

fn question(table: &mut Table<'_>, log: &FaultLog<'_>) -> Option<Probe> {
    let tcp = table.optional("tcp", port).map(|port| Probe::Tcp { port: port.into_inner() });
    let name = table.optional("dns", name);
    let server = belongs(table, "port", "dns", log, port);
    let url = table.optional("http", url);
    let status = belongs(table, "status", "http", log, whole(200..=599));
    let dns =
        name.map(|name| Probe::Dns { port: server.map_or(DNS_PORT, |port| port), name: name.into_inner() });
    let http = url.map(|url| {
        let url = url.into_inner();
        Probe::Http(match status.and_then(|status| u16::try_from(status).ok()) {
            Some(status) => HttpProbe { status, ..url },
            None => url,
        })
    });
    tcp.or(dns).or(http)
}

/// A key that makes sense beside another one only.
fn belongs<T>(
    table: &mut Table<'_>,
    key: &'static str,
    beside: &'static str,
    log: &FaultLog<'_>,
    read: impl FnOnce(&DeValue<'_>) -> Result<T, Wrong>,
) -> Option<T> {
    let at = table.value(key)?.span();
    if table.value(beside).is_none() {
        let wrong = Wrong::new(format!("`{key}` belongs to a probe with `{beside}`"));
        log.add_wrong(at, wrong.help("take it out"));
        return None;
    }
    table.optional(key, read).map(Spanned::into_inner)
}

fn port(value: &DeValue<'_>) -> Result<u16, Wrong> {
    whole(PORTS)(value).map(|port| u16::try_from(port).unwrap_or(u16::MAX))
}

/// A name that is asked for: labels of letters, digits, hyphens and underscores (RFC 1035, RFC 2181).
fn name(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = string("a name in quotes", value)?;
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Ok(name.to_ascii_lowercase());
    }
    Err(Wrong::new(format!("'{text}' is not a name such as www.go.id"))
        .help("name what the resolver is to look up; the resolver's address is the target's `address`"))
}

/// What a URL says; the status is that of an ordinary page.
fn url(value: &DeValue<'_>) -> Result<HttpProbe, Wrong> {
    let text = string("a URL in quotes", value)?;
    let wrong =
        || Wrong::new(format!("'{text}' is not a URL such as http://cek.purworejokab.go.id/generate_204"));
    if text.len() > MAX_URL {
        return Err(Wrong::new(format!("is {} bytes long, and at most {MAX_URL} are taken", text.len())));
    }
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(wrong().help("begin it with http:// or https://")),
    };
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') {
        return Err(wrong().help("take out user and password: a secret is never written in the inventory"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(HttpProbe::usual_port(tls));
    if host.is_empty() || port == 0 {
        return Err(wrong());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(HttpProbe { tls, host, port, path, status: 200 })
}
