//! The options of the command line that say what clients are to do: one for each kind of activity.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::WantedActivities;
use crate::activity::{Kind, Subject};

impl Args for WantedActivities {
    fn augment_args(command: Command) -> Command {
        Kind::ALL.iter().fold(command, |command, kind| {
            let option = &kind.about().option;
            let argument = Arg::new(option.name)
                .long(option.name)
                .value_name(option.value)
                .help(option.help)
                .action(ArgAction::Append)
                .group("work")
                .value_parser(|text: &str| kind.read(text));
            command.arg(match option.more {
                Some(more) => argument.long_help(format!("{}\n\n{more}", option.help)),
                None => argument,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for WantedActivities {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let said = |kind: &Kind| matches.get_many::<Subject>(kind.about().option.name);
        Ok(Kind::ALL
            .iter()
            .filter_map(said)
            .flatten()
            .cloned()
            .collect())
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}
