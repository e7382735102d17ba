//! temp
use causeway::flow::plan::{Keep, ReplayPlan};
use std::sync::Arc;
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let plan = ReplayPlan {
        inputs: a[3..].to_vec(), output: a[1].clone().into(), cluster: "demo".into(), workers: a[2].parse().unwrap(),
        keep: Keep::Fold, rules: causeway::audit::filter::Rules::Strict, switches: causeway::audit::filter::Switches, all_stages: false,
        contexts: std::env::var("NOCTX").is_err(), sessions: std::env::var("NOCTX").is_err(), bodies: false, from: None, to: None, lateness_us: 10_000_000, max_future_skew_us: 300_000_000,
        session_gap_us: 900_000_000, commit_every: std::time::Duration::from_secs(60), commit_bytes: 1 << 30, block_bytes: 1 << 20,
        max_record_bytes: 64 << 20, tables: Arc::new(causeway::context::tables::Tables::built_in().unwrap()), progress: Default::default(), stop: Default::default(),
    };
    let t = std::time::Instant::now();
    let o = causeway::flow::replay::replay(&plan);
    println!("{o:#?} {:?}", t.elapsed());
}
