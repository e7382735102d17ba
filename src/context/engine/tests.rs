use super::*;
use crate::audit::event::Stage;
use proptest::prelude::*;

/// Writes by two servers, one of whose clocks is 5 ms ahead: versions and times disagree.
fn skewed(count: u64) -> Vec<Head> {
    let head = |n: u64| {
        let ahead_us = if n.is_multiple_of(2) { 5_000 } else { 0 };
        let at = Micros(1_700_000_000_000_000 + n as i64 * 2_000 + ahead_us);
        Head {
            id: Id(n + 1),
            audit_id: AuditId(u128::from(n)),
            stage: Stage::ResponseComplete,
            at,
            received_at: at,
            stage_at: at.plus(500),
            offset: n,
            item: 0,
            row: 0,
            user: n % 3,
            session: n % 3,
            heartbeat: 0,
            version: n + 1,
            facts_from: 0,
            facts_len: 0,
            client: u32::MAX,
            actor: Actor::Operator,
            background: None,
            flags: flags::WRITE | flags::VERSIONED,
        }
    };
    let mut heads: Vec<Head> = (0..count).map(head).collect();
    heads.sort_by_key(|head| (head.at, head.audit_id));
    heads
}

#[test]
fn what_is_learnt_of_clocks_is_taken_back_too() {
    let mut engine = Engine::new(Arc::new(Tables::built_in().unwrap()));
    let heads = skewed(400);
    let (settled, open) = heads.split_at(200);
    for head in settled {
        engine.apply(head, &[], None);
    }
    let (before, skew_us) = (engine.save(), engine.skew_us());
    assert!(skew_us > 0, "the clocks are seen to disagree");
    engine.record(true);
    for head in open {
        engine.apply(head, &[], None);
    }
    assert_ne!(engine.save(), before);
    let (changes, _) = engine.changes();
    engine.undo(changes);
    assert_eq!((engine.save(), engine.skew_us()), (before, skew_us));
}

proptest! {
    /// What is told at a glance of the keys that are written leaves none out.
    #[test]
    fn a_written_key_is_seen_at_a_glance(facts in prop::collection::vec((any::<u64>(), any::<bool>()), 0..20), one in any::<prop::sample::Index>()) {
        let facts: Vec<Fact> =
            facts.iter().map(|&(key, produce)| Fact { key, code: 0, produce, own: false }).collect();
        let written: Vec<u64> = facts.iter().filter(|fact| fact.produce).map(|fact| fact.key).collect();
        let some = SomeOf::written(&facts);
        prop_assert_eq!(some.meets(SomeOf::ALL), !written.is_empty());
        if !written.is_empty() {
            let key = written[one.index(written.len())];
            prop_assert!(some.meets(SomeOf::these([key].into_iter())));
            prop_assert!(SomeOf::these([key, !key].into_iter()).meets(some));
        }
        prop_assert!(!some.meets(SomeOf::these(std::iter::empty())));
    }
}
