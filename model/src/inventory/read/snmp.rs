//! The `[snmp.<name>]` tables: each version of SNMP with exactly the keys that it has.

use toml::{Spanned, de::DeValue};

use super::{
    table::Table,
    values::{expected, secret, text, word},
};
use crate::{
    inventory::{
        Credential,
        fault::{FaultLog, Wrong},
    },
    plan::{AuthProtocol, PrivacyProtocol},
    secret::SecretSource,
};

const AUTH: &[(&str, AuthProtocol)] = &[
    ("md5", AuthProtocol::Md5),
    ("sha1", AuthProtocol::Sha1),
    ("sha224", AuthProtocol::Sha224),
    ("sha256", AuthProtocol::Sha256),
    ("sha384", AuthProtocol::Sha384),
    ("sha512", AuthProtocol::Sha512),
];

const PRIVACY: &[(&str, PrivacyProtocol)] = &[
    ("des", PrivacyProtocol::Des),
    ("aes128", PrivacyProtocol::Aes128),
    ("aes192", PrivacyProtocol::Aes192),
    ("aes256", PrivacyProtocol::Aes256),
];

#[derive(Clone, Copy)]
enum Version {
    V1,
    V2c,
    V3,
}

/// Reads one credential.
pub(super) fn read(mut table: Table<'_>, log: &FaultLog<'_>) -> Option<Credential> {
    let credential = match table.required("version", "version = \"2c\"", version).map(Spanned::into_inner) {
        None => {
            table.may_have(&["community", "user", "auth", "privacy"]);
            None
        }
        Some(Version::V3) => user(&mut table, log),
        Some(older) => {
            let community = table.required("community", "community = { env = \"NAME\" }", secret);
            refuse(&mut table, &["user", "auth", "privacy"], "SNMP v3 only", log);
            community.map(|community| Credential::Community {
                v1: matches!(older, Version::V1),
                community: community.into_inner(),
            })
        }
    };
    table.finish();
    credential
}

fn version(value: &DeValue<'_>) -> Result<Version, Wrong> {
    if let DeValue::Integer(n) = value {
        let meant = if n.as_str() == "2" { "2c" } else { n.as_str() };
        return Err(expected("1, 2c or 3 in quotes", value).help(format!("write \"{meant}\"")));
    }
    word(&[("1", Version::V1), ("2c", Version::V2c), ("3", Version::V3)])(value)
}

fn user(table: &mut Table<'_>, log: &FaultLog<'_>) -> Option<Credential> {
    refuse(table, &["community"], "SNMP v1 and v2c only", log);
    let user = table.required("user", "user = \"kentongan\"", text);
    let auth = protocol(table, "auth", AUTH);
    let privacy_at = table.value("privacy").map(Spanned::span);
    let privacy = protocol(table, "privacy", PRIVACY);
    if let (None, Some(at)) = (table.value("auth"), privacy_at) {
        let wrong = Wrong::new("there is no privacy without authentication (RFC 3414)").about("privacy");
        log.add_lack(at, wrong.help("add auth = { protocol = \"sha256\", password = { env = \"NAME\" } }"));
    }
    Some(Credential::User { user: user?.into_inner(), auth, privacy })
}

/// `{ protocol = "…", password = { … } }`.
fn protocol<P: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    protocols: &[(&'static str, P)],
) -> Option<(P, SecretSource)> {
    let title = format!("`{key}` of {}", table.title());
    let mut table = table.table(key, title)?;
    let example =
        format!("protocol = \"{}\"", protocols.get(3).or(protocols.last()).map_or("", |(word, _)| word));
    let protocol = table.required("protocol", &example, word(protocols));
    let password = table.required("password", "password = { env = \"NAME\" }", secret);
    table.finish();
    Some((protocol?.into_inner(), password?.into_inner()))
}

/// Keys that another version has.
fn refuse(table: &mut Table<'_>, keys: &[&'static str], whose: &str, log: &FaultLog<'_>) {
    for key in keys {
        if let Some(value) = table.value(key) {
            log.add_wrong(
                value.span(),
                Wrong::new(format!("`{key}` belongs to {whose}")).help("take it out"),
            );
        }
    }
}
