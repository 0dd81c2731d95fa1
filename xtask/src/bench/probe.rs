//! What one durable write costs on this disk right now: the figure without which a rate of
//! commits says nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::Outcome;

const WRITES: u64 = 200;
const BLOCK: [u8; 4096] = [0x5a; 4096];
const BLOCKS: u64 = 256;

/// The median of 200 overwrites of 4 KiB of a preallocated file, each with an fdatasync, in
/// microseconds.
pub fn fsync_us(folder: &Path) -> Outcome<f64> {
    let path = folder.join("fsync-probe");
    let file = File::create(&path)?;
    for block in 0..BLOCKS {
        file.write_all_at(&BLOCK, block * 4096)?;
    }
    file.sync_all()?;
    let mut times = (0..WRITES)
        .map(|write| timed(&file, write))
        .collect::<Outcome<Vec<f64>>>()?;
    std::fs::remove_file(&path)?;
    Ok(super::median(&mut times))
}

fn timed(file: &File, write: u64) -> Outcome<f64> {
    let started = Instant::now();
    file.write_all_at(&BLOCK, (write % BLOCKS) * 4096)?;
    file.sync_data()?;
    Ok(started.elapsed().as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_write_takes_time_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(super::fsync_us(folder.path()).unwrap() > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
