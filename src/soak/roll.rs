//! Who is there to be chosen.

use crate::identity::ClientNumber;

/// The clients that are there and were not told to go.
#[derive(Debug, Clone, Default)]
pub struct Roll(Vec<ClientNumber>);

impl Roll {
    /// These come in addition.
    pub fn enter(&mut self, clients: impl IntoIterator<Item = ClientNumber>) {
        self.0.extend(clients);
    }

    /// Strikes out up to `count` clients at random, and returns them.
    pub fn strike(&mut self, count: u32, rng: &mut fastrand::Rng) -> Vec<ClientNumber> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut struck = Vec::new();
        while struck.len() < count && !self.0.is_empty() {
            struck.push(self.0.swap_remove(rng.usize(..self.0.len())));
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_is_struck_out_twice_and_never_more_than_there_are() {
        let mut roll = Roll::default();
        roll.enter((1..=10).map(ClientNumber));
        let mut rng = fastrand::Rng::with_seed(7);
        let first = roll.strike(7, &mut rng);
        let rest = roll.strike(7, &mut rng);
        assert_eq!((first.len(), rest.len()), (7, 3));
        let all: BTreeSet<_> = first.into_iter().chain(rest).collect();
        assert_eq!(all, (1..=10).map(ClientNumber).collect());
        assert_eq!(roll.strike(1, &mut rng), []);
    }

    #[test]
    fn the_same_seed_chooses_the_same() {
        let choose = |seed| {
            let mut roll = Roll::default();
            roll.enter((1..=100).map(ClientNumber));
            roll.strike(10, &mut fastrand::Rng::with_seed(seed))
        };
        assert_eq!(choose(7), choose(7));
        assert_ne!(choose(7), choose(8));
    }
}
