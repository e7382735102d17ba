//! Recorded clusters with what happens to logs in practice: clocks that disagree, lost requests, many clients at once.
//! Thresholds lie a little below what the rules were measured to reach.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod context_lab;

use causeway::context::evaluate::Scores;
use context_lab::{Log, Part, WHOLE};
use std::sync::LazyLock;

/// Half of a recording: enough for every kind of action, and quick.
static HALF: LazyLock<Option<Log>> =
    LazyLock::new(|| Log::load("train", &["audit.jsonl.xz"], Part { before: "07:20", ..WHOLE }));

fn reaches(scores: &Scores, f1: f64, exact: f64) {
    assert!(scores.user.pair_f1 >= f1, "F1 {} < {f1}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= exact, "exact {} < {exact}", scores.contexts.exact_share);
}

#[test]
fn clocks_that_jitter() {
    let Some(log) = HALF.as_ref() else { return };
    for (sd_ms, f1, exact) in [(1.0, 0.988, 0.975), (5.0, 0.995, 0.948), (20.0, 0.883, 0.615)] {
        reaches(&log.scores(&format!("jitter of {sd_ms} ms"), &log.jittered(sd_ms * 1000.0)), f1, exact);
    }
}

#[test]
fn lost_requests() {
    let Some(log) = HALF.as_ref() else { return };
    reaches(&log.scores("5 % lost", &log.lossy(0.05)), 0.941, 0.899);
}

#[test]
fn a_log_laid_over_itself() {
    let Some(log) = HALF.as_ref() else { return };
    reaches(&log.scores("four parts at once", &log.overlaid(4)), 0.928, 0.737);
}

#[test]
fn two_api_servers_whose_clocks_differ() {
    let files = ["audit-1.jsonl.xz", "audit-2.skew4.jsonl.xz"];
    let Some(log) = Log::load("clients", &files, Part { before: "08:36", ..WHOLE }) else { return };
    reaches(&log.scores("4 ms between two servers", &log.heads()), 0.998, 0.967);
}

#[test]
fn looking_ahead_changes_nothing_where_clocks_agree() {
    let Some(log) = HALF.as_ref() else { return };
    let scores = log.scores("as recorded", &log.heads());
    reaches(&scores, 0.9999, 0.998);
    assert_eq!(scores.background.user_called_background, 0);
}

#[test]
fn saving_and_loading_under_jitter_changes_nothing() {
    let Some(log) = HALF.as_ref() else { return };
    let heads = log.jittered(5000.0);
    assert_eq!(log.run(&heads, 501, true), log.run(&heads, usize::MAX, true));
}
