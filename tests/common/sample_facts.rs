//! The sample log (a real control plane, full rules) as facts, and copies of it that begin later and have keys, ids and clients
//! of their own.
#![allow(dead_code, clippy::unwrap_used)] // a test fails by panicking

use causeway::audit::decode::{Reading, Want, decode};
use causeway::audit::event::Stage;
use causeway::audit::hash::Id;
use causeway::context::facts::{Extractor, Place};
use causeway::context::keys::KeySpace;
use causeway::context::model::{AuditId, FactBatch, Head};
use causeway::context::tables::Tables;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The sample log, in the order of its lines.
pub struct Sample {
    pub batch: FactBatch,
    pub span_us: i64,
}

impl Sample {
    /// Event times are those of a stream with this lateness.
    pub fn read(tables: &Arc<Tables>, lateness_us: i64) -> Sample {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/shop-cluster.jsonl.xz");
        let mut text = Vec::new();
        liblzma::read::XzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        let (mut extractor, mut batch) = (Extractor::new(Arc::clone(tables)), FactBatch::default());
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            decode(line, Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
                let event = event.unwrap();
                if event.stage != Stage::RequestReceived {
                    let at = event.received_at.max(event.stage_at.plus(-lateness_us));
                    let place = Place { stream: KeySpace(7), offset: 0, item: 0, row: 0, at };
                    extractor.push(event, place, &mut batch);
                }
            });
        }
        let times = || batch.heads.iter().map(|head| head.stage_at);
        let span_us = times().max().unwrap().since(times().min().unwrap());
        Sample { span_us, batch }
    }

    /// Appends copy number `copy`, `later_us` later. With `renamed` its objects and clients are its own, else they are those of the
    /// sample.
    pub fn copy(&self, copy: u64, later_us: i64, renamed: bool, into: &mut FactBatch) {
        let salt = (copy + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let name = if renamed { salt } else { 0 };
        for head in &self.batch.heads {
            let facts_from = into.facts.len() as u32;
            into.facts.extend(self.batch.facts_of(head).iter().map(|fact| {
                let mut fact = *fact;
                fact.key ^= name;
                fact
            }));
            let client = self.batch.client_of(head).map_or(u32::MAX, |request| {
                into.clients.push(*request);
                into.clients.len() as u32 - 1
            });
            into.heads.push(Head {
                id: Id(head.id.0 ^ salt),
                audit_id: AuditId(head.audit_id.0 ^ u128::from(salt)),
                at: head.at.plus(later_us),
                received_at: head.received_at.plus(later_us),
                stage_at: head.stage_at.plus(later_us),
                session: head.session ^ name,
                heartbeat: if head.heartbeat == 0 { 0 } else { head.heartbeat ^ name },
                facts_from,
                client,
                row: 0,
                ..*head
            });
        }
    }
}
