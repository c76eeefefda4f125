use super::*;
use crate::identity::{PoolName, Seed};

const GOOD: Duration = Duration::from_millis(1);
const BAD: Duration = Duration::from_micros(10_001);

fn after(wakings: &[(usize, Duration)]) -> Lag {
    let mut lag = Lag::default();
    for (count, late) in wakings {
        for _ in 0..*count {
            lag.record(*late);
        }
    }
    lag
}

#[test]
fn a_tester_is_saturated_when_more_than_one_waking_in_a_hundred_is_too_late() {
    for (wakings, is, was) in [
        (&[][..], false, false),
        (&[(WINDOW - 11, GOOD), (11, BOUND)][..], false, false),
        (&[(WINDOW - 10, GOOD), (10, BAD)][..], false, false),
        (&[(WINDOW - 11, GOOD), (11, BAD)][..], true, true),
        // Nothing waits for the first ten seconds to be over.
        (&[(10, BAD)][..], false, false),
        (&[(11, BAD)][..], true, true),
        // It recovers, and the report still says so.
        (&[(WINDOW, BAD), (WINDOW - 10, GOOD)][..], false, true),
        (&[(WINDOW, BAD), (WINDOW - 11, GOOD)][..], true, true),
        // Two stalls that lie apart are no saturation.
        (
            &[(10, BAD), (WINDOW - 10, GOOD), (10, BAD)][..],
            false,
            false,
        ),
    ] {
        let lag = after(wakings);
        assert_eq!(
            (lag.is_saturated(), lag.was_saturated()),
            (is, was),
            "{wakings:?}"
        );
    }
}

#[test]
fn the_first_time_is_told_apart_from_those_that_follow() {
    let mut lag = after(&[(WINDOW - 11, GOOD), (10, BAD)]);
    let told: Vec<Saturation> = [BAD, BAD, GOOD]
        .into_iter()
        .map(|late| lag.record(late))
        .collect();
    assert_eq!(
        told,
        [
            Saturation::Saturated,
            Saturation::StillSaturated,
            Saturation::StillSaturated
        ]
    );
}

fn begun(now: Instant) -> TesterState {
    TesterState {
        began: Some(now),
        due: Some(now + PERIOD),
        ..TesterState::default()
    }
}

#[test]
fn a_stall_is_in_the_time_in_which_it_was_and_in_no_other() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let mut state = begun(began);
    for ms in (10..=5_000).step_by(10) {
        state.wake(at(ms), |_, _| {});
    }
    state.wake(at(5_205), |_, _| {});
    for ms in (5_210..=9_000).step_by(10) {
        state.wake(at(ms), |_, _| {});
    }
    let ms = Duration::from_millis;
    assert_eq!(state.worst(at(5_100), at(5_300)), ms(195));
    assert_eq!(state.worst(at(6_300), at(9_000)), Duration::ZERO);
    // Of a random moment of the stall: half as late as it lasted.
    let all = state.history.between(ms(5_000), ms(5_300));
    assert_eq!(all.max(), Some(ms(195)));
    assert!(all.count() >= 100, "{all:?}");
}

#[test]
fn one_short_stall_on_an_idle_machine_is_in_what_was_measured_across_it_and_in_nothing_around_it() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let mut state = begun(began);
    for ms in (10..=5_000).step_by(10) {
        // One waking comes 7 ms late.
        let late = if ms == 3_000 { 7 } else { 0 };
        state.wake(at(ms + late), |_, _| {});
    }
    let (zero, seven) = (Duration::ZERO, Duration::from_millis(7));
    assert_eq!(state.worst(at(2_990), at(3_010)), seven);
    assert_eq!(state.worst(at(2_000), at(5_000)), seven);
    assert_eq!(state.worst(at(3_004), at(3_020)), Duration::from_millis(3));
    assert_eq!(state.worst(at(3_010), at(3_500)), zero);
    assert_eq!(state.worst(at(3_900), at(5_000)), zero);
}

#[test]
fn a_waking_that_has_not_come_is_as_late_as_it_is_now() {
    let began = Instant::now();
    let state = begun(began);
    let now = began + PERIOD + Duration::from_millis(300);
    assert_eq!(state.worst(began, now), Duration::from_millis(300));
}

#[test]
fn a_night_in_which_the_process_stood_still_costs_no_more_than_an_hour() {
    let began = Instant::now();
    let mut state = begun(began);
    let mut told = 0_u64;
    state.wake(began + Duration::from_secs(36_000), |_, _| told += 1);
    assert_eq!(told, 360_001);
    assert_eq!(state.lag.all().max(), Some(LONGEST));
}

#[tokio::test]
async fn each_waking_that_a_stall_has_swallowed_is_noted_as_late_in_its_time() {
    let metrics = Metrics::new(&PoolName::default(), Seed(7)).expect("families");
    let tester = Tester::watch(metrics.clone());
    let (figures, began) = (tester.figures(), Instant::now());
    tokio::task::yield_now().await;
    // The only thread of the runtime is kept from everything else.
    std::thread::sleep(PERIOD * 25 + PERIOD / 2);
    // It is known before the task has woken.
    assert!(figures.worst_of(Duration::ZERO) >= PERIOD * 24);
    while figures.now().all().count() < 25 {
        tokio::task::yield_now().await;
    }
    let all = figures.between(began, Instant::now());
    assert!(all.max() >= Some(PERIOD * 24), "{all:?}");
    assert!(all.quantile(0.5) >= Some(PERIOD * 10), "{all:?}");
    assert!(figures.worst_of(PERIOD * 25) >= PERIOD * 24);
    let text = metrics.render();
    assert!(
        text.contains("lanherd_scheduler_lag_seconds_count"),
        "{text}"
    );
}

#[test]
fn where_nobody_watches_nothing_is_late() {
    let figures = TesterFigures::default();
    assert_eq!(figures.worst_of(Duration::from_secs(9)), Duration::ZERO);
    assert_eq!(figures.now().all().count(), 0);
}
