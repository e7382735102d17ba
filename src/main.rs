//! The `causeway` program: everything is in the library; this is its allocator and its exit code.

use std::process::ExitCode;

/// Decoding on many threads allocates and frees small pieces all the time, which the system allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The kernel would clear 2 MiB where a few KiB are wanted: a replay takes 12 % longer and a quarter more memory with huge
    // pages. Where they cannot be turned off nothing is lost but that.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    causeway::cli::main(std::env::args_os())
}
