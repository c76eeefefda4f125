//! Tests of what can be said, and of the rule.

mod goodput;

use std::time::Duration;

use super::{Objective, Should, Value, Verdict};
use crate::activity::dns::{DnsAnswer, DnsCause, Lookup, Rcode, Unanswered};
use crate::activity::ping::{self, PingDetail};
use crate::activity::{Activity, AttemptOutcome, Detail, Ending, Kind};
use crate::lan::{PingCause, PingOutcome};
use crate::pool::Figures;
use crate::stats::{ActivityStats, Signal};
use crate::target::Target;
use crate::tester::{AttemptDoubt, TesterFigures};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn fails_if(text: &str) -> Objective {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let read: Result<Objective, _> = text.parse();
    read.expect_err(text).to_string()
}

#[test]
fn one_figure_has_many_names_and_one_that_is_told() {
    for (text, told) in [
        ("p95 dns > 50 ms", "p95 DNS lookup time"),
        ("the p95 DNS lookup time > 50ms", "p95 DNS lookup time"),
        (
            "95th percentile DNS lookup time>50ms",
            "p95 DNS lookup time",
        ),
        (
            "  P99  ping round trip is above 0.5 ms ",
            "p99 ping round trip",
        ),
        ("median DHCP time >= 2s", "median DHCP time"),
        ("p50 dhcp over 2s", "median DHCP time"),
        ("max join time > 1m 30s", "maximum join time"),
        ("maximum HTTP time > 1h", "maximum HTTP time"),
        ("p90 command > 500ms", "p90 command time"),
        ("packet loss > 0.1 %", "packet loss"),
        ("Packet Loss > 0.1%", "packet loss"),
        ("failed lookups > 3", "failed lookups"),
        ("failed fetches > 1 %", "failed fetches"),
        ("failed commands >= 1", "failed commands"),
        ("restarts > 5", "restarts"),
        ("duplicate pings > 0", "duplicate pings"),
        ("malformed messages > 0", "malformed messages"),
        ("availability < 99.9 %", "availability"),
        ("outages > 0", "outages"),
        ("goodput < 5 Mbit/s", "goodput"),
        (
            "the minimum download goodput < 500kbit/s",
            "minimum download goodput",
        ),
        ("p50 upload goodput > 1 Gbit/s", "median upload goodput"),
    ] {
        let objective = fails_if(text);
        assert_eq!(objective.figure.to_string(), told, "{text}");
        assert_eq!(objective.text(), text.trim());
    }
}

#[test]
fn a_run_fails_on_one_side_of_the_bound_and_never_on_both() {
    for (text, should) in [
        ("restarts > 5", Should::BeAtMost),
        ("restarts >= 5", Should::BeBelow),
        ("restarts < 5", Should::BeAtLeast),
        ("restarts <= 5", Should::BeAbove),
        ("restarts ≥ 5", Should::BeBelow),
    ] {
        assert_eq!(fails_if(text).should, should, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_the_remedy() {
    for (text, says) in [
        ("packet los > 0.1 %", "did you mean \"packet loss\"?"),
        ("p95 dsn > 50 ms", "did you mean \"p95 dns\"?"),
        (
            "p95 DNS lokup time > 50 ms",
            "did you mean \"p95 DNS lookup time\"?",
        ),
        ("dns > 50 ms", "write 'median dns', 'p95 dns'"),
        ("weather > 3", "use packet loss, availability"),
        ("packet loss", "does not say when to fail"),
        ("packet loss = 3 %", "does not say when to fail"),
        ("", "does not say when to fail"),
        ("> 3", "there is no figure \"\""),
        ("p95 dns > 50", "write a time with its unit"),
        ("p95 dns >", "write a time with its unit"),
        ("p95 dns > -5 ms", "write a time with its unit"),
        ("p95 dns > 1e99 s", "write a time with its unit"),
        ("packet loss > 3", "write a share of 0 % to 100 %"),
        ("packet loss > 101 %", "write a share of 0 % to 100 %"),
        ("packet loss > NaN %", "write a share of 0 % to 100 %"),
        ("restarts > 1.5", "write a whole number"),
        ("restarts > -1", "write a whole number"),
        (
            "failed lookups > some",
            "write a whole number, as 3, or a share",
        ),
        ("packet loss >= 0 %", "this holds never"),
        ("restarts < 0", "this holds always"),
        ("packet loss > 100 %", "this holds always"),
        ("packet loss <= 100 %", "this holds never"),
    ] {
        let said = refused(text);
        assert!(said.contains(says), "{text:?}: {said}");
    }
}

#[test]
fn an_objective_is_written_as_it_was_read() {
    let read: Vec<Objective> =
        serde_json::from_str(r#"["p95 dns > 50 ms", "packet loss > 0.1 %"]"#).expect("two");
    let written = serde_json::to_string(&read).expect("text");
    assert_eq!(written, r#"["p95 dns > 50 ms","packet loss > 0.1 %"]"#);
    let told = Objective::new("p95 dns", Should::BeBelow, "50ms").expect("one");
    assert_eq!(told.text(), "p95 DNS lookup time should be below 50 ms");
}

/// Figures of lookups that took so long each, while the tester was so late at worst.
fn lookups(of: &[(u64, u64)]) -> Figures {
    let mut figures = Figures::default();
    let name: crate::host_name::HostName = "a.test".parse().expect("a name");
    let mut stats = ActivityStats::new(name.clone().into());
    for (took, late) in of {
        let answer = DnsAnswer {
            rcode: Rcode::NoError,
            addresses: Vec::new(),
            took: ms(*took),
        };
        let lookup = Lookup {
            server: None,
            was_sent: true,
            result: Ok(answer),
        };
        stats.record(&lookup.outcome(&name));
        figures
            .doubt
            .took(Signal::Activity(Kind::Dns), ms(*took), ms(*late));
        figures.doubt.wakings.record(ms(*late));
    }
    figures.activities.insert(name.into(), stats);
    figures
}

fn verdict(text: &str, figures: &Figures) -> Verdict {
    fails_if(text).judge(figures).verdict
}

#[test]
fn a_time_beyond_its_bound_is_inconclusive_where_the_testers_lateness_explains_it_and_failed_where_it_does_not()
 {
    let bound = "p95 dns > 50 ms";
    for (took, late, expected) in [
        // An idle tester: what is slow is the router.
        (61, 0, Verdict::Failed),
        (51, 0, Verdict::Failed),
        (49, 0, Verdict::Passed),
        // A late one: what is within its lateness of the bound says nothing.
        (61, 34, Verdict::Inconclusive),
        (61, 10, Verdict::Inconclusive),
        (100, 10, Verdict::Failed),
        // A router that is really slow is failed all the same.
        (500, 20, Verdict::Failed),
        (500, 100, Verdict::Failed),
        // One that is fast is not blamed for the tester, and not doubted.
        (49, 500, Verdict::Passed),
    ] {
        let figures = lookups(&[(took, late); 100]);
        assert_eq!(verdict(bound, &figures), expected, "{took} {late}");
    }
}

#[test]
fn both_figures_stand_in_the_words() {
    let judgement = fails_if("p95 dns > 50 ms").judge(&lookups(&vec![(61, 34); 1_200]));
    assert_eq!(
        judgement.words,
        "the p95 DNS lookup time is 61 ms, of 1200: it should be at most 50 ms; but the tester itself woke up to 34 ms late (p95; \
         at worst 34 ms) in that time: inconclusive; take fewer clients or a faster machine"
    );
    assert_eq!(judgement.value, Some(Value::Time(ms(61))));
    assert_eq!(judgement.tester.max(), Some(ms(34)));
    let judgement = fails_if("p95 dns > 50 ms").judge(&lookups(&[(50, 34); 3]));
    assert_eq!(
        judgement.words,
        "the p95 DNS lookup time is 50 ms, of 3, at most 50 ms"
    );
}

#[test]
fn a_burst_that_the_tester_could_not_keep_up_with_is_not_averaged_away_and_excuses_nothing_else() {
    // A hundred lookups in one second in which the tester was late, in an hour in which it was not.
    let mut burst = lookups(&[(90, 40); 100]);
    (0..360_000).for_each(|_| burst.doubt.wakings.record(Duration::ZERO));
    assert_eq!(verdict("p95 dns > 50 ms", &burst), Verdict::Inconclusive);
    // The same lateness, when nothing was looked up: of all lookups ever made, that one was not slow by it.
    let mut other = lookups(&[(90, 0); 100]);
    (0..100).for_each(|_| other.doubt.wakings.record(ms(40)));
    (0..360_000).for_each(|_| other.doubt.wakings.record(Duration::ZERO));
    assert_eq!(verdict("p95 dns > 50 ms", &other), Verdict::Failed);
}

#[test]
fn one_stall_of_the_tester_explains_the_longest_time_and_no_other() {
    let mut times = vec![(5, 0); 999];
    times.push((400, 390));
    let figures = lookups(&times);
    assert_eq!(
        verdict("maximum dns > 50 ms", &figures),
        Verdict::Inconclusive
    );
    assert_eq!(verdict("p99 dns > 50 ms", &figures), Verdict::Passed);
    assert_eq!(verdict("p99 dns > 4 ms", &figures), Verdict::Failed);
}

#[test]
fn lateness_only_adds_so_that_what_is_too_fast_is_so_for_certain() {
    let figures = lookups(&[(5, 40); 100]);
    assert_eq!(verdict("median dns < 6 ms", &figures), Verdict::Failed);
}

fn pings(received: u64, lost: &[(PingCause, u64)]) -> Figures {
    let mut figures = Figures::default();
    let mut stats = ActivityStats::new(Target::Router.into());
    let mut record = |of_port| {
        stats.record(&ping::outcome(
            &Target::Router,
            of_port,
            PingDetail::default(),
        ));
    };
    (0..received).for_each(|_| record(PingOutcome::Reply(ms(1))));
    for (cause, count) in lost {
        (0..*count).for_each(|_| record(PingOutcome::Lost(*cause)));
    }
    figures.activities.insert(Target::Router.into(), stats);
    figures
}

#[test]
fn losses_that_only_the_tester_caused_are_not_the_routers() {
    let lost = [(PingCause::Tester, 30), (PingCause::Timeout, 1)];
    let mut figures = pings(969, &lost);
    figures
        .doubt
        .failures
        .insert(Signal::Activity(Kind::Ping), 30);
    assert_eq!(
        verdict("packet loss > 1 %", &figures),
        Verdict::Inconclusive
    );
    // One was the router's.
    assert_eq!(verdict("packet loss > 0 %", &figures), Verdict::Failed);
    assert_eq!(verdict("packet loss > 5 %", &figures), Verdict::Passed);
    let said = fails_if("packet loss > 1 %").judge(&figures).words;
    assert!(
        said.starts_with("packet loss is 3.1 %, 31 of 1000 pings: it should be at most 1 %; but the tester itself failed 30 of them"),
        "{said}"
    );
    assert!(said.contains("the router: timeout 1 times"), "{said}");
}

#[test]
fn lookups_that_the_tester_slept_through_are_not_the_routers_by_number_and_by_share() {
    let mut figures = lookups(&[(1, 0); 98]);
    let timeout = Lookup {
        server: None,
        was_sent: true,
        result: Err(Unanswered {
            cause: DnsCause::Timeout,
            detail: String::new(),
        }),
    };
    let timeout = timeout.outcome(&"a.test");
    let activity = Activity {
        timeout: ms(2_000),
        ..Activity::new(Kind::Dns.read("a.test").expect("a name"))
    };
    for stats in figures.activities.values_mut() {
        (0..2).for_each(|_| stats.record(&timeout));
    }
    assert_eq!(verdict("failed lookups > 0", &figures), Verdict::Failed);
    let tester = TesterFigures::late_by(ms(1_500));
    let doubt = AttemptDoubt::of(&activity, &timeout, &tester);
    figures.doubt.attempted(&doubt);
    assert_eq!(
        verdict("failed lookups > 1", &figures),
        Verdict::Inconclusive
    );
    assert_eq!(
        verdict("failed lookups > 1 %", &figures),
        Verdict::Inconclusive
    );
    assert_eq!(verdict("failed lookups > 0", &figures), Verdict::Failed);
}

#[test]
fn where_there_is_nothing_to_judge_by_nothing_has_passed() {
    for text in [
        "packet loss > 1 %",
        "p95 dns > 50 ms",
        "failed fetches > 0",
        "failed commands > 10 %",
        "duplicate pings > 0",
        "malformed messages > 0",
        "availability < 99.9 %",
        "ipv6 availability < 99 %",
        "stale prefix time > 30s",
        "maximum join time > 1s",
    ] {
        let judgement = fails_if(text).judge(&Figures::default());
        assert_eq!(judgement.verdict, Verdict::Failed, "{text}");
        assert!(
            judgement.words.starts_with("there is no "),
            "{}",
            judgement.words
        );
        assert_eq!(judgement.value, None);
    }
}

#[test]
fn below_nothing_means_that_there_should_be_none() {
    let objective = Objective::new("packet loss", Should::BeBelow, "0%").expect("one");
    assert_eq!(objective.judge(&pings(10, &[])).verdict, Verdict::Passed);
    let lossy = pings(10, &[(PingCause::Timeout, 1)]);
    assert_eq!(objective.judge(&lossy).verdict, Verdict::Failed);
}

#[test]
fn availability_is_judged_and_what_the_tester_failed_to_do_is_not_the_routers() {
    use crate::phase::Cause;
    let after = |cause| {
        let mut figures = Figures::default();
        figures.uptime.usable = Duration::from_secs(99);
        figures
            .uptime
            .unavailable
            .insert(cause, Duration::from_secs(1));
        figures
    };
    for cause in Cause::ALL {
        let expected = if cause.is_of_the_tester() {
            Verdict::Inconclusive
        } else {
            Verdict::Failed
        };
        let figures = after(*cause);
        assert_eq!(
            verdict("availability < 99.5 %", &figures),
            expected,
            "{cause}"
        );
        assert_eq!(verdict("availability < 99 %", &figures), Verdict::Passed);
    }
    let judgement = fails_if("availability < 99.5 %").judge(&after(Cause::NoCarrier));
    for word in [
        "the availability is 99 %",
        "at least 99.5 %",
        "no_carrier: 1 s",
    ] {
        assert!(judgement.words.contains(word), "{}", judgement.words);
    }
}

#[test]
fn a_family_is_judged_by_itself_and_time_on_a_stale_prefix_by_the_longest() {
    use crate::family::Family;
    use crate::phase::Cause;
    use crate::pool::{StaleTime, Uptime};
    let seconds = Duration::from_secs;
    let uptime = |lost: u64| Uptime {
        usable: seconds(100 - lost),
        unavailable: [(Cause::RouterLost, seconds(lost))].into(),
        ..Uptime::default()
    };
    let figures = Figures {
        uptime: uptime(10),
        uptime_by_family: [(Family::Ipv4, uptime(0)), (Family::Ipv6, uptime(10))].into(),
        stale_prefix: StaleTime {
            count: 3,
            total: seconds(60),
            longest: seconds(31),
        },
        ..Figures::default()
    };
    for (text, expected) in [
        ("ipv4 availability < 100 %", Verdict::Passed),
        ("IPv6 availability < 95 %", Verdict::Failed),
        ("ipv6 availability < 90 %", Verdict::Passed),
        ("stale prefix time > 30s", Verdict::Failed),
        ("stale prefix time > 31s", Verdict::Passed),
    ] {
        assert_eq!(verdict(text, &figures), expected, "{text}");
    }
    let words = fails_if("IPv6 availability < 95 %").judge(&figures).words;
    assert!(
        words.contains("the availability of IPv6 is 90 %"),
        "{words}"
    );
    let only_ipv4 = Figures {
        uptime: uptime(10),
        ..Figures::default()
    };
    assert_eq!(
        verdict("ipv4 availability < 95 %", &only_ipv4),
        Verdict::Failed
    );
}
