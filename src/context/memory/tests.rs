use super::*;
use crate::context::kind::Kind;

const HOUR_US: i64 = 3_600_000_000;
const PLACE: u64 = 77;

fn tables() -> Tables {
    Tables::built_in().unwrap()
}

fn by(user: u64, at: i64) -> Producer {
    let (id, audit_id) = (Id(at as u64), (0, at as u64));
    Producer { at: Micros(at), id, audit_id, user, context: Id(user), background: false, own_run: false }
}

fn produced(aspect: Aspect, key: u64, own: bool) -> Fact {
    Fact { key, code: aspect.code(), produce: true, own }
}

/// Writes `facts`, at a time in microseconds.
fn write(memory: &mut Memory, facts: &[Fact], at: i64) {
    memory.write(facts, by(1, at), &tables(), &mut Journal::default());
}

#[test]
fn a_note_is_followed_within_its_horizon_only() {
    let (object, child) = (5, 6);
    for (after_us, follows) in [(HOUR_US, true), (HOUR_US + 1, false)] {
        let mut memory = Memory::default();
        write(&mut memory, &[produced(Aspect::Owner, object, false), produced(Aspect::Child, child, false)], 0);
        write(&mut memory, &[produced(Aspect::Owner, object, true)], after_us);
        let (latest, _) =
            memory.latest(child, None, Micros(after_us), &tables()).map_or((None, 0), |(p, age)| (Some(p.at), age));
        assert_eq!(latest == Some(Micros(after_us)), follows, "{after_us}");
    }
}

#[test]
fn a_noted_owner_is_no_write_of_the_owner() {
    let (object, owner) = (5, 6);
    let mut memory = Memory::default();
    write(&mut memory, &[produced(Aspect::Origin, object, false), produced(Aspect::Spec, owner, false)], 0);
    assert!(memory.latest(owner, None, Micros(1), &tables()).is_none());
    let asked = Fact { key: object, code: Kind::NotedOwnerWritten.code(), produce: false, own: false };
    assert_eq!(memory.resolve(&asked, Micros(1), &tables(), &mut Journal::default()), Some(owner));
    assert_eq!(memory.resolve(&asked, Micros(HOUR_US + 1), &tables(), &mut Journal::default()), None);
}

/// A kubelet asks for a pod.
fn comes(memory: &mut Memory, pod: u64, at: i64) {
    write(memory, &[produced(Aspect::Arrival, pod, false), produced(Aspect::Arrival, PLACE, false)], at);
}

/// For which request for a pod a token is; it is served then.
fn token(memory: &mut Memory, at: i64) -> Option<i64> {
    let asked = Fact { key: PLACE, code: Kind::PodStarting.code(), produce: false, own: false };
    let key = memory.resolve(&asked, Micros(at), &tables(), &mut Journal::default());
    let found = key.and_then(|key| Some(memory.latest(key, None, Micros(at), &tables())?.0.at.0));
    write(memory, &[produced(Aspect::Arrival, PLACE, true)], at);
    found
}

#[test]
fn tokens_are_for_pods_in_the_order_in_which_they_came() {
    let mut memory = Memory::default();
    comes(&mut memory, 1, 10);
    comes(&mut memory, 2, 20);
    comes(&mut memory, 1, 30); // again: it came before
    assert_eq!((token(&mut memory, 40), token(&mut memory, 41), token(&mut memory, 42)), (Some(10), Some(20), None));
    comes(&mut memory, 3, 50);
    assert_eq!(token(&mut memory, 60), Some(50));
}

#[test]
fn a_pod_that_needs_no_token_is_passed_over() {
    let mut memory = Memory::default();
    comes(&mut memory, 1, 0);
    comes(&mut memory, 2, 2_500_000);
    assert_eq!(token(&mut memory, 3_000_000), Some(2_500_000));
}
