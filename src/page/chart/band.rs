//! What lies behind the lines of a chart.

use super::TimeAxis;

/// Something that lies behind the lines of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// What it was, for a person who points at it.
    pub what: String,
    /// Its beginning, in seconds on the axis.
    pub from: f64,
    /// Its end, in seconds on the axis; the beginning again for one moment.
    pub to: f64,
    /// What kind of thing it is, which gives it its colour.
    pub kind: BandKind,
}

/// What lies behind the lines of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandKind {
    /// Most of the herd was down at once.
    Outage,
    /// Something was broken on purpose.
    Fault,
}

impl BandKind {
    /// In the order in which they are drawn: what is found stands above what was made.
    pub(super) const ALL: [Self; 2] = [Self::Fault, Self::Outage];

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Fault => "planned",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Fault => "fault made on purpose",
        }
    }
}

/// Bands of one kind that touch each other where they are drawn, as one.
pub(super) struct Strip<'a> {
    pub(super) left: f64,
    pub(super) right: f64,
    bands: Vec<&'a Band>,
}

impl<'a> Strip<'a> {
    /// What happens at one moment is so wide.
    const LEAST: f64 = 2.5;
    /// Of things of one name so many are told with their times.
    const TOLD: usize = 5;

    /// Those of one kind between the ends of the axis, from left to right; `x` is where a place on the axis is drawn.
    pub(super) fn all(
        kind: BandKind,
        axis: &TimeAxis<'a>,
        (first, last): (f64, f64),
        x: impl Fn(f64) -> f64,
    ) -> Vec<Self> {
        let bands = axis.bands.iter();
        let mut bands: Vec<_> = bands
            .filter(|band| band.kind == kind && band.to >= first && band.from <= last)
            .collect();
        bands.sort_by(|one, next| one.from.total_cmp(&next.from));
        let mut strips: Vec<Self> = Vec::new();
        for band in bands {
            let left = x(band.from.max(first));
            let right = x(band.to.min(last)).max(left + Self::LEAST);
            match strips.last_mut() {
                Some(strip) if left <= strip.right => {
                    strip.right = strip.right.max(right);
                    strip.bands.push(band);
                }
                _ => strips.push(Self {
                    left,
                    right,
                    bands: vec![band],
                }),
            }
        }
        strips
    }

    /// What it was, for a person who points at it: a line for each name, with the times.
    pub(super) fn told(&self, axis: &TimeAxis<'_>) -> String {
        let mut names: Vec<(&str, Vec<String>)> = Vec::new();
        for band in &self.bands {
            let time = axis.label(band.from, false);
            match names.iter_mut().find(|(name, _)| *name == band.what) {
                Some((_, times)) => times.push(time),
                None => names.push((&band.what, vec![time])),
            }
        }
        let line = |(name, times): (&str, Vec<String>)| {
            let told = &times[..times.len().min(Self::TOLD)];
            let more = times.len() - told.len();
            let more = (more > 0).then(|| format!(" and {more} more"));
            format!("{name}: {}{}", told.join(", "), more.unwrap_or_default())
        };
        let lines: Vec<_> = names.into_iter().map(line).collect();
        lines.join("\n")
    }
}
