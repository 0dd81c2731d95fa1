//! Where a demo lies: in the folder that was named, or in a temporary one that goes with it.

use std::path::{Path, PathBuf};

use strongroom_crypto::random;
use strongroom_store::PostgresOptions;

use crate::fault::Fault;
use crate::folder;
use crate::postgres::demo_folder;

/// A demo's folder.
pub(super) struct Home {
    path: PathBuf,
    is_temporary: bool,
}

impl Home {
    /// The named folder, the one that belongs to the database, or a fresh temporary one.
    pub fn of(named: Option<&Path>, database: Option<&PostgresOptions>) -> Result<Home, Fault> {
        let kept = named
            .map(Path::to_path_buf)
            .or_else(|| database.map(demo_folder));
        let home = match kept {
            Some(path) => Home {
                path,
                is_temporary: false,
            },
            None => Home {
                path: std::env::temp_dir().join(fresh_name()),
                is_temporary: true,
            },
        };
        folder::make(&home.path)?;
        let path = home.path.canonicalize();
        let path =
            path.map_err(|error| Fault::file("cannot find the folder", &home.path, &error))?;
        Ok(Home { path, ..home })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// Removes a temporary folder.
    pub fn leave(&self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), error = %error, "the temporary folder was not removed");
        }
    }
}

fn fresh_name() -> String {
    format!("strongroom-demo-{:016x}", u64::from_be_bytes(random()))
}
