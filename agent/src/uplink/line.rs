//! A line to the collector: an open stream, with what it still owes an answer to and what the next delivery leans on.
//!
//! A routine delivery may stay unanswered for a while: one answer acknowledges several, and the batches stay in the spool
//! until then. When a line ends, whatever it left unanswered is to be sent again; the same name is the same batch, so
//! nothing is doubled.

use std::collections::VecDeque;

use kentongan_model::{answer::Answers, plan::PlanRevision, time::Clock, wire::Batch};

use super::{
    collector::{Parcel, Replies, Reply},
    connection::allowed,
    leaning::Leaning,
    stream::{Stream, StreamError, TOO_LONG},
};
use crate::spool::BatchName;

/// Deliveries that may be unanswered; the next one asks for all their answers.
const MAX_UNANSWERED: usize = 3;
/// What a collector says that does not have what a delivery leans on.
const UNKNOWN_BASE: u16 = 424;

/// A line that stands.
pub(super) struct Line {
    stream: Stream,
    owed: Owed,
}

/// What the answers that come are about.
#[derive(Default)]
struct Owed {
    /// What has not been answered, the oldest first.
    unanswered: VecDeque<Unanswered>,
    leaning: Leaning,
}

/// A delivery whose answer has not come.
#[derive(Debug)]
struct Unanswered {
    name: BatchName,
    plan: Option<PlanRevision>,
    leans: bool,
}

/// How a delivery over a line ended.
pub(super) enum Sent {
    /// What has become known by then.
    Replies(Replies),
    /// Nothing was said in time.
    Late,
    /// The line is gone.
    Ended(StreamError),
}

impl Line {
    pub(super) fn over(stream: Stream) -> Self {
        Line { stream, owed: Owed::default() }
    }

    /// Whether this was sent, and no answer has come yet.
    pub(super) fn owes_answer(&self, batch: BatchName) -> bool {
        self.owed.unanswered.iter().any(|sent| sent.name == batch)
    }

    /// How many have been sent that no answer has come to.
    pub(super) fn unanswered(&self) -> usize {
        self.owed.unanswered.len()
    }

    /// Sends a delivery and waits for all answers that are owed, or for none if they may wait. What has to be sent whole
    /// because the collector does not have what it leant on is among the answers of neither.
    pub(super) async fn send(&mut self, parcel: &Parcel<'_>, clock: &dyn Clock) -> Sent {
        let Owed { unanswered, leaning } = &mut self.owed;
        let may_wait = parcel.may_wait && unanswered.len() < MAX_UNANSWERED;
        let batch = Batch::open(parcel.sealed).ok();
        let (delivery, leans) = leaning.wrap(&clock.stamp(), parcel.sealed, batch.as_ref());
        let plan = batch.as_ref().map(|batch| batch.plan);
        unanswered.push_back(Unanswered { name: parcel.name, plan, leans });
        if let Some(batch) = batch {
            leaning.sent(batch);
        }
        let exchange = async {
            self.stream.send(&[&[u8::from(may_wait)], &delivery]).await?;
            let mut replies = Replies::new();
            while !(may_wait || self.owed.unanswered.is_empty()) {
                replies.extend(self.owed.settle(self.stream.answers().await?)?);
            }
            Ok(replies)
        };
        match tokio::time::timeout(allowed(delivery.len() as u64), exchange).await {
            Ok(Ok(replies)) => Sent::Replies(replies),
            Ok(Err(StreamError::Closed(TOO_LONG))) => {
                Sent::Replies(vec![(parcel.name, Reply::of_status(413))])
            }
            Ok(Err(error)) => Sent::Ended(error),
            Err(_) => Sent::Late,
        }
    }

    /// Waits for what is said without being asked.
    pub(super) async fn listen(&mut self) -> Result<Replies, StreamError> {
        let answers = self.stream.answers().await?;
        self.owed.settle(answers)
    }
}

impl Owed {
    /// What answers mean for the deliveries that wait for them, in order.
    fn settle(&mut self, answers: Answers) -> Result<Replies, StreamError> {
        match answers {
            Answers::Taken(deliveries) if deliveries > self.unanswered.len() => Err(StreamError::Unasked),
            Answers::Taken(deliveries) => {
                let taken = self.unanswered.drain(..deliveries);
                Ok(taken
                    .map(|sent| (sent.name, Reply { plan: sent.plan, ..Reply::of_status(204) }))
                    .collect())
            }
            Answers::InFull(answer) => {
                let sent = self.unanswered.pop_front().ok_or(StreamError::Unasked)?;
                let taken = (200..300).contains(&answer.status);
                if !taken {
                    // Whatever leans on it is not known either.
                    self.leaning.forget();
                }
                if sent.leans && answer.status == UNKNOWN_BASE {
                    return Ok(Replies::new());
                }
                Ok(vec![(sent.name, Reply::told(answer))])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::answer::Answer;

    use super::{super::answer::Disposition, *};

    fn owed(count: u64) -> Owed {
        let name = |order| BatchName { order, series: 1, sequence: order };
        let plan = Some(PlanRevision(7));
        let unanswered = (1..=count).map(|order| Unanswered { name: name(order), plan, leans: order > 1 });
        Owed { unanswered: unanswered.collect(), leaning: Leaning::default() }
    }

    fn told(replies: &[(BatchName, Reply)]) -> Vec<(u64, Disposition)> {
        replies.iter().map(|(name, reply)| (name.order, reply.disposition)).collect()
    }

    #[test]
    fn answers_are_for_the_oldest_and_never_for_more_than_was_sent() {
        let mut owed = owed(3);
        let taken = owed.settle(Answers::Taken(2)).unwrap();
        assert_eq!(told(&taken), [(1, Disposition::Delivered), (2, Disposition::Delivered)]);
        assert_eq!(taken[0].1.plan, Some(PlanRevision(7)));
        let full = Answer { status: 409, retry_after_s: None, plan: None, said: String::new() };
        assert_eq!(told(&owed.settle(Answers::InFull(full.clone())).unwrap()), [(3, Disposition::Clash)]);
        assert!(owed.settle(Answers::Taken(1)).is_err() && owed.settle(Answers::InFull(full)).is_err());
    }

    #[test]
    fn what_leant_on_something_unknown_waits_in_the_spool_and_what_stood_alone_is_told_so() {
        let unknown =
            || Answers::InFull(Answer { status: 424, retry_after_s: None, plan: None, said: String::new() });
        let mut owed = owed(2);
        assert_eq!(told(&owed.settle(unknown()).unwrap()), [(1, Disposition::Retry)]);
        assert_eq!(told(&owed.settle(unknown()).unwrap()), []);
        assert!(owed.unanswered.is_empty());
    }
}
