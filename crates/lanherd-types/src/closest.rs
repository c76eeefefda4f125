//! The word that somebody meant who has misspelt it.

/// The word that was most likely meant, if one is near enough: at most a third of its characters are wrong.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = word.chars().count().div_ceil(3);
    let near = known
        .into_iter()
        .map(|known| (strsim::osa_distance(word, known), known));
    let nearest = near.min_by_key(|(distance, _)| *distance)?;
    (nearest.0 <= most).then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_is_known_and_another_word_is_not() {
        assert_eq!(closest("pingg", ["dns", "ping"]), Some("ping"));
        assert_eq!(closest("pnig", ["dns", "ping"]), Some("ping"));
        assert_eq!(closest("flood", ["dns", "ping"]), None);
        assert_eq!(closest("ping", []), None);
    }
}
