//! Words that messages, the page and the log have in common: times, lengths of time, causes, and what an amendment says.
//!
//! One place, so that people who compare a message with the page read the same. Rule guarded here: Bahasa Indonesia as it
//! is written in an office, and English; the network's own time zone, never UTC.

mod amendments;
mod times;
mod unanswered;

pub use self::{
    amendments::{amendment, cause},
    times::{length, moment, moment_after, short_moment},
    unanswered::{Seen, unanswered},
};
