//! What a server costs, read from `/proc`: CPU time by process and by thread name, memory, and
//! the bytes of its data folder. Linux only.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Clock ticks per second in `/proc/PID/stat`; Linux has fixed it at 100 for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where a server's work is done.
#[derive(Clone, Copy, Debug)]
pub enum Store {
    /// A thread of the server with this name.
    Thread(&'static str),
    /// A process of its own, with the processes that it starts.
    Process(u32),
}

/// CPU seconds spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuSeconds {
    /// The server, but for what `store` counts.
    pub server: f64,
    /// The thread or the processes that store.
    pub store: f64,
    /// This program, which sends.
    pub client: f64,
}

impl CpuSeconds {
    /// What `server` with its `store` and this program have spent so far.
    pub fn now(server: u32, store: Store) -> Self {
        let whole = process_seconds(server);
        let client = process_seconds(std::process::id());
        match store {
            Store::Thread(name) => {
                let store = thread_seconds(server, name);
                Self {
                    server: whole - store,
                    store,
                    client,
                }
            }
            Store::Process(pid) => Self {
                server: whole,
                store: family_seconds(pid),
                client,
            },
        }
    }

    /// The same with what another process of the server has spent.
    pub fn with(self, other: u32) -> Self {
        Self {
            server: self.server + process_seconds(other),
            ..self
        }
    }

    /// What was spent since `earlier`, in microseconds per request.
    pub fn per_request_us(self, earlier: Self, requests: u64) -> Self {
        let per = |now: f64, then: f64| (now - then) * 1e6 / super::number(requests.max(1));
        Self {
            server: per(self.server, earlier.server),
            store: per(self.store, earlier.store),
            client: per(self.client, earlier.client),
        }
    }
}

/// The fields of a `stat` line after the name, which may hold spaces and brackets itself.
fn stat_fields(pid: u32) -> Vec<i64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields);
    // The state is a letter; it keeps its place as 0.
    fields
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect()
}

/// The sum of `fields[from..to]`, which are ticks, in seconds.
fn ticks(fields: &[i64], from: usize, to: usize) -> f64 {
    let sum: i64 = fields.get(from..to).unwrap_or_default().iter().sum();
    super::number(u64::try_from(sum).unwrap_or_default()) / TICKS_PER_SECOND
}

/// User and system time of all threads, those that ended too.
fn process_seconds(pid: u32) -> f64 {
    ticks(&stat_fields(pid), 11, 13)
}

/// CPU seconds of the process, its children, and what children that ended had used.
pub fn family_seconds(pid: u32) -> f64 {
    let own = ticks(&stat_fields(pid), 11, 15);
    own + children(pid).into_iter().map(process_seconds).sum::<f64>()
}

fn children(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| stat_fields(*pid).get(1) == Some(&i64::from(parent));
    names_as_numbers("/proc")
        .into_iter()
        .filter(is_child)
        .collect()
}

fn thread_seconds(pid: u32, name: &str) -> f64 {
    let folder = format!("/proc/{pid}/task");
    let is_named = |thread: &u32| {
        fs::read_to_string(format!("{folder}/{thread}/comm")).is_ok_and(|text| text.trim() == name)
    };
    // The first number of `schedstat` is nanoseconds on a CPU.
    let nanoseconds = |thread: u32| -> Option<f64> {
        let line = fs::read_to_string(format!("{folder}/{thread}/schedstat")).ok()?;
        line.split_whitespace().next()?.parse().ok()
    };
    names_as_numbers(&folder)
        .into_iter()
        .filter(is_named)
        .filter_map(nanoseconds)
        .sum::<f64>()
        / 1e9
}

/// CPU seconds of the calling thread.
pub fn own_thread_seconds() -> f64 {
    let line = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = line.split_whitespace().next();
    let nanoseconds: u64 = first.and_then(|text| text.parse().ok()).unwrap_or_default();
    super::number(nanoseconds) / 1e9
}

fn names_as_numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Memory in bytes of the server and, when it is a process, of its store; shared pages are
/// counted once (proportional set size).
pub fn memory_bytes(server: u32, store: Store) -> u64 {
    let mut pids = vec![server];
    if let Store::Process(pid) = store {
        pids.push(pid);
        pids.extend(children(pid));
    }
    pids.into_iter().map(proportional_bytes).sum()
}

fn proportional_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// Bytes of the files under `folder`, without the database's write-ahead log, whose size is
/// bounded and says nothing of what a payout leaves behind.
pub fn stored_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            match entry.metadata() {
                Ok(meta) if meta.is_dir() && name != "pg_wal" => stored_bytes(&entry.path()),
                Ok(meta) if meta.is_file() && !name.ends_with("-wal") => meta.blocks() * 512,
                _ => 0,
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CpuSeconds, Store, family_seconds, memory_bytes, process_seconds, stored_bytes};

    #[test]
    fn this_process_uses_time_and_memory() {
        let own = std::process::id();
        let mut sum = 0_u64;
        while process_seconds(own) < 0.02 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(family_seconds(own) >= 0.02);
        assert!(memory_bytes(own, Store::Thread("none")) > 100_000);
    }

    #[test]
    fn a_named_thread_is_told_from_its_process() {
        let spin = || {
            let own = std::process::id();
            while CpuSeconds::now(own, Store::Thread("bench-spin")).store < 0.02 {
                std::hint::spin_loop();
            }
        };
        let thread = std::thread::Builder::new()
            .name("bench-spin".into())
            .spawn(spin)
            .unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn costs_are_per_request() {
        let earlier = CpuSeconds {
            server: 1.0,
            store: 0.5,
            client: 0.0,
        };
        let now = CpuSeconds {
            server: 1.1,
            store: 0.5,
            client: 0.2,
        };
        let cost = now.per_request_us(earlier, 1_000);
        assert!((cost.server - 100.0).abs() < 1e-6 && cost.store == 0.0);
        assert!((cost.client - 200.0).abs() < 1e-6);
    }

    #[test]
    fn write_ahead_logs_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pg_wal")).unwrap();
        fs::write(folder.path().join("pg_wal/1"), [1; 8192]).unwrap();
        fs::write(folder.path().join("db-wal"), [1; 8192]).unwrap();
        fs::write(folder.path().join("db"), [1; 8192]).unwrap();
        assert_eq!(stored_bytes(folder.path()), 8192);
    }
}
