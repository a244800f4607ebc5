//! Names that must lead somewhere: noted while the file is read, settled when all of it is known, so that the order of
//! the entries in the file never matters.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use toml::Spanned;

use super::{circles::circles, suggest::did_you_mean};
use crate::{
    id::{CredentialId, SiteId},
    inventory::fault::{FaultLog, Wrong},
};

/// Whom a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Site,
    /// An upstream of the site at this place in the file.
    Upstream(usize),
    /// A site, or the core.
    Observer,
    Credential,
    Provider,
}

#[derive(Debug)]
struct Promise {
    key: &'static str,
    name: String,
    span: Range<usize>,
    wanted: Wanted,
}

/// A site as others may name it; faulty ones are known too, so that one fault does not look like many.
#[derive(Debug)]
struct Known {
    place: usize,
    at: Range<usize>,
}

/// Every name of a file that was given or used.
#[derive(Debug, Default)]
pub(super) struct Promises {
    sites: HashMap<String, Known>,
    credentials: BTreeSet<String>,
    providers: BTreeSet<String>,
    /// Where the first contract of each provider stands.
    contracts: HashMap<String, Range<usize>>,
    /// Names of sites by their place in the file.
    names: Vec<String>,
    open: Vec<Promise>,
}

impl Promises {
    /// Makes a site known. An id that is already taken is a fault.
    pub(super) fn site(&mut self, id: Option<Spanned<String>>, log: &FaultLog<'_>) {
        let place = self.names.len();
        self.names.push(id.as_ref().map(|id| id.get_ref().clone()).unwrap_or_default());
        let Some(id) = id else { return };
        let (at, id) = (id.span(), id.into_inner());
        match self.sites.get(&id) {
            Some(first) => {
                let line = log.line(first.at.start);
                let wrong = Wrong::new(format!("the id '{id}' is taken: it was first used in line {line}"));
                log.add_wrong(at, wrong.help("each site has an id of its own").about("id"));
            }
            None => drop(self.sites.insert(id, Known { place, at })),
        }
    }

    /// The place that the next site will have.
    pub(super) fn next_place(&self) -> usize {
        self.names.len()
    }

    pub(super) fn credential(&mut self, name: &str) {
        self.credentials.insert(name.to_owned());
    }

    /// Makes the provider of a site known.
    pub(super) fn provider(&mut self, name: &str) {
        if !self.providers.contains(name) {
            self.providers.insert(name.to_owned());
        }
    }

    /// A contract of a provider, who must be known in the end. A second one is a fault.
    pub(super) fn contract(&mut self, provider: &Spanned<String>, log: &FaultLog<'_>) {
        let name = provider.get_ref();
        match self.contracts.get(name) {
            Some(first) => {
                let line = log.line(first.start);
                let wrong = Wrong::new(format!("'{name}' has a contract already, in line {line}"));
                log.add_wrong(provider.span(), wrong.help("each provider has one at most").about("provider"));
            }
            None => drop(self.contracts.insert(name.clone(), provider.span())),
        }
        self.note("provider", name, provider.span(), Wanted::Provider);
    }

    pub(super) fn upstream_of(&mut self, place: usize, id: &Spanned<SiteId>) {
        self.note("upstream", id.get_ref().as_str(), id.span(), Wanted::Upstream(place));
    }

    pub(super) fn wants_site(&mut self, key: &'static str, id: &Spanned<SiteId>) {
        self.note(key, id.get_ref().as_str(), id.span(), Wanted::Site);
    }

    pub(super) fn wants_observer(&mut self, key: &'static str, id: &SiteId, span: Range<usize>) {
        self.note(key, id.as_str(), span, Wanted::Observer);
    }

    pub(super) fn wants_credential(&mut self, key: &'static str, id: &Spanned<CredentialId>) {
        self.note(key, id.get_ref().as_str(), id.span(), Wanted::Credential);
    }

    fn note(&mut self, key: &'static str, name: &str, span: Range<usize>, wanted: Wanted) {
        self.open.push(Promise { key, name: name.to_owned(), span, wanted });
    }

    /// Tells of every name that leads nowhere, and of every circle of upstreams.
    pub(super) fn settle(self, log: &FaultLog<'_>) {
        let mut upstreams: Vec<Vec<(usize, Range<usize>)>> = vec![Vec::new(); self.names.len()];
        for promise in &self.open {
            let known = self.sites.get(&promise.name);
            match (promise.wanted, known) {
                (Wanted::Credential, _) if self.credentials.contains(&promise.name) => {}
                (Wanted::Provider, _) if self.providers.contains(&promise.name) => {}
                (Wanted::Site | Wanted::Observer, Some(_)) => {}
                (Wanted::Upstream(of), Some(known)) if known.place == of => {
                    let wrong = Wrong::new(format!("'{}' cannot be its own upstream", promise.name));
                    log.add_wrong(
                        promise.span.clone(),
                        wrong.help("name the site through which it reaches the core"),
                    );
                }
                (Wanted::Upstream(of), Some(known)) => {
                    upstreams[of].push((known.place, promise.span.clone()));
                }
                (_, _) => self.dangling(promise, log),
            }
        }
        self.tell_circles(&upstreams, log);
    }

    fn dangling(&self, promise: &Promise, log: &FaultLog<'_>) {
        let Promise { key, name, span, wanted } = promise;
        let (message, help) = match wanted {
            Wanted::Credential => (format!("there is no [snmp.{name}]"), "add it, or take `snmp` out"),
            Wanted::Provider => {
                (format!("no site has the provider '{name}'"), "providers are written as sites name them")
            }
            _ => (format!("no site has the id '{name}'"), "ids are case-sensitive; names do not count"),
        };
        let meant = log.may_suggest().then(|| match wanted {
            Wanted::Credential => did_you_mean(name, self.credentials.iter().map(String::as_str)),
            Wanted::Provider => did_you_mean(name, self.providers.iter().map(String::as_str)),
            Wanted::Observer => did_you_mean(name, self.sites.keys().map(String::as_str).chain(["core"])),
            _ => did_you_mean(name, self.sites.keys().map(String::as_str)),
        });
        let help = meant.flatten().unwrap_or_else(|| help.to_owned());
        log.add_lack(span.clone(), Wrong::new(message).help(help).about(key));
    }

    fn tell_circles(&self, upstreams: &[Vec<(usize, Range<usize>)>], log: &FaultLog<'_>) {
        const SHOWN: usize = 8;
        let edges: Vec<Vec<usize>> =
            upstreams.iter().map(|list| list.iter().map(|(place, _)| *place).collect()).collect();
        for circle in circles(&edges) {
            let (first, next) = (circle[0], circle[1 % circle.len()]);
            let Some((_, span)) = upstreams[first].iter().find(|(place, _)| *place == next) else { continue };
            let mut round: Vec<&str> =
                circle.iter().take(SHOWN).map(|place| self.names[*place].as_str()).collect();
            if circle.len() > SHOWN {
                round.push("…");
            }
            round.push(&self.names[first]);
            let wrong = Wrong::new(format!("upstreams go round in a circle: {}", round.join(" → ")));
            log.add_wrong(span.clone(), wrong.help("upstreams lead towards the core; take one of these out"));
        }
    }
}
