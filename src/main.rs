//! The `causeway` program: everything is in the library; this is its allocator and its exit code.

use std::process::ExitCode;

/// Decoding on many threads allocates and frees small pieces all the time, which the system allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    causeway::cli::main(std::env::args_os())
}
