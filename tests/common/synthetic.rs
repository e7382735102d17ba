//! Random events for the causal engine: few keys, users and clients, so that everything meets everything; times from equal
//! to beyond the shorter horizons; arrival out of order, but within the lateness.
#![allow(dead_code, clippy::unwrap_used)]

use causeway::audit::event::Stage;
use causeway::audit::hash::Id;
use causeway::audit::time::Micros;
use causeway::context::engine::Ahead;
use causeway::context::kind::{Aspect, Kind};
use causeway::context::live::Input;
use causeway::context::model::{
    Actor, AuditId, Background, ClientRequest, Fact, FactBatch, Head, Path, Verb, asks, flags,
};
use proptest::prelude::*;

/// Lateness that arrivals keep.
pub const LATENESS_US: i64 = 10_000_000;

const SECOND_US: i64 = 1_000_000;

/// A 64-bit mix of small numbers: keys and ids must look like hashes.
pub fn mix(seed: u64, n: u64) -> u64 {
    let mut word = (seed << 32 ^ n).wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// One random event, before it has its place in time.
#[derive(Clone, Debug)]
pub struct Step {
    gap_us: i64,
    lasts_us: i64,
    delay_us: i64,
    who: u8,
    user: u8,
    facts: Vec<(bool, bool, u8, u8, u8)>,
    heartbeat: u8,
    request: (u8, u8, u8, u8),
    bits: u32,
    request_of: u8,
}

impl Step {
    /// The same event in a busy stream: hundreds are within the lateness, many at the same time.
    pub fn sooner(mut self) -> Step {
        self.gap_us = self.gap_us / 100_000 * 1_000;
        self.lasts_us = self.lasts_us / 1_000 * 1_000;
        self
    }

    /// The same event after a pause that is longer than some horizons: two of them are longer than an hour.
    pub fn after_a_long_pause(mut self) -> Step {
        self.gap_us += 1_900 * SECOND_US;
        self
    }
}

fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1i64..5_000, 5_000i64..400_000, Just(SECOND_US), SECOND_US..5 * SECOND_US]
}

/// A random event.
pub fn step() -> impl Strategy<Value = Step> {
    let lasts = prop_oneof![6 => 0i64..20_000, 1 => 0i64..30 * SECOND_US];
    let delay = prop_oneof![3 => Just(0i64), 2 => 0i64..300_000, 1 => 0..LATENESS_US];
    let facts = proptest::collection::vec((any::<bool>(), any::<bool>(), 0u8..26, 0u8..4, any::<u8>()), 0..7);
    let words = (gap(), lasts, delay, 0u8..10, 0u8..3);
    (words, facts, 0u8..3, (0u8..8, 0u8..6, 0u8..4, 0u8..3), any::<u32>(), 0u8..6).prop_map(
        |((gap_us, lasts_us, delay_us, who, user), facts, heartbeat, request, bits, request_of)| Step {
            gap_us,
            lasts_us,
            delay_us,
            who,
            user,
            facts,
            heartbeat,
            request,
            bits,
            request_of,
        },
    )
}

/// Events in the order of their arrival.
pub fn events(steps: &[Step]) -> FactBatch {
    let mut clock_us = 1_700_000_000 * SECOND_US;
    let mut arrivals: Vec<(i64, usize, Micros)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        clock_us += step.gap_us;
        let room_us = LATENESS_US - step.lasts_us.min(LATENESS_US);
        arrivals.push((clock_us + step.delay_us.min(room_us), index, Micros(clock_us)));
    }
    arrivals.sort_unstable();
    let mut batch = FactBatch::default();
    for (_, index, stage_at) in arrivals {
        push(&steps[index], index as u64, stage_at, &mut batch);
    }
    batch
}

fn push(step: &Step, index: u64, stage_at: Micros, batch: &mut FactBatch) {
    let received_at = stage_at.plus(-step.lasts_us);
    let actor = [Actor::Human, Actor::System, Actor::Operator][usize::from(step.who % 3)];
    let facts_from = batch.facts.len();
    let continues = step.request_of == 0;
    if continues {
        let key = mix(9, u64::from(step.user));
        batch.facts.push(Fact { key, code: Kind::SameRequest.code(), produce: false, own: false });
    }
    step.facts.iter().for_each(|fact| push_fact(fact, &mut batch.facts));
    let mut client = u32::MAX;
    if actor == Actor::Human {
        client = batch.clients.len() as u32;
        batch.clients.push(request(step));
    }
    let audit_id = AuditId(u128::from(mix(1, index)));
    batch.heads.push(Head {
        id: Id(mix(2, index)),
        audit_id,
        stage: Stage::ResponseComplete,
        at: received_at.max(stage_at.plus(-LATENESS_US)),
        received_at,
        stage_at,
        offset: batch.heads.len() as u64,
        // Now and then out of order, as with several API servers.
        version: 100 + index + mix(7, index) % 5,
        item: 0,
        row: batch.heads.len() as u32,
        user: mix(3, u64::from(step.user)),
        session: mix(4, u64::from(step.user)),
        heartbeat: if step.heartbeat == 0 { 0 } else { mix(5, u64::from(step.heartbeat)) },
        facts_from: facts_from as u32,
        facts_len: (batch.facts.len() - facts_from) as u16,
        client,
        actor,
        background: (step.who == 9).then_some(Background::Leases),
        flags: if continues { flags::CONTINUES } else { 0 }
            | if step.who == 5 { flags::OWN_ROOT } else { 0 }
            | if step.user > 0 { flags::VERSIONED } else { 0 },
    });
}

fn push_fact(&(produce, own, aspect, place, kind): &(bool, bool, u8, u8, u8), facts: &mut Vec<Fact>) {
    let aspect = Aspect::ALL[usize::from(aspect) % Aspect::ALL.len()];
    let key = match aspect {
        Aspect::Request => mix(9, u64::from(place)),
        _ => mix(10 + u64::from(aspect.code()), u64::from(place)),
    };
    if produce {
        facts.push(Fact { key, code: aspect.code(), produce, own });
        if matches!(aspect, Aspect::Owner | Aspect::Keeper) && !own {
            let noted = if aspect == Aspect::Owner { Aspect::Child } else { Aspect::Wake };
            let key = mix(10 + u64::from(noted.code()), u64::from(kind % 4));
            facts.push(Fact { key, code: noted.code(), produce, own: false });
        }
    } else {
        let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
        facts.push(Fact { key, code: kind.code(), produce, own });
    }
}

fn request(step: &Step) -> ClientRequest {
    let (verb, object, what, path) = step.request;
    let verb = [Verb::Get, Verb::List, Verb::Watch, Verb::Create, Verb::Update, Verb::Patch, Verb::Delete, Verb::Other]
        [usize::from(verb)];
    let hash = |seed: u64, n: u8| if n == 0 { 0 } else { mix(seed, u64::from(n)) };
    ClientRequest {
        path: [Path::Object, Path::OpenApi, Path::Group][usize::from(path)],
        verb,
        code: [200, 404, 403, 201][usize::from(what)],
        // Half of the clients follow the grammar; most other properties are rare.
        bits: step.bits & step.bits.rotate_left(7) & step.bits.rotate_left(13) | (step.bits & asks::GRAMMAR),
        version: hash(60, what),
        uri: hash(61, object),
        manager: hash(62, what),
        resource: mix(63, u64::from(what)),
        namespace: mix(64, u64::from(what)),
        name: hash(65, object),
        own_name: hash(65, object),
        object: hash(66, object),
        about: 0,
        node: 0,
    }
}

/// Events of an operator in steps of `gap_us`, without facts yet.
pub fn endless(from: usize, count: usize, gap_us: i64) -> FactBatch {
    let mut batch = FactBatch::default();
    for n in from..from + count {
        let at = Micros(1_700_000_000 * SECOND_US + n as i64 * gap_us);
        batch.heads.push(Head {
            id: Id(mix(2, n as u64)),
            audit_id: AuditId(n as u128),
            stage: Stage::ResponseComplete,
            at,
            received_at: at,
            stage_at: at,
            offset: n as u64,
            version: 0,
            item: 0,
            row: n as u32,
            user: mix(3, n as u64 % 7),
            session: mix(4, n as u64 % 7),
            heartbeat: mix(5, n as u64 / 10),
            facts_from: 0,
            facts_len: 0,
            client: u32::MAX,
            actor: Actor::Operator,
            background: None,
            flags: 0,
        });
    }
    batch
}

/// The events of `one` without its first `drop`, and those of `other` behind them.
pub fn joined(one: &FactBatch, drop: usize, other: &FactBatch) -> FactBatch {
    let mut all = FactBatch::default();
    for (batch, heads) in [(one, &one.heads[drop..]), (other, &other.heads[..])] {
        for head in heads {
            let from = all.facts.len() as u32;
            all.facts.extend_from_slice(batch.facts_of(head));
            all.heads.push(Head { facts_from: from, ..*head });
        }
    }
    all
}

/// What comes after an event.
pub struct Rest<'a> {
    pub batch: &'a FactBatch,
    pub order: &'a [usize],
}

impl Ahead for Rest<'_> {
    fn event(&self, index: usize) -> Option<Input<'_>> {
        Input::of(self.batch, *self.order.get(index)?)
    }
}
