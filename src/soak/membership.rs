//! The clients of which churn and storms choose.

use crate::identity::ClientNumber;

/// The clients that are there and were not told to go.
#[derive(Debug, Clone, Default)]
pub struct Membership(Vec<ClientNumber>);

impl Membership {
    /// Adds clients that have come.
    pub fn add(&mut self, clients: impl IntoIterator<Item = ClientNumber>) {
        self.0.extend(clients);
    }

    /// Takes out up to `count` clients at random, and returns them.
    pub fn draw(&mut self, count: u32, rng: &mut fastrand::Rng) -> Vec<ClientNumber> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut drawn = Vec::new();
        while drawn.len() < count && !self.0.is_empty() {
            drawn.push(self.0.swap_remove(rng.usize(..self.0.len())));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_is_drawn_twice_and_never_more_than_there_are() {
        let mut members = Membership::default();
        members.add((1..=10).map(ClientNumber));
        let mut rng = fastrand::Rng::with_seed(7);
        let first = members.draw(7, &mut rng);
        let rest = members.draw(7, &mut rng);
        assert_eq!((first.len(), rest.len()), (7, 3));
        let all: BTreeSet<_> = first.into_iter().chain(rest).collect();
        assert_eq!(all, (1..=10).map(ClientNumber).collect());
        assert_eq!(members.draw(1, &mut rng), []);
    }

    #[test]
    fn the_same_seed_chooses_the_same() {
        let choose = |seed| {
            let mut members = Membership::default();
            members.add((1..=100).map(ClientNumber));
            members.draw(10, &mut fastrand::Rng::with_seed(seed))
        };
        assert_eq!(choose(7), choose(7));
        assert_ne!(choose(7), choose(8));
    }
}
