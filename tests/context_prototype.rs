//! The whole way from lines to contexts on recorded clusters with known truth, against thresholds that the rules were
//! measured to reach, with bodies and at Metadata level.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use causeway::audit::decode::{Want, decode};
use causeway::audit::event::{Body, Stage};
use causeway::context::engine::Engine;
use causeway::context::evaluate::{PredictedRow, Scores, TruthRow, evaluate};
use causeway::context::facts::{Extractor, Place};
use causeway::context::keys::KeySpace;
use causeway::context::model::{Attribution, FactBatch, Head, Role};
use causeway::context::tables::Tables;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

/// Decompressed lines of a recorded log; `None`, with a word, where the recordings are absent.
fn lines(log: &str, file: &str) -> Option<impl Iterator<Item = String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/lab").join(log).join(file);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(BufReader::new(liblzma::read::XzDecoder::new(file)).lines().map(|line| line.unwrap()))
}

struct Log {
    ids: BTreeMap<u128, String>,
    batch: FactBatch,
    order: Vec<usize>,
}

fn extract(log: &str, bodies: bool) -> Option<Log> {
    let mut extractor = Extractor::new(Arc::new(Tables::built_in().unwrap()));
    let mut found = Log { ids: BTreeMap::new(), batch: FactBatch::default(), order: Vec::new() };
    for line in lines(log, "audit.jsonl.xz")? {
        decode(line.as_bytes(), Want { evidence: true, raw_bodies: false }, &mut |_, event| {
            let mut event = event.unwrap();
            if event.stage == Stage::RequestReceived {
                return;
            }
            if !bodies {
                (event.request, event.response) = (Body::default(), Body::default());
            }
            let at = event.received_at.max(event.stage_at.plus(-10_000_000));
            let row = u32::try_from(found.batch.heads.len()).unwrap();
            extractor.push(&event, Place { stream: KeySpace(7), offset: 0, item: 0, row, at }, &mut found.batch);
            let head = found.batch.heads.last().unwrap();
            found.ids.insert(head.audit_id.0, event.audit_id.into_owned());
        });
    }
    found.order = (0..found.batch.heads.len()).collect();
    found.order.sort_by_key(|&index| {
        let head = &found.batch.heads[index];
        (head.at, head.audit_id, head.stage)
    });
    Some(found)
}

impl Log {
    /// Attributions in event order; the engine is saved and loaded again every `reload_every` events.
    fn run(&self, reload_every: usize) -> Vec<(&Head, Attribution)> {
        self.run_with(reload_every, true)
    }

    fn run_with(&self, reload_every: usize, retire: bool) -> Vec<(&Head, Attribution)> {
        let tables = Arc::new(Tables::built_in().unwrap());
        let mut engine = Engine::new(Arc::clone(&tables));
        let mut all = Vec::new();
        for (count, &index) in self.order.iter().enumerate() {
            let head = &self.batch.heads[index];
            if count % reload_every == reload_every - 1 {
                engine = Engine::load(&engine.save(), Arc::clone(&tables)).unwrap();
            }
            if retire {
                engine.retire(head.at);
            }
            let from = head.facts_from as usize;
            let facts = &self.batch.facts[from..from + usize::from(head.facts_len)];
            all.push((head, engine.apply(head, facts, self.batch.clients.get(head.client as usize))));
        }
        all
    }

    fn predicted(&self) -> Vec<PredictedRow> {
        let of_event: BTreeMap<u64, &str> =
            self.batch.heads.iter().map(|head| (head.id.0, self.ids[&head.audit_id.0].as_str())).collect();
        let row = |(head, said): (&Head, Attribution)| PredictedRow {
            audit_id: self.ids[&head.audit_id.0].clone(),
            stage: format!("{:?}", head.stage),
            context: (said.role != Role::Background).then(|| of_event[&said.context.0].to_owned()),
            root: None,
            label: None,
            trigger: matches!(said.role, Role::Root | Role::Request),
        };
        self.run(usize::MAX).into_iter().map(row).collect()
    }
}

fn scores(log: &str, bodies: bool) -> Option<Scores> {
    let truth: Vec<TruthRow> = lines(log, "truth.jsonl.xz")?.map(|line| serde_json::from_str(&line).unwrap()).collect();
    let scores = evaluate(&truth, &extract(log, bodies)?.predicted());
    eprintln!("{log}, bodies {bodies}:\n{}", scores.markdown(8));
    Some(scores)
}

#[test]
fn a_recorded_cluster_with_bodies() {
    let Some(scores) = scores("train", true) else { return };
    assert!(scores.user.pair_f1 >= 0.9999, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.992, "{}", scores.contexts.exact_share);
    assert_eq!(scores.background.user_called_background, 0);
}

#[test]
fn a_recorded_cluster_at_metadata_level() {
    let Some(scores) = scores("train", false) else { return };
    assert!(scores.user.pair_f1 >= 0.9969, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.94, "{}", scores.contexts.exact_share);
}

#[test]
fn an_idle_cluster_has_no_contexts() {
    for bodies in [true, false] {
        let Some(log) = extract("idle", bodies) else { return };
        let contexts = log.run(usize::MAX).iter().filter(|(_, said)| said.role != Role::Background).count();
        assert_eq!(contexts, 0);
    }
}

#[test]
fn many_clients_of_two_api_servers() {
    let Some(scores) = scores("clients", true) else { return };
    assert!(scores.user.pair_f1 >= 0.99, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.92, "{}", scores.contexts.exact_share);
}

#[test]
fn many_clients_at_metadata_level() {
    let Some(scores) = scores("clients", false) else { return };
    assert!(scores.user.pair_f1 >= 0.985, "{}", scores.user.pair_f1);
    assert!(scores.contexts.exact_share >= 0.88, "{}", scores.contexts.exact_share);
}

#[test]
fn forgetting_changes_nothing() {
    let Some(log) = extract("clients", true) else { return };
    let (often, never) = (log.run_with(usize::MAX, true), log.run_with(usize::MAX, false));
    assert!(often.iter().map(|one| one.1).eq(never.iter().map(|one| one.1)));
}

#[test]
fn saving_and_loading_changes_nothing() {
    let Some(log) = extract("train", true) else { return };
    let (whole, cut) = (log.run(usize::MAX), log.run(1009));
    assert!(whole.iter().map(|one| one.1).eq(cut.iter().map(|one| one.1)));
}
