use super::*;

fn lines(title: &str, unit: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> String {
    super::lines(title, unit, axis, series).into()
}

fn shares(title: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> String {
    super::shares(title, axis, series).into()
}

fn bars(title: &str, unit: &str, values: &[f64]) -> String {
    super::bars(title, unit, values).into()
}

#[test]
fn an_axis_ends_at_a_round_number() {
    for (value, end) in [
        (0.0, 1.0),
        (0.3, 0.5),
        (1.0, 1.0),
        (7.0, 10.0),
        (21.0, 25.0),
        (200.0, 200.0),
    ] {
        assert!((nice(value) - end).abs() < 1e-9, "{value} {}", nice(value));
    }
}

#[test]
fn a_line_is_broken_where_there_is_no_value_and_stays_inside() {
    let values = vec![Some(1.0), None, Some(2.0), Some(0.0)];
    let at = [0.0, 1.0, 2.0, 3.0];
    let axis = TimeAxis {
        at: &at,
        ..TimeAxis::default()
    };
    let chart = lines("rtt", "ms", &axis, &[("p50", values)]);
    let path = chart.split("class=\"s0\" d=\"").nth(2).expect("a line");
    let path = path.split('"').next().expect("its end");
    assert_eq!(path.matches('M').count(), 2, "{path}");
    for number in path
        .split(['M', 'L', 'H', ' '])
        .filter(|part| !part.is_empty())
    {
        let number: f64 = number.parse().expect("a number");
        assert!((0.0..=WIDTH).contains(&number), "{path}");
    }
}

#[test]
fn every_value_is_in_a_bar_and_nothing_is_drawn_of_nothing() {
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    let chart = bars("join", "ms", &values);
    let counted: u32 = chart
        .split("<title>")
        .skip(1)
        .filter_map(|part| part.split(" client").next()?.parse::<u32>().ok())
        .sum();
    assert_eq!(counted, 100);
    assert_eq!(bars("join", "ms", &[3.0]), "");
    assert_eq!(lines("rtt", "ms", &TimeAxis::default(), &[]), "");
    assert!(!bars("same", "ms", &[5.0, 5.0, 5.0]).contains("NaN"));
}

#[test]
fn an_axis_says_the_time_of_day_and_every_tick_its_unit() {
    let at = [10.0, 70.0];
    let bands = [
        Band {
            what: "outage".to_owned(),
            from: 20.0,
            to: 30.0,
            kind: BandKind::Outage,
        },
        Band {
            what: "crash".to_owned(),
            from: 500.0,
            to: 500.0,
            kind: BandKind::Fault,
        },
    ];
    let axis = TimeAxis {
        at: &at,
        began: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(3_600)),
        bands: &bands,
        goes_on: None,
    };
    let chart = lines("rtt", "ms", &axis, &[("p50", vec![Some(1.0), Some(7.0)])]);
    for text in [
        ">01:00:10 UTC<",
        ">01:01:10 UTC<",
        ">0 ms<",
        ">5 ms<",
        ">10 ms<",
    ] {
        assert!(chart.contains(text), "{text} in {chart}");
    }
    assert!(chart.contains("class=\"outage\"") && chart.contains("outage: 01:00:20 UTC"));
    // What lies beyond the chart is not drawn over its edge.
    assert!(!chart.contains("crash"), "{chart}");
    let days = TimeAxis {
        at: &[0.0, 200_000.0],
        ..axis
    };
    let chart = lines("rtt", "ms", &days, &[("p50", vec![Some(1.0), Some(7.0)])]);
    assert!(chart.contains(">1970-01-01 01:00:00 UTC<"), "{chart}");
}

#[test]
fn like_faults_that_lie_side_by_side_are_one_strip_that_tells_each_and_the_legend_has_what_is_there()
 {
    let at = [0.0, 3_600.0];
    let fault = |what: &str, from| Band {
        what: what.to_owned(),
        from,
        to: from,
        kind: BandKind::Fault,
    };
    let mut bands: Vec<_> = (0..8).map(|n| fault("crash", f64::from(n))).collect();
    bands.push(fault("vanish", 3.5));
    bands.push(fault("crash", 3_000.0));
    let axis = TimeAxis {
        at: &at,
        began: Some(SystemTime::UNIX_EPOCH),
        bands: &bands,
        goes_on: None,
    };
    let chart = lines("rtt", "ms", &axis, &[("p50", vec![Some(1.0), Some(7.0)])]);
    assert_eq!(
        chart.matches("<rect class=\"planned\" x=").count(),
        2,
        "{chart}"
    );
    let told = "<title>crash: 00:00:00 UTC, 00:00:01 UTC, 00:00:02 UTC, 00:00:03 UTC, 00:00:04 UTC and 3 more\nvanish: 00:00:0";
    assert!(chart.contains(told), "{chart}");
    assert!(chart.contains("fault made on purpose</span>"), "{chart}");
    assert!(!chart.contains("outage"), "{chart}");
}

#[test]
fn shares_that_are_nearly_all_are_drawn_so_that_what_is_missing_is_seen() {
    let at = [0.0, 1.0, 2.0];
    let axis = TimeAxis {
        at: &at,
        ..TimeAxis::default()
    };
    let chart = |values: [f64; 3]| shares("usable", &axis, &[("a", values.map(Some).to_vec())]);
    let little = chart([100.0, 99.6, 100.0]);
    for tick in [">99.5 %<", ">99.75 %<", ">100 %<"] {
        assert!(little.contains(tick), "{tick} in {little}");
    }
    // The least of them lies four fifths down the chart.
    assert!(little.contains("L500.0 80.0L"), "{little}");
    assert!(chart([100.0; 3]).contains(">99 %<"));
    assert!(chart([100.0, 0.0, 50.0]).contains(">0 %<"));
    assert_eq!(shares("usable", &axis, &[("a", vec![None; 3])]), "");
}

#[test]
fn a_level_line_is_one_stroke_a_lone_value_a_dot_and_what_goes_on_says_its_latest_values() {
    let at = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let axis = TimeAxis {
        at: &at,
        goes_on: Some(30.0),
        ..TimeAxis::default()
    };
    let level = vec![Some(5.0); 6];
    let lone = [None, None, Some(10.0), None, None, None].to_vec();
    let chart = lines("rtt", "ms", &axis, &[("level", level), ("lone", lone)]);
    assert!(chart.contains("d=\"M0.0 50.0H166.7\""), "{chart}");
    assert!(chart.contains("d=\"M66.7 0.0H66.7\""), "{chart}");
    for latest in ["level <b>5 ms</b>", "lone <b>none</b>", ">30.0 s<"] {
        assert!(chart.contains(latest), "{latest} in {chart}");
    }
}

#[test]
fn one_client_is_not_clients_and_half_a_client_is_nobody() {
    assert_eq!(quantity(1.0, "clients"), "1 client");
    assert_eq!(quantity(2.0, "clients"), "2 clients");
    assert_eq!(quantity(0.5, "clients"), "");
    assert_eq!(quantity(0.5, "ms"), "0.5 ms");
    assert!(bars("join", "ms", &[1.0, 30.0]).contains("1 client: "));
}
