//! A report for people: one page that opens offline.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::availability::seconds;
use super::{AllPercentiles, Chore, Client, Ended, Outage, Outages, Percentiles, Report, Soak};
use crate::identity::ClientNumber;
use crate::objective;
use crate::page::chart::{Band, TimeAxis, bars, lines};
use crate::page::{Page, Verdict, escape};
use crate::phase::Phase;
use crate::soak::Line;
use crate::units::percent;

/// So many clients are listed one by one; of more, those that were in trouble.
const LISTED: usize = 200;

impl Report {
    /// The page. `verdict` is whether the run was a success.
    pub fn page(&self, verdict: Verdict) -> String {
        let totals = &self.totals;
        let mut words = format!("{} of {} clients online", totals.online, totals.wanted);
        if let Some(share) = self.availability.share {
            words = format!("{words}, availability {}", percent(share));
        }
        let lasted = Duration::from_secs_f64((self.duration_ms.max(0.0) / 1_000.0).round());
        let below = format!(
            "begun {}, {}; {}",
            self.started,
            humantime::format_duration(lasted),
            match totals.leaked_objects {
                0 => "nothing left behind".to_owned(),
                some => format!("{some} things were left behind"),
            }
        );
        let title = if self.soak.is_some() {
            "lanherd soak"
        } else {
            "lanherd run"
        };
        let verdict = match verdict {
            Verdict::Well if !self.is_flawless() => Verdict::Flawed,
            verdict => verdict,
        };
        let mut page = Page::new(title, verdict, &words, &below);
        page.pairs(&self.about());
        match self.ended {
            None if !self.complete => {
                page.trouble("The run has not ended: this is how it stood.");
            }
            Some(Ended::Interrupted) => {
                page.trouble("The run was interrupted.");
            }
            Some(Ended::EveryClientFailed) => {
                page.trouble("The run ended early: every client had failed for good.");
            }
            Some(Ended::TimeOver | Ended::Stopped) | None => {}
        }
        self.verdict(&mut page);
        for (client, chore) in self.never().take(10) {
            let why = chore
                .last_failure
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            page.trouble(&format!(
                "client {client} never succeeded with {}, {} times asked{why}",
                chore.what, chore.attempts
            ));
        }
        self.objectives(&mut page);
        page.heading("Totals, since the pool began, of all clients it ever had")
            .pairs(&self.sums());
        let percentiles = self
            .soak
            .as_ref()
            .map_or(&self.percentiles, |soak| &soak.sums.percentiles);
        page.heading("Times").table(
            &["", "median", "95 %", "99 %", "longest"],
            &times(percentiles),
        );
        if let Some(soak) = &self.soak {
            let began = humantime::parse_rfc3339(&self.started).ok();
            over_time(&mut page, soak, began, &self.outages);
        }
        let of = |pick: fn(&Client) -> Option<f64>| -> Vec<f64> {
            self.clients.iter().filter_map(pick).collect()
        };
        page.raw(&bars(
            "Time to join, by client",
            "ms",
            &of(|client| client.join_ms),
        ));
        page.raw(&bars(
            "Time to lease, by client",
            "ms",
            &of(|client| client.dhcp_ms),
        ));
        page.raw(&bars(
            "Median round trip, by client",
            "ms",
            &of(median_ping),
        ));
        self.failures(&mut page);
        self.list(&mut page);
        page.heading("Parameters").pairs(&self.parameters());
        page.finish()
    }

    /// The page of a run that is known by its report alone: one that goes on, or that has ended before.
    pub fn page_as_it_stands(&self) -> String {
        let is_bad = self.totals.online < self.totals.wanted
            || self.totals.leaked_objects > 0
            || self.never().next().is_some()
            || self.has_objective(objective::Verdict::Failed);
        let verdict = if is_bad {
            Verdict::Bad
        } else if self.has_objective(objective::Verdict::Inconclusive) {
            Verdict::Inconclusive
        } else {
            Verdict::Well
        };
        self.page(verdict)
    }

    fn has_objective(&self, verdict: objective::Verdict) -> bool {
        self.objectives.iter().any(|one| one.verdict == verdict)
    }

    /// What became of each objective, in its colour.
    fn objectives(&self, page: &mut Page) {
        if self.objectives.is_empty() {
            return;
        }
        page.heading("Objectives");
        for one in &self.objectives {
            let (verdict, text, words) = (one.verdict, escape(&one.text), escape(&one.words));
            page.raw(&format!(
                "<ul><li class=\"{verdict}\"><b>{verdict}</b>: {text}<br>{}</li></ul>\n",
                words.replace('\n', "<br>")
            ));
        }
    }

    /// What is looked for first: availability, outages, and what was lost.
    fn verdict(&self, page: &mut Page) {
        let availability = &self.availability;
        let mut pairs = vec![(
            "availability",
            match availability.share {
                Some(share) => format!(
                    "{}: {} usable of {} that clients were wanted, all together",
                    percent(share),
                    seconds(availability.usable_ms),
                    seconds(availability.wanted_ms)
                ),
                None => "no client was wanted for any time".to_owned(),
            },
        )];
        let by = |cause: &str, ms: f64| format!("{} {cause}", seconds(ms));
        let causes = &availability.unavailable_ms;
        let causes: Vec<_> = causes.iter().map(|(c, ms)| by(c.as_str(), *ms)).collect();
        if !causes.is_empty() {
            pairs.push(("not usable", causes.join(", ")));
        }
        let faults = &availability.on_purpose_ms;
        let faults: Vec<_> = faults.iter().map(|(f, ms)| by(f.as_str(), *ms)).collect();
        if !faults.is_empty() {
            pairs.push(("of that by faults made on purpose", faults.join(", ")));
        }
        let outages = self.outages.told();
        pairs.push(("outages", outages.unwrap_or_else(|| "none".to_owned())));
        for lost in self.totals.lost() {
            pairs.push((lost.what, lost.told()));
        }
        if self.tester.stalls > 0 {
            let text = format!(
                "{} times, {} in all; {} leases ran out by that",
                self.tester.stalls,
                seconds(self.tester.stalled_ms),
                self.tester.leases_lost
            );
            pairs.push(("the tester stood still", text));
        }
        let ended = self.ended.map_or("not yet", Ended::as_str);
        pairs.push(("ended", ended.replace('_', " ")));
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        page.heading("Verdict").pairs(&pairs);
        let rows: Vec<_> = self.outages.latest.iter().map(outage_row).collect();
        if !rows.is_empty() {
            page.heading("Outages");
            page.table(
                &[
                    "began",
                    "lasted",
                    "clients",
                    "cause",
                    "made on purpose",
                    "50 % back",
                    "95 % back",
                    "all back",
                ],
                &rows,
            );
        }
    }

    /// What clients that were online never succeeded with.
    fn never(&self) -> impl Iterator<Item = (ClientNumber, Chore<'_>)> {
        self.clients.iter().flat_map(|client| {
            let chores = client.chores().filter(Chore::never_succeeded);
            chores.map(|chore| (client.number, chore))
        })
    }

    fn sums(&self) -> Vec<(String, String)> {
        let totals = &self.totals;
        let mut sums = vec![
            ("clients given up".to_owned(), totals.failed.to_string()),
            ("restarts".to_owned(), totals.restarts.to_string()),
        ];
        let chores = [
            ("pings answered", totals.pings_received, totals.pings),
            (
                "lookups that found an address",
                totals.lookups_succeeded,
                totals.lookups,
            ),
            (
                "fetches that succeeded",
                totals.fetches_succeeded,
                totals.fetches,
            ),
            (
                "commands that succeeded",
                totals.commands_succeeded,
                totals.commands,
            ),
        ];
        let asked = chores.into_iter().filter(|(_, _, asked)| *asked > 0);
        sums.extend(
            asked.map(|(what, well, asked)| (what.to_owned(), format!("{well} of {asked}"))),
        );
        if let Some(lag) = &self.tester.scheduler_lag_ms {
            let verdict = if self.tester.saturated {
                "; it was saturated: times are not the router's alone"
            } else {
                ""
            };
            let lag = format!("99 % by at most {:.1} ms{verdict}", lag.p99);
            sums.push(("the tester itself was late".to_owned(), lag));
        }
        if let Some(soak) = &self.soak {
            sums.extend([
                (
                    "clients that came online, in all".to_owned(),
                    soak.sums.joins.to_string(),
                ),
                (
                    "leases lost while held".to_owned(),
                    soak.sums.leases_lost.to_string(),
                ),
                ("outages".to_owned(), soak.sums.outages.to_string()),
            ]);
        }
        sums
    }

    /// Failures by cause, and the story of each client that had one.
    fn failures(&self, page: &mut Page) {
        let mut by_cause: BTreeMap<String, u64> = BTreeMap::new();
        match &self.soak {
            Some(soak) => by_cause.extend(
                soak.sums
                    .failures
                    .iter()
                    .map(|(cause, count)| (cause.to_string(), *count)),
            ),
            None => {
                for failure in self
                    .clients
                    .iter()
                    .filter_map(|client| client.last_failure.as_ref())
                {
                    *by_cause.entry(failure.cause.to_string()).or_default() += 1;
                }
            }
        }
        if by_cause.is_empty() {
            page.heading("Failures")
                .pairs(&[("failures".to_owned(), "none".to_owned())]);
            return;
        }
        let rows: Vec<_> = by_cause
            .into_iter()
            .map(|(cause, count)| vec![cause, count.to_string()])
            .collect();
        page.heading("Failures").table(&["cause", "times"], &rows);
        let story = |client: &Client| {
            let failure = client.last_failure.as_ref()?;
            Some(vec![
                client.number.to_string(),
                client.phase.to_string(),
                client.restarts.to_string(),
                failure.stage.to_string(),
                failure.cause.to_string(),
                failure.detail.clone(),
            ])
        };
        let rows: Vec<_> = self.clients.iter().filter_map(story).take(LISTED).collect();
        page.table(
            &[
                "client",
                "now",
                "restarts",
                "stage",
                "cause",
                "the last time",
            ],
            &rows,
        );
    }

    fn list(&self, page: &mut Page) {
        let all = self.clients.len() <= LISTED;
        let is_told =
            |client: &&Client| all || client.phase != Phase::Online || client.restarts > 0;
        let row = |client: &Client| {
            let text =
                |value: &Option<f64>| value.map_or_else(String::new, |ms| format!("{ms:.2}"));
            vec![
                client.number.to_string(),
                client.group.to_string(),
                client.phase.to_string(),
                client.address.clone().unwrap_or_default(),
                client.mac.to_string(),
                text(&client.join_ms),
                text(&client.dhcp_ms),
                text(&median_ping(client)),
                client.restarts.to_string(),
            ]
        };
        let rows: Vec<_> = self
            .clients
            .iter()
            .filter(is_told)
            .take(LISTED)
            .map(row)
            .collect();
        let title = if all {
            "Clients"
        } else {
            "Clients that were in trouble"
        };
        page.heading(title).table(
            &[
                "client", "group", "phase", "address", "MAC", "join ms", "lease ms", "ping ms",
                "restarts",
            ],
            &rows,
        );
    }

    /// What was tested, where and by what: the first that a reader asks for.
    fn about(&self) -> Vec<(String, String)> {
        let text = |name: &str| {
            let value = self.parameters.get(name)?;
            let text = value.as_str().map(ToOwned::to_owned);
            text.or_else(|| (!value.is_null()).then(|| value.to_string()))
        };
        let place = match text("parent") {
            Some(parent) => parent,
            None => "the lab".to_owned(),
        };
        let mut all = vec![("parent".to_owned(), place)];
        all.extend(text("pool").map(|pool| ("pool".to_owned(), pool)));
        let labels = self
            .parameters
            .get("label")
            .or_else(|| self.parameters.get("labels"));
        for (name, value) in labels.and_then(Value::as_object).into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            all.push((name.clone(), value));
        }
        all.push(("seed".to_owned(), self.seed.to_string()));
        all.push(("lanherd".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        all
    }

    fn parameters(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let object = self.parameters.as_object().into_iter().flatten();
        let is_above = |name: &str| matches!(name, "seed" | "parent" | "pool" | "label" | "labels");
        let said = object.filter(|(name, value)| !value.is_null() && !is_above(name));
        all.extend(said.map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned);
            (name.clone(), value)
        }));
        all
    }
}

fn outage_row(outage: &Outage) -> Vec<String> {
    let after = |ms: Option<f64>| ms.map_or_else(|| "not yet".to_owned(), seconds);
    vec![
        outage.began.clone(),
        after(outage.lasted_ms()),
        format!(
            "{} of {} ({})",
            outage.clients,
            outage.of,
            percent(outage.share())
        ),
        outage.cause.to_string(),
        outage
            .fault
            .map(|fault| fault.to_string())
            .unwrap_or_default(),
        after(outage.half_back_ms),
        after(outage.most_back_ms),
        after(outage.all_back_ms),
    ]
}

fn times(all: &AllPercentiles) -> Vec<Vec<String>> {
    let row = |(name, value): (&str, Option<Percentiles>)| {
        let Percentiles { p50, p95, p99, max } = value?;
        let cells = [p50, p95, p99, max].map(|ms| format!("{ms:.2} ms"));
        Some([vec![name.to_owned()], cells.to_vec()].concat())
    };
    let rows = [
        ("join", all.join_ms),
        ("lease", all.dhcp_ms),
        ("ping", all.ping_ms),
        ("lookup", all.dns_ms),
        ("fetch", all.http_ms),
        ("command", all.command_ms),
    ];
    rows.into_iter().filter_map(row).collect()
}

/// The middle of a client's medians over its targets.
fn median_ping(client: &Client) -> Option<f64> {
    let mut medians: Vec<f64> = client
        .pings
        .iter()
        .filter_map(|pings| pings.median_ms)
        .collect();
    medians.sort_by(f64::total_cmp);
    medians.get(medians.len() / 2).copied()
}

/// What a soak did over its time, and the first hour of it against the last.
fn over_time(page: &mut Page, soak: &Soak, began: Option<SystemTime>, outages: &Outages) {
    let timeline = &soak.timeline;
    let at: Vec<f64> = timeline.iter().map(|line| line.at_ms / 1_000.0).collect();
    // The times of a soak are counted from the moment at which its herd had joined.
    let joined = Duration::from_secs_f64(soak.joined_ms.max(0.0) / 1_000.0);
    let began = began.map(|began| began + joined);
    let last = at.last().copied().unwrap_or_default();
    let bands: Vec<_> = outages
        .latest
        .iter()
        .filter_map(|outage| band(outage, began?, last))
        .collect();
    let axis = TimeAxis {
        at: &at,
        began,
        bands: &bands,
    };
    let of = |pick: &dyn Fn(&Line) -> Option<f64>| timeline.iter().map(pick).collect();
    page.heading("Over time");
    page.raw(&lines(
        "Clients",
        "",
        &axis,
        &[
            ("wanted", of(&|line| Some(line.wanted as f64))),
            ("online", of(&|line| Some(line.online as f64))),
        ],
    ));
    page.raw(&lines(
        "Round trips",
        "ms",
        &axis,
        &[
            ("median", of(&|line| line.rtt_p50_ms)),
            ("99 of 100", of(&|line| line.rtt_p99_ms)),
        ],
    ));
    page.raw(&lines(
        "Lost pings",
        "%",
        &axis,
        &[("lost", of(&|line| line.loss().map(|loss| loss * 100.0)))],
    ));
    for (what, failed, pick) in [
        (
            "Lookups",
            "Failed lookups",
            (|line| line.lookups) as fn(&Line) -> _,
        ),
        ("Fetches", "Failed fetches", |line| line.fetches),
        ("Commands", "Failed commands", |line| line.commands),
    ] {
        if timeline.iter().all(|line| pick(line).is_none()) {
            continue;
        }
        let times = [
            ("median", of(&|line| pick(line)?.p50_ms)),
            ("99 of 100", of(&|line| pick(line)?.p99_ms)),
        ];
        page.raw(&lines(what, "ms", &axis, &times));
        let failures = of(&|line| pick(line)?.failures().map(|share| share * 100.0));
        page.raw(&lines(failed, "%", &axis, &[("failed", failures)]));
    }
    page.raw(&lines(
        "Restarts, from one look to the next",
        "",
        &axis,
        &[("restarts", of(&|line| Some(line.restarts as f64)))],
    ));
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    page.raw(&lines(
        "The tester's own memory",
        "MiB",
        &axis,
        &[("resident", of(&|line| Some(mib(line.resident_bytes))))],
    ));
    comparison(page, soak);
    faults(page, soak);
}

/// Where an outage lies on an axis that counts seconds from `began`, and ends at `last`.
fn band(outage: &Outage, began: SystemTime, last: f64) -> Option<Band> {
    let at = humantime::parse_rfc3339(&outage.began).ok()?;
    // What began before the herd had joined lies before the axis.
    let from = match at.duration_since(began) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    Some(Band {
        what: match outage.fault {
            Some(fault) => format!("outage, by the fault {fault}"),
            None => format!("outage, {}", outage.cause),
        },
        from,
        to: outage.lasted_ms().map_or(last, |ms| from + ms / 1_000.0),
        is_planned: outage.fault.is_some(),
    })
}

/// The first hour against the last.
fn comparison(page: &mut Page, soak: &Soak) {
    if let Some(comparison) = &soak.comparison {
        let rows: Vec<_> = comparison
            .rows
            .iter()
            .map(|row| {
                let text = row.to_string();
                let (name, sides) = text.split_once(": ").unwrap_or((&text, ""));
                let (first, last) = sides.split_once(", then ").unwrap_or((sides, ""));
                vec![
                    name.to_owned(),
                    first.to_owned(),
                    last.to_owned(),
                    row.verdict.as_str().replace('_', " "),
                ]
            })
            .collect();
        page.heading("The beginning against the end");
        page.judged(
            &["figure", "first window", "last window", "verdict"],
            &rows,
            |verdict| match verdict {
                "drifted" => Some("bad"),
                "steady" | "improved" => Some("good"),
                _ => None,
            },
        );
    }
}

/// What was broken on purpose.
fn faults(page: &mut Page, soak: &Soak) {
    let faults: Vec<_> = soak
        .sums
        .faults
        .iter()
        .map(|(fault, sum)| {
            let median = sum.recovery_ms.map_or_else(
                || "took nobody offline".to_owned(),
                |times| format!("{:.0} ms", times.p50),
            );
            vec![fault.to_string(), sum.count.to_string(), median]
        })
        .collect();
    if !faults.is_empty() {
        page.heading("Faults made on purpose");
        page.table(&["fault", "made", "median recovery"], &faults);
    }
}
