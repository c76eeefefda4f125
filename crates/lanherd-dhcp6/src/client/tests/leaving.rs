//! Leases given back.

use super::*;

// RFC 9915, 18.2.7: RELEASE names the lease's server, and has what is given back.
// RFC 9915, 18.2.7: a lease is used no more before its RELEASE is sent.
// RFC 9915, 18.2.7: RELEASE is sent 4 times, after 1 s, doubled.
#[test]
fn a_lease_that_is_given_back_is_used_no_more_and_told_four_times() {
    let mut harness = Harness::bound();
    harness.client.release(harness.now);
    // First it is gone, then that is told.
    assert_eq!(
        harness.client.poll_output(),
        Some(Output::Event(Event::Lost(LossReason::Released)))
    );
    harness.drain();
    assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());
    harness.until(100.0);
    let times = harness.times(MessageType::Release);
    assert_waits(&times, &[1.0, 2.0, 4.0], 0.25);
    let xids: Vec<u32> = harness.sent.iter().map(|(_, it)| it.xid).collect();
    assert!(xids.iter().all(|xid| *xid == xids[0]));
    assert_eq!(harness.lines()[0], "release to 1 na[2001:db8:77::50]");
    assert_eq!(
        harness.happened(),
        [Event::Unanswered(Unanswered::Releasing)]
    );
    assert_eq!(
        (harness.state(), harness.client.poll_timeout()),
        ("stopped", None)
    );
}

// RFC 9915, 18.2.10.2: any REPLY ends a RELEASE or a DECLINE, whatever its status.
#[test]
fn any_reply_of_the_leases_server_ends_a_release() {
    for code in [
        StatusCode::Success,
        StatusCode::NoBinding,
        StatusCode::Other(9),
    ] {
        let mut harness = Harness::bound();
        harness.tell(Client::release);
        harness.reply_status(2, code, &[]);
        assert_eq!(harness.ignored(), [Ignored::ForeignServer]);
        harness.reply_status(1, code, &[]);
        assert_eq!(harness.happened(), [Event::Answered(MessageType::Release)]);
        assert_eq!(harness.state(), "stopped");
    }
}

#[test]
fn what_was_only_requested_is_given_back_too() {
    let mut harness = Harness::requesting();
    harness.forget();
    harness.tell(Client::release);
    assert_eq!(harness.lines(), ["release to 1 na[2001:db8:77::50]"]);
    assert!(harness.happened().is_empty(), "nothing was in use");
    for mut harness in [Harness::soliciting(), Harness::new(config(), 1)] {
        harness.forget();
        harness.tell(Client::release);
        assert!(harness.sent.is_empty());
        assert_eq!(harness.state(), "stopped");
    }
}

// Field practice: a lease is given back in the name of a client that is dead.
// RFC 6603, 6.1: what is given back of a prefix has its excluded part with it.
#[test]
fn a_stored_lease_is_given_back_in_the_name_of_its_client() {
    let config = config().with_prefix(MAC, None);
    let excluded = crate::ExcludedPrefix(prefix("2001:db8:7700:1::/64"));
    let mut pd = delegated(&[], HOUR);
    let whole = IaPrefix::new(prefix(PREFIX), 3600, 7200).excluding(excluded);
    pd.options.push_prefix(&whole);
    let harness = Harness::holding(config.clone(), &[leased(&[ADDRESS], HOUR), pd]);
    let lease = harness.client.lease().expect("a lease");
    let message = config.release_of(lease, &mut fastrand::Rng::with_seed(1));
    assert_eq!(
        line(&message),
        "release to 1 na[2001:db8:77::50] pd[2001:db8:7700::/56]"
    );
    assert_eq!(message.options.short(code::ELAPSED_TIME), Some(0));
    let ias: Vec<Ia> = message.options.ias().collect();
    let given = ias[1].prefixes().next().expect("a prefix");
    assert_eq!(given.excluded(), Some(excluded));
}
