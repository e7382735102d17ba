//! Background against contexts.

use super::clustering::ratio;
use super::rows::{Context, Scored};
use serde::Serialize;
use std::collections::BTreeSet;

/// Background against contexts; counts of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BackgroundScores {
    /// Background in truth.
    pub truth: usize,
    /// Predicted background.
    pub predicted: usize,
    /// Caused by users, predicted background.
    pub user_called_background: usize,
    /// Their share of user events.
    pub user_called_background_share: f64,
    /// Background, predicted to be in a context.
    pub background_called_user: usize,
    /// Their share of background.
    pub background_called_user_share: f64,
    /// Of these, in a context that holds user events.
    pub background_in_user_context: usize,
}

pub(super) fn background_scores(events: &[Scored<'_>], users: &[&Scored<'_>]) -> BackgroundScores {
    let alone = |one: &Scored<'_>| matches!(one.context, Context::Alone(_));
    let of_users: BTreeSet<Context<'_>> = users.iter().map(|one| one.context).collect();
    let missed: Vec<&Scored<'_>> = events.iter().filter(|one| !one.user && !alone(one)).collect();
    let truth = events.len() - users.len();
    let lost = users.iter().filter(|one| alone(one)).count();
    BackgroundScores {
        truth,
        predicted: events.iter().filter(|one| alone(one)).count(),
        user_called_background: lost,
        user_called_background_share: ratio(lost as f64, users.len() as f64, 0.0),
        background_called_user: missed.len(),
        background_called_user_share: ratio(missed.len() as f64, truth as f64, 0.0),
        background_in_user_context: missed.iter().filter(|one| of_users.contains(&one.context)).count(),
    }
}
