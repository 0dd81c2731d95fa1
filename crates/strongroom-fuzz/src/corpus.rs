//! The folder of inputs that a target begins with: `fuzz/corpus/TARGET`, in the layout of `cargo fuzz`.

use std::io;
use std::path::{Path, PathBuf};

/// The folder of everything about fuzzing.
pub fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../../fuzz")
}

/// Every input that is stored for a target, by name; none where there is no folder.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for kind in ["corpus", "regressions"] {
        let folder = folder().join(kind).join(target);
        if folder.is_dir() {
            for entry in std::fs::read_dir(folder)? {
                paths.push(entry?.path());
            }
        }
    }
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// Writes the inputs that are made by our own encoders, where they are missing.
pub fn write(target: &str, inputs: &[Vec<u8>]) -> io::Result<()> {
    let folder = folder().join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    for (place, input) in inputs.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{place:02}")), input)?;
    }
    Ok(())
}
