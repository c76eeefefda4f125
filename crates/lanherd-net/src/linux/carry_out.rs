//! Has the kernel carry out what was planned.

use nix::errno::Errno::{EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH};

use super::addressing::steps::{Step, StepKind};
use super::error::{refused, refused_request};
use crate::netlink::{Netlink, NetlinkError};
use lanherd_types::phase::{Failure, Stage};

/// Has the kernel carry out all steps in one go, and returns the first refusal.
pub(super) fn carry_out(netlink: &mut Netlink, steps: Vec<Step>) -> Result<(), Failure> {
    if steps.is_empty() {
        return Ok(());
    }
    let (labels, requests): (Vec<_>, Vec<_>) = steps
        .into_iter()
        .map(|step| ((step.kind, step.words), step.request))
        .unzip();
    let answers = netlink
        .send(requests)
        .map_err(|error| refused(Stage::Configure, "setting the address", &error))?;
    for ((kind, words), answer) in labels.into_iter().zip(answers) {
        let doing = match (kind, &answer) {
            (StepKind::Remove, Err(error)) if has_gone(error) => continue,
            (StepKind::SetUnlessThere, Err(error)) if error.is(EEXIST) => continue,
            (StepKind::Remove, _) => "removing",
            (StepKind::Set | StepKind::SetUnlessThere, _) => "setting",
        };
        answer.map_err(|error| {
            refused_request(Stage::Configure, format!("{doing} {words}"), &error)
        })?;
    }
    Ok(())
}

/// Whether an error says that what was to be removed is not there: it went with something else.
fn has_gone(error: &NetlinkError) -> bool {
    [EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH]
        .iter()
        .any(|errno| error.is(*errno))
}
