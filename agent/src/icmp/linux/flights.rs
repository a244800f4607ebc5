//! The probes under way, by number: what tells an awaited reply from one that comes twice, late or out of nowhere. Pure.
//!
//! The numbers run on, and a ring holds the last ones. It grows while there is an unsettled probe where the next would lie,
//! up to [`MOST`]: the sequence in an ICMP header has 16 bits, and within them no number is used again while its probe
//! may still be answered.

/// How many probes may be unsettled at once. At the limit no more are sent until some are settled or given up.
pub(super) const MOST: usize = 1 << 16;

/// How many there is room for at first: a few kilobytes.
const FIRST: usize = 64;

/// The ring.
#[derive(Debug)]
pub(super) struct Flights<S> {
    ring: Vec<Option<Flight<S>>>,
    next: u32,
    waiting: usize,
}

#[derive(Debug, Clone, Copy)]
struct Flight<S> {
    number: u32,
    state: State<S>,
}

#[derive(Debug, Clone, Copy)]
enum State<S> {
    /// A reply is awaited, for this seat.
    Waiting(S),
    Answered,
    GivenUp,
}

/// What a number means when something about it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<S> {
    /// It is awaited, for this seat.
    Awaited(S),
    /// It was answered before.
    Answered,
    /// Nobody waits for it any more.
    GivenUp,
}

impl<S: Copy> Flights<S> {
    /// None under way; numbers begin with `first`.
    pub(super) fn new(first: u32) -> Self {
        Flights { ring: vec![None; FIRST], next: first, waiting: 0 }
    }

    /// How many are unsettled.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Gives the next number to a probe for `seat`; none when there are too many.
    pub(super) fn depart(&mut self, seat: S) -> Option<u32> {
        while self.is_taken(self.next) {
            if self.ring.len() >= MOST {
                return None;
            }
            self.grow();
        }
        let number = self.next;
        let at = self.index(number);
        self.ring[at] = Some(Flight { number, state: State::Waiting(seat) });
        self.next = number.wrapping_add(1);
        self.waiting += 1;
        Some(number)
    }

    /// What is known of a number. One that the ring holds no more was given up long ago.
    pub(super) fn known(&self, number: u32) -> Known<S> {
        match self.ring[self.index(number)]
            .filter(|flight| flight.number == number)
            .map(|flight| flight.state)
        {
            Some(State::Waiting(seat)) => Known::Awaited(seat),
            Some(State::Answered) => Known::Answered,
            Some(State::GivenUp) | None => Known::GivenUp,
        }
    }

    /// The last number with this sequence.
    pub(super) fn with_sequence(&self, sequence: u16) -> u32 {
        let last = self.next.wrapping_sub(1);
        last.wrapping_sub(u32::from((last as u16).wrapping_sub(sequence)))
    }

    /// Its reply has come.
    pub(super) fn answered(&mut self, number: u32) {
        self.settle(number, State::Answered);
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&mut self, number: u32) {
        self.settle(number, State::GivenUp);
    }

    /// Gives up every probe whose seat is one of these.
    pub(super) fn give_up_where(&mut self, is_one: impl Fn(&S) -> bool) {
        for flight in self.ring.iter_mut().flatten() {
            if matches!(&flight.state, State::Waiting(seat) if is_one(seat)) {
                flight.state = State::GivenUp;
                self.waiting -= 1;
            }
        }
    }

    fn settle(&mut self, number: u32, state: State<S>) {
        let at = self.index(number);
        if let Some(flight) = self.ring[at].as_mut().filter(|flight| flight.number == number)
            && matches!(flight.state, State::Waiting(_))
        {
            flight.state = state;
            self.waiting -= 1;
        }
    }

    fn is_taken(&self, number: u32) -> bool {
        matches!(self.ring[self.index(number)], Some(Flight { state: State::Waiting(_), .. }))
    }

    fn index(&self, number: u32) -> usize {
        number as usize & (self.ring.len() - 1)
    }

    fn grow(&mut self) {
        let length = self.ring.len() * 2;
        let before = std::mem::replace(&mut self.ring, vec![None; length]);
        for flight in before.into_iter().flatten() {
            let at = self.index(flight.number);
            self.ring[at] = Some(flight);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_awaited_until_it_is_answered_or_given_up_and_remembered_for_a_while() {
        let mut flights = Flights::new(u32::MAX);
        let (first, second) = (flights.depart('a').unwrap(), flights.depart('b').unwrap());
        assert_eq!((first, second, flights.waiting()), (u32::MAX, 0, 2));
        assert_eq!(flights.known(first), Known::Awaited('a'));
        flights.answered(first);
        flights.give_up(second);
        // A late reply after all does not make it answered.
        flights.answered(second);
        assert_eq!((flights.known(first), flights.known(second)), (Known::Answered, Known::GivenUp));
        assert_eq!(flights.known(7), Known::GivenUp);
        assert_eq!(flights.waiting(), 0);
    }

    #[test]
    fn there_is_room_for_as_many_as_have_sequences_and_no_memory_for_more_than_are_under_way() {
        let mut flights = Flights::new(5);
        for seat in 0..10_000 {
            let number = flights.depart(seat).unwrap();
            flights.answered(number);
        }
        assert_eq!(flights.ring.len(), FIRST);
        for seat in 0..MOST {
            flights.depart(seat).unwrap();
        }
        assert_eq!((flights.depart(0), flights.waiting()), (None, MOST));
        flights.give_up_where(|seat| *seat == 0);
        assert!(flights.depart(0).is_some());
    }

    proptest! {
        #[test]
        fn growing_forgets_none_that_is_awaited(first: u32, answered in prop::collection::vec(any::<bool>(), 1..400)) {
            let mut flights = Flights::new(first);
            let mut awaited = Vec::new();
            for (seat, is_answered) in answered.into_iter().enumerate() {
                let number = flights.depart(seat).unwrap();
                prop_assert_eq!(flights.with_sequence(number as u16), number);
                if is_answered { flights.answered(number) } else { awaited.push((number, seat)) }
            }
            prop_assert_eq!(flights.waiting(), awaited.len());
            for (number, seat) in awaited {
                prop_assert_eq!(flights.known(number), Known::Awaited(seat));
                prop_assert_eq!(flights.with_sequence(number as u16), number);
            }
        }
    }
}
