use super::*;
use crate::stats::ActivityStats;

fn detail_of(stats: &ActivityStats) -> &PingDetail {
    PingDetail::of(&stats.detail).expect("of pings")
}

fn stats() -> ActivityStats {
    ActivityStats::new(Subject::from(Target::Router))
}

#[test]
fn what_was_never_sent_is_loss_but_not_sent() {
    let mut stats = stats();
    for of_port in [
        PingOutcome::Reply(Duration::from_micros(80)),
        PingOutcome::Lost(PingCause::Timeout),
        PingOutcome::Lost(PingCause::Offline),
        PingOutcome::Lost(PingCause::Offline),
    ] {
        stats.record(&outcome(&Target::Router, of_port, PingDetail::default()));
    }
    assert_eq!((detail_of(&stats).sent, stats.successes()), (2, 1));
    assert_eq!(stats.failure_share(), Some(0.75));
    assert_eq!(stats.main_cause(), Some("offline"));
    assert!(!stats.is_success());
}

#[test]
fn the_latest_failure_names_target_address_and_cause() {
    let mut stats = stats();
    assert_eq!(stats.last_failure(), None);
    let detail = PingDetail {
        address: Some(IpAddr::from([10, 77, 0, 1])),
        duplicates: 2,
        ..PingDetail::default()
    };
    let timeout = PingOutcome::Lost(PingCause::Timeout);
    stats.record(&outcome(&Target::Router, timeout, detail.clone()));
    let said = "the router (10.77.0.1): timeout";
    assert_eq!(stats.last_failure(), Some(said));
    let reply = PingOutcome::Reply(Duration::from_micros(80));
    stats.record(&outcome(&Target::Router, reply, detail.clone()));
    assert_eq!(
        stats.last_failure(),
        Some(said),
        "a success takes nothing back"
    );
    assert_eq!((detail_of(&stats).duplicates, stats.successes()), (4, 1));
}
