use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::fault::Fault;
use crate::identity::Seed;
use crate::page::PageVerdict;
use crate::phase::Cause;
use crate::pool::{Figures, HerdStatus, InjectedFault, Outage, Uptime};
use crate::report::{Ended, Ipv6Summary, Report, RunSummary, Soak};
use crate::soak::{Footprint, SoakRecorder};
use crate::tester::Lag;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fault(fault: Fault, began: u64, lasts: u64, offline: usize) -> InjectedFault {
    InjectedFault {
        fault,
        began: seconds(began),
        lasts: seconds(lasts),
        clients: 50,
        offline,
        recovered: (offline > 0).then_some(seconds(2)),
    }
}

/// A soak of an hour from the beginning of 1970 on, whose herd had joined after ten seconds, with this that befell it.
fn soak(figures: &Figures) -> Report {
    let mut recorder = SoakRecorder::new(Figures::default());
    for minute in 1..=60_u32 {
        recorder.look(
            minute * seconds(60),
            &HerdStatus::default(),
            Figures {
                uptime: Uptime {
                    usable: minute * seconds(600),
                    // In the second half of the hour.
                    unavailable: [(Cause::NoOffer, minute.saturating_sub(30) * seconds(30))].into(),
                    ..Uptime::default()
                },
                ..figures.clone()
            },
            Footprint::default(),
        );
    }
    let run = RunSummary {
        parameters: serde_json::json!({}),
        seed: Seed(7),
        started: SystemTime::UNIX_EPOCH,
        duration: seconds(3_700),
        leaked_objects: 0,
        ended: Some(Ended::TimeOver),
        complete: true,
        lag: Lag::default(),
        objectives: Vec::new(),
        soak: Some(Soak::new(&recorder.record(), seconds(60), seconds(10))),
    };
    Report::new(&HerdStatus::default(), figures, run)
}

#[test]
fn faults_and_outages_are_marked_where_they_lie_and_like_faults_stand_in_one_line() {
    let crashes = (0..9).map(|n| fault(Fault::Crash, 100 + 300 * n, 0, 1));
    let reboot = fault(Fault::RouterReboot, 3_000, 12, 50);
    let faults: Vec<_> = crashes.chain([reboot]).collect();
    let outage = Outage {
        family: None,
        began: seconds(3_002),
        ended: Some(seconds(3_020)),
        clients: 50,
        of: 50,
        cause: Cause::NoCarrier,
        fault: Some(Fault::RouterReboot),
        back: BTreeMap::new(),
    };
    let figures = Figures {
        began: Some(SystemTime::UNIX_EPOCH),
        outages: 1,
        latest_outages: vec![outage],
        // Three that are forgotten.
        faults: [(Fault::Crash, 12), (Fault::RouterReboot, 1)].into(),
        latest_faults: faults,
        ..Figures::default()
    };
    let page = soak(&figures).page(PageVerdict::Well);
    for told in [
        "<td>crash</td><td class=\"number\">12</td><td class=\"long\">6 earlier, then 00:16:40, 00:21:40, 00:26:40, 00:31:40, 00:36:40, 00:41:40</td>\
         <td>a moment</td><td>at most 1</td>",
        "<td>router_reboot</td><td class=\"number\">1</td><td>00:50:00</td><td>12.0 s</td><td>50 of 50</td>",
        "The times of the first 3 of them are not kept.",
        "<title>crash: 00:06:40 UTC</title>",
        "<title>router_reboot: 00:50:00 UTC</title>",
        "<title>outage, by the fault router_reboot: 00:50:02 UTC</title>",
        "</svg> fault made on purpose</span>",
        "</svg> outage</span>",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
}

#[test]
fn availability_is_drawn_over_time_and_its_beginning_compared_with_its_end() {
    let page = soak(&Figures::default()).page(PageVerdict::Well);
    for told in [
        "aria-label=\"Availability\"",
        ">95 %</span>",
        "<td>availability</td><td>mean 100.00 %</td><td>mean 95.24 %</td><td class=\"bad\">drifted</td>",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
}

#[test]
fn without_faults_nothing_is_said_of_them() {
    let page = soak(&Figures::default()).page(PageVerdict::Well);
    assert!(page.contains("<h2>Over time</h2>"), "{page}");
    assert!(!page.contains("on purpose"), "{page}");
}

#[test]
fn a_report_with_times_that_are_none_is_shown_all_the_same() {
    for ms in [1e300, -1e300] {
        let mut report = soak(&Figures::default());
        report.duration_ms = ms;
        report.availability.usable_ms = ms;
        let of_soak = report.soak.as_mut().expect("a soak");
        of_soak.joined_ms = ms;
        let comparison = of_soak.comparison.as_mut().expect("a comparison");
        comparison.window_ms = ms;
        let page = report.page(PageVerdict::Well);
        assert!(page.contains("<h2>Over time</h2>"), "{page}");
    }
}

#[test]
fn routers_stand_there_with_flags_and_routes_and_with_what_they_break() {
    let mut report = soak(&Figures::default());
    let page = report.page(PageVerdict::Well);
    assert!(!page.contains("Routers of IPv6"), "a herd of IPv4: {page}");

    let mut ipv6 = serde_json::json!({
        "events": {}, "outages": {}, "stale_prefixes": 0, "stale_prefix_ms": 0.0, "longest_stale_prefix_ms": 0.0,
    });
    let summary = |value: &serde_json::Value| -> Option<Ipv6Summary> {
        Some(serde_json::from_value(value.clone()).expect("a summary"))
    };
    report.ipv6 = summary(&ipv6);
    let page = report.page(PageVerdict::Well);
    assert!(page.contains("No client has heard one."), "{page}");

    ipv6["routers"] = serde_json::json!([{
        "name": "fe80::1 (02:00:00:00:00:01)", "to_all": 7, "to_one": 2, "shortest_gap_seconds": 3.0, "longest_gap_seconds": 9.5,
        "lifetime_seconds": 1800, "preference": "high", "managed": true, "other": true, "hop_limit": 64, "mtu": 1480,
        "prefixes": [{ "prefix": "2001:db8::/64", "on_link": true, "autonomous": false, "preferred_seconds": 2700, "valid_seconds": null }],
        "routes": ["fd00:99::/48"], "route_information": [{ "prefix": "fd00:99::/48", "preference": "low", "seconds": 1800 }],
        "resolvers": ["2001:db8::53"], "resolver_seconds": 1800, "search": ["lan.test"], "pref64": ["64:ff9b::/96"],
        "captive_portal": null, "unknown_options": [],
    }]);
    report.ipv6 = summary(&ipv6);
    let page = report.page(PageVerdict::Well);
    for told in [
        "fe80::1 (02:00:00:00:00:01)",
        "for 1800 s, preference high",
        "M and O",
        "<td>prefix 2001:db8::/64</td>",
        "with the flag L, preferred for 2700 s, valid for ever",
        "<td>route to fd00:99::/48</td>",
        "good for 1800 s, preference low",
        "<td>resolver 2001:db8::53</td>",
        "<td>MTU 1480</td>",
        "<td>search list lan.test</td>",
        "<td>NAT64 64:ff9b::/96</td>",
        "7 to all, 2 to one host",
        "Nothing that they said breaks a requirement of an RFC.",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }

    ipv6["breaches"] = serde_json::json!([{
        "level": "should", "requirement": "ra-prefix-flags", "source": "RFC 7084, 4.3 (L-6)", "sender": "fe80::1 (02:00:00:00:00:01)",
        "what": "<b> has no L flag", "times": 3, "first_seconds": 1.0, "last_seconds": 9.0,
    }]);
    report.ipv6 = summary(&ipv6);
    let page = report.page(PageVerdict::Well);
    for told in [
        "ra-prefix-flags (RFC 7084, 4.3 (L-6))",
        "&lt;b&gt; has no L flag",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    assert!(!page.contains("Nothing that they said"), "{page}");
}
