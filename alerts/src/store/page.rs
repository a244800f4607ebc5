//! One page of the feed, written as a whole: verdicts, messages that wait, and the cursor behind them.
//!
//! Until [`Page::commit`] nothing of it exists; after it all of it does. That is why a crash loses no message.

use std::collections::BTreeSet;

use kentongan_model::{
    event::{EventKind, IncidentRecord, SiteRef},
    time::Timestamp,
};
use rusqlite::{Transaction, params};

use super::{Counter, Limits, Store, StoreError, count};
use crate::{
    decide::{OutletId, Told},
    message::Message,
    reason::{GaveUp, Says, Topic, Why, Withheld},
};

/// How often the log is cut, in lines.
const CUT_EVERY: i64 = 500;

/// What an entry of the feed is about.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) event: i64,
    pub(crate) event_at: Timestamp,
    pub(crate) topic: Topic,
    /// The name of the site it is about.
    pub(crate) root: Option<&'a str>,
    pub(crate) incident: Option<&'a IncidentRecord>,
    /// Whose flapping it is about, and what is told of that.
    pub(crate) site: Option<(&'a SiteRef, &'a EventKind)>,
    /// What the log says of it besides.
    pub(crate) note: Option<String>,
}

/// What is written about it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    /// A message waits for the outlet.
    Queued(&'a OutletId, Why, &'a Message),
    /// The message stands in the program's log only: no channel is configured.
    Shown(Why, &'a Message),
    /// The outlet, or everybody, is not told.
    Withheld(Option<&'a OutletId>, Withheld),
}

pub(crate) struct Page<'a> {
    tx: Transaction<'a>,
    generation: i64,
    now: Timestamp,
    written: i64,
    limits: Limits,
}

impl Store {
    /// Begins a page.
    pub(crate) fn page(&mut self, generation: i64, now: Timestamp) -> Result<Page<'_>, StoreError> {
        let limits = self.limits;
        Ok(Page { tx: self.transaction()?, generation, now, written: 0, limits })
    }
}

impl Page<'_> {
    /// What was already said about an incident, earlier in this page included.
    pub(crate) fn told(&self, incident: i64) -> Result<Told, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "select says, outlet, fate, reason from notice where generation = ?1 and incident = ?2 order by id",
        )?;
        let mut rows = statement.query(params![self.generation, incident])?;
        let (mut opened, mut held) = (false, None);
        let mut heard = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let [says, outlet]: [Option<String>; 2] = [row.get(0)?, row.get(1)?];
            let [fate, reason]: [String; 2] = [row.get(2)?, row.get(3)?];
            match says.as_deref().and_then(Says::from_word) {
                Some(Says::Resolved) => return Ok(Told::Resolved),
                Some(Says::Opened) => {
                    opened = true;
                    if matches!(fate.as_str(), "queued" | "sent") {
                        heard.extend(outlet.map(OutletId::new));
                    }
                }
                _ => held = Withheld::from_word(&reason).filter(|reason| reason.may_pass()).or(held),
            }
        }
        Ok(match (opened, held) {
            (true, _) => Told::Opened { heard },
            (false, Some(reason)) => Told::Held(reason),
            (false, None) => Told::Nothing,
        })
    }

    /// What was said about the flapping of a site since it last was stable.
    pub(crate) fn told_flapping(&self, site: &str) -> Result<Told, StoreError> {
        let mut statement = self.tx.prepare_cached(
            "select outlet, fate from notice where generation = ?1 and site = ?2 and event =
               (select event from notice where generation = ?1 and site = ?2 order by id desc limit 1)
             and topic = 'flapping' and says = 'flapping'",
        )?;
        let mut rows = statement.query(params![self.generation, site])?;
        let (mut any, mut heard) = (false, BTreeSet::new());
        while let Some(row) = rows.next()? {
            let (outlet, fate): (Option<String>, String) = (row.get(0)?, row.get(1)?);
            any = true;
            if matches!(fate.as_str(), "queued" | "sent") {
                heard.extend(outlet.map(OutletId::new));
            }
        }
        Ok(if any { Told::Opened { heard } } else { Told::Nothing })
    }

    /// Writes a line. `says` is none where there was nothing to say to anybody.
    pub(crate) fn write(
        &mut self,
        about: &About<'_>,
        says: Option<Says>,
        line: Line<'_>,
    ) -> Result<(), StoreError> {
        let (outlet, fate, reason, message) = match line {
            Line::Queued(outlet, why, message) => (Some(outlet), "queued", why.word(), Some(message)),
            Line::Shown(why, message) => (None, "shown", why.word(), Some(message)),
            Line::Withheld(outlet, reason) => (outlet, "withheld", reason.word(), None),
        };
        let record = match (about.incident, about.site) {
            (Some(incident), _) => serde_json::to_string(incident).ok(),
            (None, Some((_, told))) => serde_json::to_string(told).ok(),
            (None, None) => None,
        };
        self.tx
            .prepare_cached(
                "insert into notice (generation, event, event_at, topic, incident, root, decided_at, outlet, fate,
                   reason, says, title, body, record, due_at, settled_at, site)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                self.generation,
                about.event,
                about.event_at.as_millis(),
                about.topic.word(),
                about.incident.map(|incident| incident.id),
                about.root,
                self.now.as_millis(),
                outlet.map(OutletId::as_str),
                fate,
                reason,
                says.map(Says::word),
                message.map(|message| &message.title),
                message.map(|message| &message.body).or(about.note.as_ref()),
                message.and(record),
                (fate == "queued").then_some(self.now.as_millis()),
                (fate != "queued").then_some(self.now.as_millis()),
                about.site.map(|(site, _)| &site.id),
            ])?;
        self.written += 1;
        if fate == "withheld" {
            count(&self.tx, Counter::Withheld, 1)?;
        }
        Ok(())
    }

    /// Puts the cursor behind the page and makes all of it last.
    pub(crate) fn commit(self, last: Option<(i64, Option<Timestamp>)>) -> Result<(), StoreError> {
        if let Some((event, at)) = last {
            self.tx.execute(
                "update feed set cursor = ?1, cursor_at = ?2",
                params![event, at.map(Timestamp::as_millis)],
            )?;
            self.keep_outbox_small()?;
            let newest = self.tx.last_insert_rowid();
            if newest / CUT_EVERY != (newest - self.written) / CUT_EVERY {
                cut_log(&self.tx, &self.limits)?;
            }
        }
        self.tx.commit()?;
        Ok(())
    }

    fn keep_outbox_small(&self) -> Result<(), StoreError> {
        let mut statement = self.tx.prepare_cached(
            "select outlet, count(*) - ?1 from notice where fate = 'queued' group by outlet having count(*) > ?1",
        )?;
        let full: Vec<(String, i64)> = statement
            .query_map([self.limits.queued], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (outlet, surplus) in full {
            let dropped = self.tx.execute(
                "update notice set fate = 'given_up', reason = ?1, settled_at = ?2 where id in
                   (select id from notice where outlet = ?3 and fate = 'queued' order by id limit ?4)",
                params![GaveUp::OutboxFull.word(), self.now.as_millis(), outlet, surplus],
            )?;
            count(&self.tx, Counter::OutboxFull, dropped)?;
            super::queue::withdraw_orphans(&self.tx, self.now)?;
        }
        Ok(())
    }
}

/// Cuts the log to its limits.
pub(super) fn cut_log(tx: &Transaction<'_>, limits: &Limits) -> Result<(), StoreError> {
    let states = tx.execute(
        "delete from notice where topic = 'site_state' and id <=
           (select id from notice where topic = 'site_state' order by id desc limit 1 offset ?1)",
        [limits.states],
    )?;
    let others = tx.execute(
        "delete from notice where topic <> 'site_state' and fate <> 'queued' and id <=
           (select id from notice where topic <> 'site_state' order by id desc limit 1 offset ?1)
         and not (says = 'opened' and not exists (select 1 from notice as later where
           later.generation = notice.generation and later.incident = notice.incident and later.topic = 'resolved'))
         and not (says = 'flapping' and not exists (select 1 from notice as later where
           later.generation = notice.generation and later.site = notice.site and later.id > notice.id))",
        [limits.logged],
    )?;
    count(tx, Counter::LogCut, states + others)?;
    Ok(())
}
