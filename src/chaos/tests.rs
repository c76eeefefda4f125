//! Plans, texts and schedules.

use proptest::prelude::*;

use super::*;
use crate::lab;

fn plan(text: &str) -> ChaosPlan {
    text.parse().expect(text)
}

fn injections(plan: &ChaosPlan, seed: u64, count: usize) -> Vec<Injection> {
    plan.schedule(UplinkKind::Lab, Seed(seed))
        .expect("a schedule")
        .take(count)
        .collect()
}

fn herd(clients: u32) -> Vec<ClientNumber> {
    (1..=clients).map(ClientNumber).collect()
}

const FILE: &str = r#"
    every = "10s"
    jitter = "500ms"
    faults = ["crash", "delete-link*3", "dhcp-mute"]
    lasts = "2s-8s"
    victims = "5%"
    [[at]]
    time = "2m"
    fault = "router-reboot"
    lasts = "20s"
"#;

#[test]
fn a_file_and_a_line_of_text_say_the_same_and_a_file_reads_back_as_it_is_written() {
    let from_file: ChaosPlan = toml::from_str(FILE).expect("a plan");
    let text = "every 10s, jitter 500ms, lasts 2s-8s, victims 5%: crash, delete-link*3, dhcp-mute; \
                at 2m, lasts 20s: router-reboot";
    assert_eq!(from_file, plan(text));
    let written = serde_json::to_string(&from_file).expect("written");
    assert_eq!(
        serde_json::from_str::<ChaosPlan>(&written).expect("read"),
        from_file
    );
    assert_eq!(from_file.lasts.most, Duration::from_secs(8));
    assert_eq!(from_file.victims, Victims::Percent(5));
    assert_eq!(from_file.at[0].fault, Fault::RouterReboot);
}

#[test]
fn what_is_left_out_has_a_default() {
    let written: ChaosPlan = toml::from_str("every = '10s'").expect("a plan");
    assert_eq!(written, plan("every 10s"));
    assert_eq!(written.victims.to_string(), "1");
    assert_eq!(written.lasts.to_string(), "5s");
}

#[test]
fn the_page_about_faults_has_a_row_for_each_with_its_figures() {
    let page = include_str!("../../docs/faults.md");
    let row = |fault: &Fault| {
        let start = format!("| `{fault}` | ");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        assert_eq!(rows.len(), 1, "{fault}: {rows:?}");
        rows[0]
    };
    for fault in Fault::ALL {
        row(fault);
    }
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), Fault::ALL.len(), "a row for no fault");
    for (fault, figure) in [
        (Fault::DhcpSlow, format!("{:?} late", lab::SLOW)),
        (Fault::DhcpExpireEarly, format!("every {:?}", lab::EARLY)),
        (Fault::DhcpShortPool, format!("{} clients", lab::SHORT_POOL)),
        (Fault::DnsLimit, format!("takes {:?}", lab::DNS_UPSTREAM)),
        (Fault::DnsLimit, format!("{} questions", lab::DNS_UNDER_WAY)),
        (Fault::PingLoss, format!("{} %", lab::PING_LOSS_PERCENT)),
        (
            Fault::SlowLink,
            format!("{} Mbit/s", lab::SLOW_LINK_RATE / 1_000_000),
        ),
        (Fault::RouterLeak, format!("{:?} later", lab::LEAK_STEP)),
        (Fault::RouterLeak, format!("up to {:?}", lab::LEAK_CEILING)),
    ] {
        assert!(row(&fault).contains(&figure), "{fault}: {figure}");
    }
}

#[test]
fn a_bad_file_is_told_what_to_write() {
    let cases = [
        ("every = '10'", "as 500ms, 30s"),
        ("often = '10s'", "unknown field"),
        ("faults = ['flood']", "use crash"),
        ("faults = ['crash*0']", "whole number above 0"),
        ("lasts = '0s'", "above 0"),
        ("lasts = '9s-3s'", "shorter first"),
        ("victims = 0", "above 0"),
        ("victims = '101%'", "1% to 100%"),
        ("victims = true", "number of clients"),
        ("[[at]]\ntime = '1s'\nfault = 'flood'", "use crash"),
        (
            "[[at]]\ntime = '1s'\nfault = 'crash'\nwhom = 3",
            "unknown field",
        ),
    ];
    for (text, expected) in cases {
        let error = toml::from_str::<ChaosPlan>(text)
            .expect_err(text)
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_bad_text_is_told_what_to_write() {
    let cases = [
        ("crash", "no part of a plan"),
        ("often 10s: crash", "no part of a plan"),
        ("every 10s, at 5s: crash", "no part of a plan"),
        ("lasts 10s: crash", "begin it with every"),
        ("every 10s: crash; every 5s: vanish", "only one every"),
        ("at 10s", "names no fault"),
        ("at 10s, jitter 1s: crash", "no jitter"),
        ("every soon: crash", "no duration"),
        ("every 10s:", "no fault"),
        ("every 10s, victims none: crash", "number of victims"),
    ];
    for (text, expected) in cases {
        let error = text.parse::<ChaosPlan>().expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_with_its_key() {
    let cases = [
        ("", UplinkKind::Lab, PlanError::Nothing, "every"),
        (
            "every 10ms: crash",
            UplinkKind::Lab,
            PlanError::TooOften(Duration::from_millis(10)),
            "every",
        ),
        (
            "every 1s, jitter 2s: crash",
            UplinkKind::Lab,
            PlanError::Jitter {
                jitter: Duration::from_secs(2),
                every: Duration::from_secs(1),
            },
            "jitter",
        ),
        (
            "every 10s: crash, dhcp-mute",
            UplinkKind::Parent,
            PlanError::NeedsLab(Fault::DhcpMute),
            "faults",
        ),
        (
            "at 10s: router-reset",
            UplinkKind::Parent,
            PlanError::NeedsLab(Fault::RouterReset),
            "faults",
        ),
    ];
    for (text, uplink, error, key) in cases {
        assert_eq!(plan(text).check(uplink), Err(error.clone()), "{text}");
        assert_eq!(error.key(), key);
    }
    let without_time: ChaosPlan = toml::from_str("faults = ['crash']").expect("a plan");
    assert_eq!(
        without_time.check(UplinkKind::Lab),
        Err(PlanError::RandomOnly("faults"))
    );
    assert!(
        PlanError::NeedsLab(Fault::DhcpMute)
            .to_string()
            .contains("choose the lab")
    );
}

#[test]
fn a_real_parent_is_never_flapped_unless_that_is_named_and_gets_no_fault_of_the_lab() {
    let faults: Vec<Fault> = UplinkKind::Parent.faults().collect();
    assert!(faults.iter().all(|fault| fault.aim() == Aim::Client));
    assert_eq!(UplinkKind::Ipv6Lab.faults().count(), Fault::ALL.len());
    let of_ipv6 = Fault::ALL.iter().filter(|fault| fault.family().is_some());
    let others = Fault::ALL.len() - of_ipv6.count();
    assert_eq!(UplinkKind::Lab.faults().count(), others);
    let named = plan("every 1s: flap-parent");
    let mut schedule = named
        .schedule(UplinkKind::Parent, Seed(1))
        .expect("a schedule");
    assert_eq!(
        schedule.next().map(|injection| injection.fault),
        Some(Fault::FlapParent)
    );
    let drawn: Vec<Fault> = plan("every 1s")
        .schedule(UplinkKind::Parent, Seed(1))
        .expect("a schedule")
        .take(500)
        .map(|injection| injection.fault)
        .collect();
    assert!(faults.iter().all(|fault| drawn.contains(fault)));
    assert!(drawn.iter().all(|fault| faults.contains(fault)));
}

#[test]
fn a_schedule_of_timed_faults_has_them_in_order_and_ends() {
    let plan = plan("at 2m: router-reboot; at 30s: crash, vanish");
    let told: Vec<String> = injections(&plan, 1, 9)
        .iter()
        .map(Injection::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "crash at 30s",
            "vanish at 30s",
            "router_reboot at 2m for 5s"
        ]
    );
}

#[test]
fn an_entry_with_a_time_of_its_own_changes_nothing_else() {
    let alone = plan("every 10s");
    let beside = plan("every 10s; at 25s: crash; at 1s: vanish");
    let mut random = injections(&beside, 5, 100);
    let is_timed = |injection: &Injection| [1, 25].contains(&injection.at.as_secs());
    assert_eq!(
        random
            .iter()
            .filter(|injection| is_timed(injection))
            .count(),
        2
    );
    random.retain(|injection| !is_timed(injection));
    assert_eq!(random, injections(&alone, 5, 98));
}

#[test]
fn faults_are_drawn_by_their_weights() {
    let drawn = injections(&plan("every 1s: crash*3, vanish"), 9, 4_000);
    let crashes = drawn
        .iter()
        .filter(|injection| injection.fault == Fault::Crash)
        .count();
    // Three quarters, and six standard deviations around them.
    assert!((2_835..=3_165).contains(&crashes), "{crashes}");
}

#[test]
fn each_client_is_a_victim_sooner_or_later_and_a_fault_of_the_router_has_none() {
    let herd = herd(20);
    let mut struck = std::collections::BTreeSet::new();
    for injection in injections(&plan("every 1s, victims 3: crash"), 2, 100) {
        let victims = injection.choose(&herd);
        assert_eq!(victims.len(), 3);
        struck.extend(victims);
    }
    assert_eq!(struck.len(), herd.len());
    let mute = Injection::once(
        Fault::DhcpMute,
        Duration::from_secs(9),
        Victims::default(),
        Seed(1),
    );
    assert_eq!(
        (mute.choose(&herd), mute.lasts),
        (Vec::new(), Duration::from_secs(9))
    );
}

#[test]
fn a_percentage_is_rounded_up_and_a_count_is_at_most_all() {
    let cases = [
        ("5%", 1, 1),
        ("5%", 20, 1),
        ("5%", 21, 2),
        ("100%", 7, 7),
        ("9", 7, 7),
        ("2", 7, 2),
        ("50%", 0, 0),
    ];
    for (victims, online, expected) in cases {
        let victims: Victims = victims.parse().expect(victims);
        assert_eq!(victims.of(online), expected, "{victims} of {online}");
    }
}

prop_compose! {
    fn some_plan()(
        every in prop::option::weighted(0.8, 100_u64..100_000),
        jitter in 0_u64..=100,
        faults in prop::collection::vec((0..Fault::ALL.len(), 1_u32..9), 0..5),
        lasts in (1_u64..9_000, 0_u64..9_000),
        percent in 1_u8..=100,
        at in prop::collection::vec((0_u64..900_000, 0..Fault::ALL.len()), 0..5),
    ) -> ChaosPlan {
        let milliseconds = Duration::from_millis;
        let choice = |(fault, weight): (usize, u32)| {
            format!("{}*{weight}", Fault::ALL[fault]).parse().expect("a choice")
        };
        ChaosPlan {
            every: every.map(milliseconds),
            jitter: every.map_or(Duration::ZERO, |every| milliseconds(every * jitter / 100)),
            faults: faults.into_iter().map(choice).collect(),
            lasts: DurationRange { least: milliseconds(lasts.0), most: milliseconds(lasts.0 + lasts.1) },
            victims: Victims::Percent(percent),
            at: at.into_iter().map(|(time, fault)| TimedFault {
                time: milliseconds(time),
                fault: Fault::ALL[fault],
                lasts: None,
                victims: None,
            }).collect(),
        }
    }
}

proptest! {
    /// Whatever the plan: one seed, one schedule and one set of victims; times never fall; durations stay within bounds.
    #[test]
    fn the_same_seed_gives_the_same_schedule_and_the_same_victims(plan in some_plan(), seed: u64, clients in 0_u32..200) {
        let Ok(schedule) = plan.schedule(UplinkKind::Lab, Seed(seed)) else {
            prop_assert!(plan.check(UplinkKind::Lab).is_err());
            return Ok(());
        };
        let injections: Vec<Injection> = schedule.take(60).collect();
        let again: Vec<Injection> = plan.schedule(UplinkKind::Lab, Seed(seed)).expect("as before").take(60).collect();
        prop_assert_eq!(&injections, &again);
        prop_assert!(injections.is_sorted_by_key(|injection| injection.at));
        if plan.every.is_none() {
            prop_assert_eq!(injections.len(), plan.at.len());
        }
        let herd = herd(clients);
        let mut backwards = herd.clone();
        backwards.reverse();
        for (injection, again) in injections.iter().zip(&again) {
            let victims = injection.choose(&herd);
            prop_assert_eq!(&victims, &again.choose(&backwards));
            prop_assert!(victims.iter().all(|victim| herd.contains(victim)));
            let is_momentary = injection.fault.aim() == Aim::Client;
            prop_assert_eq!(victims.len(), if is_momentary { plan.victims.of(herd.len()) } else { 0 });
            prop_assert!(injection.lasts.is_zero() == is_momentary);
            prop_assert!(is_momentary || (plan.lasts.least..=plan.lasts.most).contains(&injection.lasts));
        }
    }

    #[test]
    fn another_seed_gives_another_schedule(seed: u64) {
        let plan = plan("every 10s, jitter 1s, lasts 1s-60s");
        prop_assert_ne!(injections(&plan, seed, 20), injections(&plan, seed.wrapping_add(1), 20));
    }
}
