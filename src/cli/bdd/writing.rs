//! The files of results.

use std::path::PathBuf;

use anyhow::Context as _;
use lanherd::bdd::results::Results;
use lanherd::bdd::suite::{Suite, rerun};
use lanherd::bdd::{html, json, junit};
use lanherd::report::{check_outputs, write_bytes};

use super::Args;
use crate::cli::exit::UsageError;
use crate::cli::screen::Screen;

/// Finds out before the run whether all that is wanted could be written, each to a file of its own; where one of them is standard
/// output, it has that to itself.
pub fn check(args: &Args, screen: &Screen) -> anyhow::Result<()> {
    let outputs: Vec<_> = [
        ("--junit", &args.junit),
        ("--json", &args.json),
        ("--html", &args.html),
        ("--report", &args.report),
        ("--rerun", &args.rerun),
    ]
    .into_iter()
    .filter_map(|(name, path)| Some((name, path.as_deref()?)))
    .collect();
    check_outputs(&outputs).map_err(UsageError::because)?;
    screen.keep_clear(&outputs);
    Ok(())
}

/// Writes what was asked for, each whatever became of the others; returns what could not be written.
pub fn write_all(args: &Args, results: &Results, suite: &Suite) -> Vec<anyhow::Error> {
    let junit = |path: &PathBuf| -> anyhow::Result<()> {
        let mut text = Vec::new();
        junit::write(results, &mut text).context("the results could not be written as XML")?;
        Ok(write_bytes(path, &text)?)
    };
    let json = |path: &PathBuf| -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(&json::document(results))?;
        text.push(b'\n');
        Ok(write_bytes(path, &text)?)
    };
    let html = |path: &PathBuf| -> anyhow::Result<()> {
        let page = html::page(results, "lanherd features");
        Ok(write_bytes(path, page.as_bytes())?)
    };
    let report = |path: &PathBuf| -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(results)?;
        text.push(b'\n');
        Ok(write_bytes(path, &text)?)
    };
    let again = |path: &PathBuf| -> anyhow::Result<()> {
        Ok(write_bytes(path, rerun(results, suite).as_bytes())?)
    };
    let written = [
        args.junit.as_ref().map(junit),
        args.json.as_ref().map(json),
        args.html.as_ref().map(html),
        args.report.as_ref().map(report),
        args.rerun.as_ref().map(again),
    ];
    written
        .into_iter()
        .flatten()
        .filter_map(Result::err)
        .collect()
}
