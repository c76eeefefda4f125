//! Whether clients fared as they should.

use std::collections::BTreeSet;

use crate::activity::Kind;
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, CountWord};
use crate::bdd::world::{ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::phase::{Cause, Phase};

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should respond successfully",
        example: "all clients should respond successfully",
        meaning: "All that the When before asked of them went well: every ping answered, every name resolved, every fetch and \
                  command a success. Nothing is tolerated, unless it says 'at least 99.5% of clients'.",
        act: act!(|world, said| succeed(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should fail with {cause}",
        example: "client 6 should fail with no_offer",
        meaning: "What the When before asked of them failed for this cause; or, if it asked nothing, their latest failure has it. \
                  Causes are those of metrics and reports.",
        act: act!(|world, said| fail_with(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "the output of {clients} should contain {string}",
        example: "the output of all clients should contain \"200 OK\"",
        meaning: "What the command of the When before has printed to the end, standard output and error together, of which the last \
                  2 KiB are kept.",
        act: act!(|world, said| output_contains(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should be restarted at most {count} time(s)",
        example: "all clients should be restarted at most 1 time",
        meaning: "Each of them, in the whole scenario.",
        act: act!(|world, said| restarted_at_most(world, said).await),
    },
];

fn answers(world: &World) -> Result<&ClientResults, Complaint> {
    world.answers.as_ref().ok_or_else(|| {
        Complaint::new("nothing was asked of clients in this scenario: a When has to come first, as 'When all clients attempt \
                        to ping Google DNS'")
    })
}

async fn succeed(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let answers = answers(world)?;
    let what = format!("did not respond successfully ({})", answers.what);
    chosen.judge(&what, |number| match answers.clients.get(&number) {
        Some(answer) => answer.outcome.clone(),
        None => Err("it was not asked".to_owned().into()),
    })
}

async fn output_contains(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let wanted = said.text()?;
    let chosen = world.choose(&clients).await?;
    let answers = answers(world)?;
    chosen.judge(&format!("did not print {wanted:?}"), |number| {
        let answer = answers.clients.get(&number);
        let answer = answer.ok_or_else(|| ClientComplaint::from("it was not asked".to_owned()))?;
        match (&answer.output, &answer.outcome) {
            (Some(output), _) if output.contains(&wanted) => Ok(()),
            (Some(output), _) => Err(format!("it printed {:?}", output.trim_end()).into()),
            (None, Err(why)) => Err(why.clone()),
            (None, Ok(())) => Err("it ran no command".to_owned().into()),
        }
    })
}

async fn fail_with(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let cause = said.text()?;
    if !causes().contains(cause.as_str()) {
        let all: Vec<_> = causes().into_iter().collect();
        return Err(Complaint::of_word(
            &cause,
            format!("there is no such cause: use one of {}", all.join(", ")),
        ));
    }
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let answers = world.answers.as_ref();
    chosen.judge(&format!("did not fail with {cause}"), |number| {
        let asked = answers.and_then(|answers| answers.clients.get(&number));
        if let Some(answer) =
            asked.filter(|answer| answer.causes.iter().any(|known| *known == cause))
        {
            return match &answer.outcome {
                // Lateness makes failures: this one is not known to be the router's.
                Err(ClientComplaint {
                    text,
                    tester: tester @ Some(_),
                }) => Err(ClientComplaint {
                    text: format!("it did, as far as can be seen: {text}"),
                    tester: *tester,
                }),
                Err(_) => Ok(()),
                Ok(()) => Err("it succeeded".to_owned().into()),
            };
        }
        let client = by_number
            .get(&number)
            .ok_or_else(|| ClientComplaint::from("it has left".to_owned()))?;
        match (&client.failure, asked) {
            (Some(failure), _) if failure.cause.as_str() == cause => Ok(()),
            (_, Some(answer)) => match &answer.outcome {
                Ok(()) => Err(format!("all went well; it is {}", standing(client)).into()),
                Err(why) => Err(why.clone()),
            },
            _ => Err(standing(client).into()),
        }
    })
}

/// The words of all causes, each once.
fn causes() -> BTreeSet<&'static str> {
    let of_clients = Cause::ALL.iter().map(|cause| cause.as_str());
    let of_kinds = Kind::ALL.iter().flat_map(|kind| {
        let causes = kind.about().causes.iter().map(|cause| cause.word);
        causes.chain(kind.about().bad_answers.iter().copied())
    });
    of_clients.chain(of_kinds).collect()
}

async fn restarted_at_most(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let most: CountWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let what = format!("needed more than {} restart(s)", most.0);
    chosen.judge(&what, |number| match by_number.get(&number) {
        Some(client) if client.restarts > most.0 => {
            Err(format!("{} times; {}", client.restarts, standing(client)))
        }
        Some(client) if client.phase == Phase::Failed => {
            Err(format!("given up; {}", standing(client)))
        }
        Some(_) => Ok(()),
        None => Err("it has left".to_owned()),
    })
}
