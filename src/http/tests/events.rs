//! Events, as the schema has them.

use super::*;

/// How long what is told of took.
const TOOK: Duration = Duration::from_millis(3);

/// One of each kind, and of those that leave something out one without it.
fn kinds() -> impl IntoIterator<Item = EventKind> {
    let (address, took) = (Ipv4Addr::new(10, 0, 0, 7), TOOK);
    let (stage, cause, detail) = (Stage::Dhcp, Cause::NoOffer, "<b>seen</b>".to_owned());
    [
        EventKind::Phase {
            from: Phase::Queued,
            to: Phase::Namespace,
        },
        EventKind::Bound {
            address,
            server: address,
            took,
        },
        EventKind::Renewed { address },
        EventKind::Lost {
            reason: LossReason::Expired,
            detail: None,
        },
        EventKind::Informed {
            server: address,
            options: vec![1, 3],
        },
        EventKind::Failed {
            stage,
            cause,
            family: None,
            detail: detail.clone(),
        },
        EventKind::Troubled {
            stage,
            cause,
            family: Some(Family::Ipv6),
            detail: detail.clone(),
        },
        EventKind::FamilyUp {
            family: Family::Ipv6,
            took,
        },
        EventKind::FamilyDown {
            family: Family::Ipv6,
            stage,
            cause,
            detail: detail.clone(),
        },
        EventKind::Ipv6 {
            kind: Ipv6EventKind::Renumbered,
            detail,
        },
        EventKind::Restarting {
            cause: Some(cause),
            wait: took,
        },
        EventKind::Restarting {
            cause: None,
            wait: took,
        },
        EventKind::GivenUp { why: GiveUp::Final },
        EventKind::OutageBegan {
            clients: 6,
            of: 10,
            family: None,
        },
        EventKind::OutageBegan {
            clients: 6,
            of: 10,
            family: Some(Family::Ipv6),
        },
        EventKind::OutageSpread {
            clients: 6,
            of: 10,
            family: Family::Ipv4,
        },
        EventKind::OutageBack {
            share: Share::Most,
            took,
        },
        EventKind::OutageEnded {
            clients: 6,
            took,
            family: None,
        },
        EventKind::TesterStoodStill { lasted: took },
        EventKind::FaultBegan {
            fault: Fault::Crash,
            lasts: Duration::ZERO,
            clients: 9,
        },
        EventKind::FaultRecovered {
            fault: Fault::Crash,
            took: Some(took),
        },
        EventKind::FaultRecovered {
            fault: Fault::Crash,
            took: None,
        },
    ]
}

#[test]
fn every_kind_of_event_is_as_the_schema_says() {
    let mut schema = Schema::new();
    for what in kinds() {
        let event = Event {
            sequence: 7,
            after: TOOK,
            client: Some(ClientNumber(3)),
            what,
        };
        let mut event = serde_json::to_value(event).expect("json");
        schema.accept("event", &event);
        event["text"] = json!("as the stream has it");
        event["level"] = json!("news");
        schema.accept("event", &event);
        event["surprise"] = json!(1);
        assert!(schema.refusal("event", &event).is_some(), "{event}");
    }
    let words: Vec<&str> = Share::ALL.iter().map(|word| word.as_str()).collect();
    let source: Value = serde_json::from_str(api::SCHEMA).expect("JSON");
    assert_eq!(source["$defs"]["share"]["enum"], json!(words));
}
