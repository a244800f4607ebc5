//! What a collector answers to the deliveries that come over a stream: the way back of a measurement.
//!
//! A POST is answered by a status line, headers and a problem document; on a stream the same is said in as few bytes as
//! it takes, which is one for a delivery that was taken while its plan still holds. Both mean the same.

use std::iter;

use crate::plan::PlanRevision;

/// The longest text of an answer, in bytes; a longer one is cut.
pub const MAX_SAID: usize = 300;
/// The longest answer, in bytes, and so the most deliveries that one message can acknowledge.
pub const MAX_ANSWER: usize = MAX_SAID + 16;

/// First byte of a message that acknowledges: one for each delivery, all alike.
const TAKEN: u8 = 0;
/// First byte of an answer that is told in full.
const IN_FULL: u8 = 1;

/// What was said to one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, as HTTP numbers them.
    pub status: u16,
    /// Seconds after which to come again.
    pub retry_after_s: Option<u32>,
    /// The plan that the collector has for the agent.
    pub plan: Option<PlanRevision>,
    /// What happened and what to do, for people.
    pub said: String,
}

/// A message of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// So many deliveries are on disk, the oldest unanswered ones of the stream; the plans that their batches name hold.
    Taken(usize),
    /// This is said to the oldest unanswered delivery.
    InFull(Answer),
}

/// Why a message is none of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is too short or too long.
    #[error("an answer of {0} bytes")]
    Length(usize),
    /// It begins as no answer does.
    #[error("an answer that begins with {0:#04x}; is the collector newer than this agent?")]
    Kind(u8),
}

impl Answer {
    /// Whether nothing has to be said but that a batch of the plan `delivered` was taken.
    #[must_use]
    pub fn is_plain(&self, delivered: PlanRevision) -> bool {
        let taken = (200..300).contains(&self.status) && self.retry_after_s.is_none();
        taken && self.plan == Some(delivered)
    }
}

impl Answers {
    /// The message.
    ///
    /// In full it is 1, the status, the seconds (all ones for none), the plan (after a byte that says whether there is
    /// one), most significant byte first, and the text as UTF-8.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Answers::Taken(deliveries) => iter::repeat_n(TAKEN, *deliveries).collect(),
            Answers::InFull(answer) => {
                let mut out = vec![IN_FULL];
                out.extend(answer.status.to_be_bytes());
                out.extend(answer.retry_after_s.unwrap_or(u32::MAX).to_be_bytes());
                out.push(u8::from(answer.plan.is_some()));
                out.extend(answer.plan.iter().flat_map(|plan| plan.0.to_be_bytes()));
                let shown = answer.said.floor_char_boundary(MAX_SAID);
                out.extend(&answer.said.as_bytes()[..shown]);
                out
            }
        }
    }

    /// Reads a message. Text that is no UTF-8 is read as far as it can be.
    ///
    /// # Errors
    /// When it is no message of answers.
    pub fn decode(message: &[u8]) -> Result<Answers, AnswerError> {
        let length = AnswerError::Length(message.len());
        if message.len() > MAX_ANSWER {
            return Err(length);
        }
        match message {
            [] => Err(length),
            [TAKEN, rest @ ..] if rest.iter().all(|byte| *byte == TAKEN) => Ok(Answers::Taken(message.len())),
            [IN_FULL, s0, s1, r0, r1, r2, r3, has_plan, rest @ ..] => {
                let (plan, said) = match (has_plan, rest.split_first_chunk::<8>()) {
                    (0, _) => (None, rest),
                    (_, Some((plan, said))) => (Some(PlanRevision(u64::from_be_bytes(*plan))), said),
                    (_, None) => return Err(length),
                };
                let retry_after_s = u32::from_be_bytes([*r0, *r1, *r2, *r3]);
                Ok(Answers::InFull(Answer {
                    status: u16::from_be_bytes([*s0, *s1]),
                    retry_after_s: (retry_after_s != u32::MAX).then_some(retry_after_s),
                    plan,
                    said: String::from_utf8_lossy(said).into_owned(),
                }))
            }
            [IN_FULL, ..] => Err(length),
            [kind, ..] => Err(AnswerError::Kind(*kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_answered_is_what_is_read(
            status in any::<u16>(),
            retry_after_s in proptest::option::of(0..u32::MAX),
            plan in proptest::option::of(any::<u64>().prop_map(PlanRevision)),
            said in ".{0,400}",
            taken in 1..MAX_ANSWER,
        ) {
            let answer = Answer { status, retry_after_s, plan, said };
            let message = Answers::InFull(answer.clone()).encode();
            prop_assert!(message.len() <= MAX_ANSWER);
            let Answers::InFull(read) = Answers::decode(&message).unwrap() else { panic!("not in full") };
            prop_assert!(answer.said.starts_with(&read.said));
            prop_assert_eq!(Answer { said: answer.said.clone(), ..read }, answer);
            prop_assert_eq!(Answers::decode(&Answers::Taken(taken).encode()), Ok(Answers::Taken(taken)));
        }

        #[test]
        fn any_bytes_are_answers_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(Answers::Taken(deliveries)) = Answers::decode(&bytes) {
                prop_assert_eq!(deliveries, bytes.len());
            }
        }
    }

    #[test]
    fn a_delivery_that_is_taken_under_the_plan_that_holds_is_answered_by_one_byte() {
        let plan = PlanRevision(7);
        let mut answer = Answer { status: 204, retry_after_s: None, plan: Some(plan), said: String::new() };
        assert!(answer.is_plain(plan) && !answer.is_plain(PlanRevision(8)));
        assert_eq!(Answers::Taken(1).encode(), [0]);
        answer.status = 422;
        assert!(!answer.is_plain(plan));
        for message in [&[][..], &[0, 1], &[1, 0], &[1, 0, 200, 0, 0, 0, 1, 1, 9], &[9]] {
            assert!(Answers::decode(message).is_err(), "{message:?}");
        }
    }
}
