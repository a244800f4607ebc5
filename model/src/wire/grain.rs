//! Grains: how wide a grid is that RTTs lie on.
//!
//! Four to an octave, so that a grid is never much narrower than it might be, and its number is small: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, …
//! µs.

/// The width of a grid, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grain(u8);

impl Grain {
    /// The narrowest: RTTs are measured to it.
    pub(super) const ONE: Grain = Grain(0);
    /// How many there are that an RTT can be a multiple of.
    pub(super) const COUNT: usize = 123;

    /// The grain of a number below [`Grain::COUNT`].
    pub(super) fn of_number(number: u64) -> Option<Grain> {
        usize::try_from(number).ok().filter(|&number| number < Grain::COUNT).map(|number| Grain(number as u8))
    }

    /// Its number, counted from 0.
    pub(super) fn number(self) -> usize {
        self.0.into()
    }

    /// The widest grid on which all RTTs from `us` on are within 1 % of a place.
    pub(super) fn widest(us: u64) -> Option<Grain> {
        Grain::at_most(us / 50)
    }

    /// The least RTT that has this as its widest.
    pub(super) fn least_rtt(self) -> u64 {
        self.us() * 50
    }

    /// The next wider one.
    pub(super) fn wider(self) -> Grain {
        Grain(self.0 + 1)
    }

    /// Whether all of these RTTs lie on its grid.
    pub(super) fn holds(self, rtts_us: &[u32]) -> bool {
        rtts_us.iter().all(|&rtt| u64::from(rtt) % self.us() == 0)
    }

    /// The widest that is not over `us`.
    pub(super) fn at_most(us: u64) -> Option<Grain> {
        match us {
            0 => None,
            1..4 => Some(Grain(us as u8 - 1)),
            _ => {
                let octave = us.ilog2() - 2;
                Some(Grain((octave * 4) as u8 + (us >> octave) as u8 - 1))
            }
        }
    }

    /// How wide it is.
    pub(super) fn us(self) -> u64 {
        match self.0 {
            0..3 => u64::from(self.0) + 1,
            number => (4 + (u64::from(number) - 3) % 4) << ((number - 3) / 4),
        }
    }

    /// It and all that are narrower, the widest first.
    pub(super) fn and_narrower(self) -> impl Iterator<Item = Grain> + Clone {
        (0..=self.0).rev().map(Grain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_grains_to_an_octave() {
        let all: Vec<u64> = (0..13).map(|number| Grain(number).us()).collect();
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20]);
        for number in 0..120 {
            let grain = Grain(number);
            assert_eq!(Grain::at_most(grain.us()), Some(grain));
            assert_eq!(Grain::at_most(Grain(number + 1).us() - 1), Some(grain));
        }
        assert_eq!(Grain::at_most(0), None);
    }
}
