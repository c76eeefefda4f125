//! What the table of `configured with` says of IPv6.

use std::net::IpAddr;

use crate::client::ipv6::Ipv6State;

/// What the table of `configured with` says of a client's IPv6, as it is written there; `None`: it is no option of IPv6.
pub(in crate::bdd::steps) fn says(state: &Ipv6State, option: &str) -> Option<String> {
    fn list(all: impl Iterator<Item = impl ToString>) -> String {
        let all: Vec<_> = all.map(|one| one.to_string()).collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    }
    let none = || "none".to_owned();
    Some(match option {
        "prefix6" => {
            let on_link = state.on_link.iter();
            list(on_link.filter(|prefix| !prefix.is_link_local()))
        }
        "router6" => list(state.routers.iter().map(|router| router.address)),
        "dns6" => list(state.resolvers.iter().map(|address| IpAddr::from(*address))),
        "search" => list(state.search.iter()),
        "mtu6" => state.mtu.map_or_else(none, |mtu| mtu.to_string()),
        "pref64" => list(state.pref64.iter()),
        "delegated" => list(state.delegated().map(|leased| leased.prefix)),
        "flags" => match (state.managed, state.other) {
            (true, true) => "managed, other".to_owned(),
            (true, false) => "managed".to_owned(),
            (false, true) => "other".to_owned(),
            (false, false) => none(),
        },
        _ => return None,
    })
}

/// The options of IPv6 in that table.
pub(in crate::bdd::steps) const OPTIONS: [&str; 8] = [
    "prefix6",
    "router6",
    "dns6",
    "search",
    "mtu6",
    "pref64",
    "delegated",
    "flags",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_table_says_something_and_others_are_none_of_ipv6() {
        let state = Ipv6State::default();
        for option in OPTIONS {
            assert_eq!(says(&state, option).as_deref(), Some("none"), "{option}");
        }
        assert_eq!(says(&state, "dns"), None);
    }
}
