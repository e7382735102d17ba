//! Known scores, and what holds of any.

use super::*;
use proptest::prelude::*;

fn truth(id: usize, action: &str) -> TruthRow {
    TruthRow {
        audit_id: format!("{id:03}"),
        stage: "ResponseComplete".to_owned(),
        action: Some(action.to_owned()),
        kind: Some("test".to_owned()),
        trigger: false,
        root: false,
        delayed: false,
    }
}

fn said(id: usize, context: &str) -> PredictedRow {
    PredictedRow {
        audit_id: format!("{id:03}"),
        stage: "ResponseComplete".to_owned(),
        context: Some(context.to_owned()),
        root: None,
        trigger: false,
        label: None,
    }
}

#[test]
fn a_split_a_merge_and_a_perfect_context() {
    let rows: Vec<_> = ["A", "A", "B", "C", "C"].iter().enumerate().map(|(i, a)| truth(i, a)).collect();
    let predicted: Vec<_> = ["1", "2", "2", "3", "3"].iter().enumerate().map(|(i, c)| said(i, c)).collect();
    let scores = evaluate(&rows, &predicted);
    assert_eq!((scores.user.pair_p, scores.user.pair_r), (0.5, 0.5));
    let c = &scores.contexts;
    assert_eq!((c.total, c.perfect, c.split, c.merge, c.split_merge), (3, 1, 0, 1, 1));
    // A: {0} of {0,1} is 1/2; B: {2} of {1,2} is 1/2; C: 1.
    assert!((scores.mapping_accuracy - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(scores.by_size["2-4"].contexts, 2);
}

#[test]
fn background_costs_recall_only() {
    let rows = [truth(0, "A"), truth(1, "A"), truth(2, "background:watch")];
    let scores = evaluate(&rows, &[said(0, "1"), said(1, "background:x"), said(2, "1")]);
    assert_eq!((scores.user.pair_p, scores.user.pair_r), (1.0, 0.0));
    assert_eq!(scores.background.user_called_background, 1);
    assert_eq!(scores.background.background_in_user_context, 1);
    assert_eq!(scores.contexts.split_merge, 1);
}

proptest! {
    #[test]
    fn truth_against_itself_is_perfect_and_scores_stay_in_bounds(
        actions in prop::collection::vec(0..6u8, 1..40),
        contexts in prop::collection::vec(0..6u8, 40),
    ) {
        let rows: Vec<_> = actions.iter().enumerate().map(|(i, a)| truth(i, &format!("a{a}"))).collect();
        let same: Vec<_> = actions.iter().enumerate().map(|(i, a)| said(i, &format!("c{a}"))).collect();
        let perfect = evaluate(&rows, &same);
        prop_assert_eq!(perfect.user.pair_f1, 1.0);
        prop_assert!((perfect.user.b3_f1 - 1.0).abs() < 1e-9 && (perfect.mapping_accuracy - 1.0).abs() < 1e-9);
        let other: Vec<_> = (0..actions.len()).map(|i| said(i, &format!("c{}", contexts[i]))).collect();
        let scores = evaluate(&rows, &other);
        for x in [scores.user.pair_p, scores.user.pair_r, scores.user.b3_f1, scores.mapping_accuracy] {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&x));
        }
        let mut reversed = other.clone();
        reversed.reverse();
        prop_assert_eq!(evaluate(&rows, &reversed).user.ari, scores.user.ari);
    }
}
