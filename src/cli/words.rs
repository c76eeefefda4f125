//! Words that several parts of the command line print: times, events, and what others wrote.

use std::time::Duration;

use lanherd::pool::Event;

/// A duration as a clock shows it: `72:00:05`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `12.345 s  7  dhcp -> online`; parts of it may be a server's words, of any length.
pub fn event_line(event: &Event) -> String {
    let client = event
        .client
        .map_or_else(|| "herd".to_owned(), |client| client.to_string());
    format!(
        "{:10.3} s  {client:>5}  {}",
        event.after.as_secs_f64(),
        bounded(&event.what.to_string())
    )
}

/// A line that others wrote parts of, such as the text of a server's refusal.
pub fn bounded(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lanherd::identity::ClientNumber;
    use lanherd::phase::{Cause, Phase, Stage};
    use lanherd::pool::EventKind;

    use super::*;

    #[test]
    fn a_line_says_when_to_whom_and_what() {
        let mut event = Event {
            sequence: 1,
            after: Duration::from_millis(12_345),
            client: Some(ClientNumber(7)),
            what: EventKind::Phase {
                from: Phase::Dhcp,
                to: Phase::Online,
            },
        };
        assert_eq!(event_line(&event), "    12.345 s      7  dhcp -> online");
        event.client = None;
        assert!(event_line(&event).contains(" herd "));
    }

    #[test]
    fn a_line_with_the_words_of_a_server_is_not_longer_than_can_be_read() {
        let event = Event {
            sequence: 1,
            after: Duration::from_millis(12_345),
            client: Some(ClientNumber(7)),
            what: EventKind::Failed {
                stage: Stage::Dhcp,
                cause: Cause::Nak,
                family: None,
                detail: "no \u{e9}".repeat(10_000),
            },
        };
        let line = event_line(&event);
        assert!(line.chars().count() < 350, "{line}");
        assert!(line.contains("failed: dhcp: nak: no \u{e9}no"), "{line}");
        assert!(line.ends_with("..."), "{line}");
    }
}
