//! Where a page of the feed becomes verdicts and messages: each entry is decided, worded and written, in order.
//!
//! All of a page is one transaction together with the cursor; nothing is sent from here.

use kentongan_model::{
    event::{Event, EventKind, IncidentRecord, SiteRef},
    inventory::Language,
    time::Timestamp,
    wording,
};

use crate::{
    decide::{Decision, Listener, Settings, Told, decide},
    feed::FeedEntry,
    message::{Message, Wording},
    reason::{Topic, Withheld},
    store::{About, Cursor, Line, Page, Store, StoreError},
};

/// What the desk needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) wording: Wording,
}

impl Desk {
    /// Handles the entries that lie behind the cursor, and returns the messages that they gave rise to.
    pub(crate) fn handle(
        &self,
        store: &mut Store,
        cursor: &Cursor,
        entries: &[FeedEntry],
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let settings = Settings { listeners: self.listeners.clone(), history_before: cursor.history_before };
        let mut page = store.page(cursor.generation, now)?;
        let mut messages = Vec::new();
        let mut last = None;
        for entry in entries {
            // A repeated entry, or one out of order, was handled before.
            if entry.id() <= last.map_or(cursor.after, |(id, _)| id) {
                continue;
            }
            match entry {
                FeedEntry::Event(event) => messages.extend(self.one(&mut page, event, &settings)?),
                FeedEntry::Unreadable { id, fault } => {
                    tracing::error!(
                        event = id,
                        "an entry of the feed cannot be read and is passed over: {fault}"
                    );
                    let about = About {
                        event: *id,
                        event_at: now,
                        topic: Topic::Unreadable,
                        root: None,
                        incident: None,
                        site: None,
                        note: None,
                    };
                    page.write(&about, None, Line::Withheld(None, Withheld::Unreadable))?;
                }
            }
            last = Some((entry.id(), entry.at()));
        }
        page.commit(last)?;
        Ok(messages)
    }

    fn one(
        &self,
        page: &mut Page<'_>,
        event: &Event,
        settings: &Settings,
    ) -> Result<Option<Message>, StoreError> {
        let (about, told) = match &event.kind {
            EventKind::SiteState { site, .. } => (about(event, Topic::SiteState, site), Told::Nothing),
            EventKind::IncidentOpened { incident } => {
                self.about_incident(page, event, Topic::Opened, incident)?
            }
            EventKind::IncidentAmended { incident } => {
                self.about_incident(page, event, Topic::Amended, incident)?
            }
            EventKind::IncidentResolved { incident } => {
                self.about_incident(page, event, Topic::Resolved, incident)?
            }
            EventKind::SiteFlapping { site, .. } => (of_site(event, Topic::Flapping, site), Told::Nothing),
            EventKind::SiteSteady { site, incident: Some(incident), .. } => {
                let about = About { incident: Some(incident), ..of_site(event, Topic::Steady, site) };
                (about, page.told(incident.id)?)
            }
            EventKind::SiteSteady { site, incident: None, .. } => {
                (of_site(event, Topic::Steady, site), page.told_flapping(&site.id)?)
            }
        };
        let (says, why, to) = match decide(event, &told, settings) {
            Decision::Withhold(reason) => {
                page.write(&about, None, Line::Withheld(None, reason))?;
                return Ok(None);
            }
            Decision::Tell { says, why, to } => (says, why, to),
        };
        let message = self.wording.of(says, &event.kind);
        if to.is_empty() {
            page.write(&about, Some(says), Line::Shown(why, &message))?;
        }
        for (outlet, verdict) in &to {
            let line = match verdict {
                Ok(()) => Line::Queued(outlet, why, &message),
                Err(reason) => Line::Withheld(Some(outlet), *reason),
            };
            page.write(&about, Some(says), line)?;
        }
        Ok(Some(message))
    }

    fn about_incident<'a>(
        &self,
        page: &Page<'_>,
        event: &Event,
        topic: Topic,
        incident: &'a IncidentRecord,
    ) -> Result<(About<'a>, Told), StoreError> {
        // The log is read by whoever runs the program, in the language of all its lines.
        let said = |amendment| wording::amendment(amendment, &self.wording.timezone, Language::En);
        let note = incident.amendments.last().filter(|_| topic == Topic::Amended).map(said);
        let about = About { incident: Some(incident), note, ..about(event, topic, &incident.root) };
        Ok((about, page.told(incident.id)?))
    }
}

/// An entry about a site, as the log shows it.
fn about<'a>(event: &Event, topic: Topic, site: &'a SiteRef) -> About<'a> {
    let root = Some(site.name.as_str());
    About { event: event.id, event_at: event.at, topic, root, incident: None, site: None, note: None }
}

/// An entry about the flapping of a site.
fn of_site<'a>(event: &'a Event, topic: Topic, site: &'a SiteRef) -> About<'a> {
    About { site: Some((site, &event.kind)), ..about(event, topic, site) }
}
