//! Where a page of the feed becomes verdicts and messages: each entry is decided, worded and written, in order.
//!
//! All of a page is one transaction together with the cursor; nothing is sent from here.

use kentongan_model::{
    event::{Event, EventKind, IncidentRecord},
    time::Timestamp,
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
        let (about, told) = match subject(event) {
            Subject::Site(name) => (about(event, Topic::SiteState, name, None), Told::Nothing),
            Subject::Incident(topic, incident) => {
                (about(event, topic, &incident.root.name, Some(incident)), page.told(incident.id)?)
            }
        };
        let (says, why, to) = match decide(event, &told, settings) {
            Decision::Withhold(reason) => {
                page.write(&about, None, Line::Withheld(None, reason))?;
                return Ok(None);
            }
            Decision::Tell { says, why, to } => (says, why, to),
        };
        let Some(incident) = about.incident else { return Ok(None) };
        let message = self.wording.message(says, incident);
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
}

enum Subject<'a> {
    Site(&'a str),
    Incident(Topic, &'a IncidentRecord),
}

fn subject(event: &Event) -> Subject<'_> {
    match &event.kind {
        EventKind::SiteState { site, .. }
        | EventKind::SiteFlapping { site, .. }
        | EventKind::SiteSteady { site, .. } => Subject::Site(&site.name),
        EventKind::IncidentOpened { incident } => Subject::Incident(Topic::Opened, incident),
        EventKind::IncidentAmended { incident } => Subject::Incident(Topic::Amended, incident),
        EventKind::IncidentResolved { incident } => Subject::Incident(Topic::Resolved, incident),
    }
}

fn about<'a>(event: &Event, topic: Topic, root: &'a str, incident: Option<&'a IncidentRecord>) -> About<'a> {
    About { event: event.id, event_at: event.at, topic, root: Some(root), incident }
}
