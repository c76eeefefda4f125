//! How figures are written: one way for reports, results of feature files, the live page and the terminal.

use std::time::{Duration, SystemTime};

pub use crate::units::percent;

/// A number in three digits or so.
pub fn number(value: f64) -> String {
    match value {
        v if v.abs() >= 100.0 || v.fract() == 0.0 => format!("{v:.0}"),
        v if v.abs() >= 10.0 => format!("{v:.1}"),
        v if v.abs() >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

/// Something that was measured in milliseconds: `0.038 ms`, `142 ms`.
pub fn milliseconds(ms: f64) -> String {
    format!("{} ms", number(ms))
}

/// A length of time that people wait for, given in milliseconds: `80 ms`, `5.0 s`, `2m 5s`.
pub fn span(ms: f64) -> String {
    match ms {
        0.0 => "0 s".to_owned(),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.1} s", ms / 1_000.0),
        // A report that was edited may say more than there is time.
        ms => match Duration::try_from_secs_f64((ms / 1_000.0).round()) {
            Ok(whole) => humantime::format_duration(whole).to_string(),
            Err(_) => format!("{} s", number(ms / 1_000.0)),
        },
    }
}

/// The time of day of a moment (UTC) in whole seconds, after the day where `with_day` says so.
pub fn moment(moment: SystemTime, with_day: bool) -> String {
    let whole = humantime::format_rfc3339_seconds(moment).to_string();
    let (day, time) = whole.split_once('T').unwrap_or(("", &whole));
    let time = time.trim_end_matches('Z');
    if with_day {
        format!("{day} {time}")
    } else {
        time.to_owned()
    }
}

/// The same of a moment as reports write it (RFC 3339); what is none stays as it is.
pub fn written_moment(written: &str, with_day: bool) -> String {
    match humantime::parse_rfc3339(written) {
        Ok(at) => moment(at, with_day),
        Err(_) => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_or_so_and_lengths_the_unit_that_people_use() {
        for (value, text) in [
            (0.0, "0"),
            (0.0384, "0.038"),
            (1.26, "1.26"),
            (7.0, "7"),
            (41.22, "41.2"),
            (522.57, "523"),
        ] {
            assert_eq!(number(value), text);
        }
        for (ms, text) in [
            (0.0, "0 s"),
            (80.4, "80 ms"),
            (5_000.0, "5.0 s"),
            (125_000.0, "2m 5s"),
        ] {
            assert_eq!(span(ms), text);
        }
        assert!(span(1e300).starts_with('1') && span(1e300).ends_with(" s"));
        assert_eq!(
            written_moment("1970-01-01T01:00:10.500Z", true),
            "1970-01-01 01:00:10"
        );
    }
}
