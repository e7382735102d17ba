//! Any bytes as a manifest: read or refused, never a panic; what is read leads nowhere outside the output folder, and is read
//! again the same after it was written.
#![no_main]

use causeway::lake::manifest::Manifest;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("manifest.json");
    let Ok(manifest) = Manifest::parse(path, number(bytes), bytes) else { return };
    let files = manifest.files.iter().flat_map(|file| [&file.path, &file.staged]);
    for place in files.chain([&manifest.state.path, &manifest.state.staged]) {
        let stays = !place.starts_with('/') && place.split('/').all(|part| part != "..") && !place.contains('\0');
        assert!(stays, "{place}");
    }
    let written = serde_json::to_vec(&manifest).expect("what was read can be written");
    let again = Manifest::parse(path, manifest.number, &written).expect("what was written can be read");
    assert_eq!(again, manifest);
});

/// The number that the manifest says it has: only one whose name says the same is read.
fn number(bytes: &[u8]) -> u64 {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    value.and_then(|value| value.get("number")?.as_u64()).unwrap_or(1)
}
