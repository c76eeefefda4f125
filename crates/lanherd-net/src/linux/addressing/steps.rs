//! The requests that lead from one addressing to the next. Pure.

use super::{Addressing, address_words, route_words};
use crate::config::LINK_INDEX;
use crate::netlink::Request;
use crate::netlink::request;

/// One request with the words for it, for the case that it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::linux) struct Step {
    pub words: String,
    pub request: Request,
    pub kind: StepKind,
}

/// Whether a step takes something away, which may have gone by itself, or sets something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::linux) enum StepKind {
    Remove,
    Set,
    /// Sets what may be there already.
    SetUnlessThere,
}

/// A link's MTU as it is, and as it is to be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::linux) struct MtuChange {
    pub old: u32,
    pub new: u32,
}

/// The steps from what stands to what is to stand.
pub(in crate::linux) fn steps(
    old: Option<&Addressing>,
    new: Option<&Addressing>,
    mtu: MtuChange,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(old) = old {
        removals(old, new, &mut steps);
    }
    if mtu.old != mtu.new {
        steps.push(set(
            format!("MTU {}", mtu.new),
            request::set_mtu(LINK_INDEX, mtu.new),
        ));
    }
    if let Some(new) = new {
        additions(old, new, &mut steps);
    }
    steps
}

fn removals(old: &Addressing, new: Option<&Addressing>, steps: &mut Vec<Step>) {
    let mut remove = |words: String, request| {
        steps.push(Step {
            words,
            request,
            kind: StepKind::Remove,
        });
    };
    if let Some((address, mac)) = old.neighbour
        && new.and_then(|new| new.neighbour) != old.neighbour
    {
        remove(
            format!("neighbour {address} at {mac}"),
            request::delete_neighbour(LINK_INDEX, address),
        );
    }
    for address in &old.expected {
        if !new.is_some_and(|new| new.expected.contains(address)) {
            remove(
                format!("neighbour {address}"),
                request::delete_neighbour(LINK_INDEX, *address),
            );
        }
    }
    let keeps_address =
        new.is_some_and(|new| (new.address, new.prefix_len) == (old.address, old.prefix_len));
    if keeps_address {
        for route in &old.routes {
            if new.is_some_and(|new| !new.routes.contains(route)) {
                remove(route_words(route), request::delete_route(LINK_INDEX, route));
            }
        }
    } else {
        // Its routes go with it.
        remove(
            address_words(old),
            request::delete_address(LINK_INDEX, old.address, old.prefix_len),
        );
    }
}

fn additions(old: Option<&Addressing>, new: &Addressing, steps: &mut Vec<Step>) {
    let kept = old.filter(|old| (old.address, old.prefix_len) == (new.address, new.prefix_len));
    if kept.is_none() {
        steps.push(set(
            address_words(new),
            request::add_address(LINK_INDEX, new.address, new.prefix_len),
        ));
    }
    // A route that the lease before had put in its place has been removed.
    let lost_prefix = kept.is_some_and(|old| !old.reaches_prefix || old.prefix_route().is_none());
    let prefix_route = new.prefix_route().filter(|_| lost_prefix);
    let missing = new
        .routes
        .iter()
        .filter(|route| kept.is_none_or(|old| !old.routes.contains(route)));
    for route in prefix_route.iter().chain(missing) {
        steps.push(set(
            route_words(route),
            request::add_route(LINK_INDEX, route, new.reach(route), new.address),
        ));
    }
    if let Some((address, mac)) = new.neighbour
        && kept.is_none_or(|old| old.neighbour != new.neighbour)
    {
        steps.push(set(
            format!("neighbour {address} at {mac}"),
            request::add_neighbour(LINK_INDEX, address, mac),
        ));
    }
    for address in &new.expected {
        if old.is_none_or(|old| !old.expected.contains(address)) {
            steps.push(Step {
                words: format!("neighbour {address}"),
                request: request::expect_neighbour(LINK_INDEX, *address),
                kind: StepKind::SetUnlessThere,
            });
        }
    }
}

fn set(words: String, request: Request) -> Step {
    Step {
        words,
        request,
        kind: StepKind::Set,
    }
}
