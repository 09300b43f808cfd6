//! The program: everything is in the library.

/// Small allocations are a fifth of an analysis with the system's allocator.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    lyncpush::cli::run()
}
