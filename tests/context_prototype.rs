//! The whole way from lines to contexts on recorded clusters with known truth, against thresholds that the rules were
//! measured to reach, with bodies and at Metadata level.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod context_lab;

use causeway::context::evaluate::Scores;
use causeway::context::model::Role;
use context_lab::{Log, Part, WHOLE};

fn load(log: &str, bodies: bool) -> Option<Log> {
    Log::load(log, &["audit.jsonl.xz"], Part { bodies, ..WHOLE })
}

fn scores(name: &str, bodies: bool) -> Option<Scores> {
    let log = load(name, bodies)?;
    Some(log.scores(&format!("{name}, bodies {bodies}"), &log.heads()))
}

#[test]
fn a_recorded_cluster_with_bodies() {
    let Some(scores) = scores("train", true) else { return };
    assert!(scores.user.pair_f1 >= 0.9999, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.994, "{}", scores.contexts.exact_share);
    assert_eq!(scores.background.user_called_background, 0);
}

#[test]
fn a_recorded_cluster_at_metadata_level() {
    let Some(scores) = scores("train", false) else { return };
    assert!(scores.user.pair_f1 >= 0.998, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.963, "{}", scores.contexts.exact_share);
}

#[test]
fn an_idle_cluster_has_no_contexts() {
    for bodies in [true, false] {
        let Some(log) = load("idle", bodies) else { return };
        let said = log.run(&log.heads(), usize::MAX, true);
        assert!(said.iter().all(|one| one.role == Role::Background));
    }
}

#[test]
fn many_clients_of_two_api_servers() {
    let Some(scores) = scores("clients", true) else { return };
    assert!(scores.user.pair_f1 >= 0.997, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.964, "{}", scores.contexts.exact_share);
}

#[test]
fn many_clients_at_metadata_level() {
    let Some(scores) = scores("clients", false) else { return };
    assert!(scores.user.pair_f1 >= 0.989, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.923, "{}", scores.contexts.exact_share);
}

#[test]
fn forgetting_changes_nothing() {
    let Some(log) = load("clients", true) else { return };
    let heads = log.heads();
    assert_eq!(log.run(&heads, usize::MAX, true), log.run(&heads, usize::MAX, false));
}

#[test]
fn saving_and_loading_changes_nothing() {
    let Some(log) = load("train", true) else { return };
    let heads = log.heads();
    assert_eq!(log.run(&heads, 1009, true), log.run(&heads, usize::MAX, true));
}
