//! What exactly went wrong with clients, below their table.

use lanherd::report::{ActivityEntry, Client, LastFailure};

use super::MOST_FAILURES;
use super::clients::phase;
use crate::cli::words::bounded;

/// What exactly went wrong: a line for all clients to which the same happened.
pub(super) fn complaints(clients: &[Client]) -> Vec<String> {
    let mut complaints: Vec<(String, Vec<&str>)> = Vec::new();
    for client in clients {
        for what in complaints_of(client) {
            let is_full = complaints.len() >= MOST_FAILURES;
            match complaints.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(&client.namespace),
                None if is_full => {}
                None => complaints.push((what, vec![&client.namespace])),
            }
        }
    }
    complaints
        .iter()
        .map(|(what, names)| format!("{}: {}", together(names), bounded(what)))
        .collect()
}

fn complaints_of(client: &Client) -> Vec<String> {
    let mut complaints = Vec::new();
    if let (Some(failure), Some(_)) = (&client.last_failure, client.cause) {
        let LastFailure {
            stage,
            cause,
            detail,
            ..
        } = failure;
        let phase = phase(client);
        complaints.push(format!("{phase}: {stage}: {cause}: {detail}"));
    }
    let never = client.activities.iter().filter(|one| one.never_succeeded());
    complaints.extend(never.map(ActivityEntry::complaint));
    complaints
}

/// `ns1, ns2, ns3 and 5 more`.
fn together(names: &[&str]) -> String {
    const MOST_NAMES: usize = 5;
    match names.len() {
        0..=MOST_NAMES => names.join(", "),
        many => format!(
            "{} and {} more",
            names.get(..MOST_NAMES).unwrap_or_default().join(", "),
            many - MOST_NAMES
        ),
    }
}
