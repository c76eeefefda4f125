//! Figures of the whole scenario, and their bounds.

use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::{Complaint, World};
use crate::objective::{Objective, ObjectiveError, Should, Verdict};
use crate::pool::Figures;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Then,
        pattern: "the {stat} {signal} should be below {duration}",
        example: "the p99 ping round trip should be below 20ms",
        meaning: "Of all clients and all that they did in the scenario. Inconclusive, where the tester itself was so late meanwhile \
                  that it may be why: see verdicts.md.",
        act: act!(|world, said| {
            let [stat, signal, bound] = said.texts()?;
            one(world, &format!("{stat} {signal}"), Should::BeBelow, &bound).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "packet loss should stay below {percent}",
        example: "packet loss should stay below 1%",
        meaning: "Of all pings of the scenario, those that could not be sent included.",
        act: act!(|world, said| {
            let [bound] = said.texts()?;
            one(world, "packet loss", Should::BeBelow, &bound).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "availability should be at least {percent}",
        example: "availability should be at least 99.9%",
        meaning: "Of the time in which clients should have been usable, the share in which they were online.",
        act: act!(|world, said| {
            let [bound] = said.texts()?;
            one(world, "availability", Should::BeAtLeast, &bound).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{failures} should stay below {percent}",
        example: "failed lookups should stay below 0.5%",
        meaning: "Of all attempts of the kind in the scenario.",
        act: act!(|world, said| {
            let [figure, bound] = said.texts()?;
            one(world, &figure, Should::BeBelow, &bound).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "the {goodput} should be at least {bitrate}",
        example: "the minimum download goodput should be at least 5 Mbit/s",
        meaning: "Of all streams of the scenario: what had arrived when their time was over, by that time; without median, minimum or the \
                  like the mean of all, weighed by their time. Inconclusive, where by what TCP itself says the tester or the sink was \
                  the limit of those that were too slow.",
        act: act!(|world, said| {
            let [figure, bound] = said.texts()?;
            one(world, &figure, Should::BeAtLeast, &bound).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no message should have been malformed",
        example: "no message should have been malformed",
        meaning: "Of all DHCP messages that servers sent to clients in the scenario: each could be read, every option in it is as its \
                  RFC says, and no address was offered that no client can use. Names the option, the byte and how often.",
        act: act!(|world, _| {
            let figures = world.pool()?.figures().await?;
            none_malformed(&figures)
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "these objectives should hold:",
        example: "these objectives should hold:",
        meaning: "A table of objective and, of below, at most, at least and above, those columns that are needed, one cell in each \
                  row: 'p99 ping round trip', 'median DHCP time', … with a duration; 'availability' and 'packet loss' with a percentage; \
                  'failed lookups' and their like with a percentage or a number; 'duplicate pings', \
                  'malformed messages', 'restarts' and 'outages' with a number; 'goodput', 'minimum download goodput', … with a rate of bits. All that do not hold are named.",
        act: act!(|world, said| objectives(world, said).await),
    },
];

impl From<ObjectiveError> for Complaint {
    fn from(error: ObjectiveError) -> Self {
        Self::new(error.to_string())
    }
}

/// Judges one objective.
pub(super) async fn one(
    world: &World,
    figure: &str,
    should: Should,
    bound: &str,
) -> Result<(), Complaint> {
    judge(world, &[Objective::new(figure, should, bound)?]).await
}

/// Judges all; those that do not hold are named. Inconclusive if none has failed, but some may be the tester's doing.
async fn judge(world: &World, objectives: &[Objective]) -> Result<(), Complaint> {
    let figures = world.pool()?.figures().await?;
    let judgements = objectives.iter().map(|objective| objective.judge(&figures));
    let missed: Vec<_> = judgements
        .filter(|judgement| judgement.verdict != Verdict::Passed)
        .collect();
    let words = match missed.as_slice() {
        [] => return Ok(()),
        [one] => one.words.clone(),
        many => {
            let lines: Vec<_> = many
                .iter()
                .map(|miss| format!("\n  {}", miss.words.replace('\n', "\n  ")))
                .collect();
            format!("{} objectives do not hold:{}", many.len(), lines.concat())
        }
    };
    let has_failed = missed
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Failed);
    Err(if has_failed {
        Complaint::new(words)
    } else {
        Complaint::inconclusive(words)
    })
}

fn none_malformed(figures: &Figures) -> Result<(), Complaint> {
    let all: Vec<String> = figures
        .malformed()
        .map(|(_, sum)| match sum.count {
            1 => format!("\n  once: {}", sum.last),
            count => format!("\n  {count} times, last: {}", sum.last),
        })
        .collect();
    match figures.malformed_count() {
        0 if figures.dhcp.count() == 0 => Err(Complaint::new(
            "no server has granted anything in this scenario, so nothing can be said of its messages",
        )),
        0 => Ok(()),
        1 => Err(Complaint::new(format!(
            "a server's message was malformed:{}",
            all.concat()
        ))),
        count => Err(Complaint::new(format!(
            "servers' messages were malformed {count} times:{}",
            all.concat()
        ))),
    }
}

/// The columns of bounds.
const BOUNDS: [(&str, Should); 4] = [
    ("below", Should::BeBelow),
    ("at most", Should::BeAtMost),
    ("at least", Should::BeAtLeast),
    ("above", Should::BeAbove),
];

async fn objectives(world: &mut World, said: StepArguments) -> Result<(), Complaint> {
    let mut objectives = Vec::new();
    let columns = BOUNDS.map(|(column, _)| column);
    for row in said.rows()?.by_column(&["objective"], &columns)? {
        let figure = row.get("objective").copied().unwrap_or_default();
        let bounds: Vec<_> = BOUNDS
            .iter()
            .filter_map(|(column, should)| Some((*should, *row.get(column)?)))
            .collect();
        let [(should, bound)] = bounds.as_slice() else {
            return Err(Complaint::of_word(
                figure,
                "give it one bound, in a column below, at most, at least or above",
            ));
        };
        objectives.push(Objective::new(figure, *should, bound)?);
    }
    judge(world, &objectives).await
}
