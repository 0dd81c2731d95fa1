//! What `strace` wrote down, as calls on the files of the store.

use std::collections::HashMap;
use std::path::Path;

/// A system call that matters to the store's files. Files go by their names.
#[derive(Debug)]
pub enum Call {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        file: String,
        length: usize,
    },
    /// Begun: what was written to the file so far is about to be synced.
    SyncBegins {
        thread: u32,
        file: String,
    },
    SyncEnds {
        thread: u32,
    },
    Removed {
        file: String,
    },
    /// A client was told of its payout.
    Acknowledged((u8, u8)),
}

/// Reads a trace; of the store in `folder/store` and the file `folder/acknowledged`.
pub fn read(trace: &Path, folder: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(trace).unwrap();
    let mut reading = Reading {
        folder: folder.to_str().unwrap().to_owned(),
        ..Reading::default()
    };
    for line in text.lines() {
        reading.line(line);
    }
    assert!(
        reading
            .calls
            .iter()
            .any(|call| matches!(call, Call::Acknowledged(_))),
        "nothing was traced"
    );
    reading.calls
}

#[derive(Default)]
struct Reading {
    folder: String,
    /// Open files by descriptor: their path behind the folder.
    open: HashMap<u32, String>,
    /// Paths being opened, by thread.
    opening: HashMap<u32, String>,
    calls: Vec<Call>,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let (thread, rest) = line.split_once(' ').unwrap();
        let thread: u32 = thread.parse().unwrap();
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let name = resumed.split(' ').next().unwrap();
            return self.ended(thread, name, result(rest));
        }
        let Some((name, arguments)) = rest.split_once('(') else {
            return;
        };
        let unfinished = arguments.ends_with("<unfinished ...>");
        self.begun(thread, name, arguments);
        if !unfinished {
            self.ended(thread, name, result(rest));
        }
    }

    fn begun(&mut self, thread: u32, name: &str, arguments: &str) {
        let fields = split(arguments);
        let number = |n: usize| fields.get(n).and_then(|field| field.parse::<usize>().ok());
        let file = || {
            number(0)
                .and_then(|fd| self.open.get(&u32::try_from(fd).ok()?))
                .cloned()
        };
        match name {
            "openat" => {
                let path = String::from_utf8(unescape(fields[1])).unwrap();
                self.opening.insert(thread, path);
            }
            "pwrite64" => {
                if let Some(file) = file() {
                    let (bytes, at) = (unescape(fields[1]), number(3).unwrap());
                    self.calls.push(Call::Write { file, at, bytes });
                }
            }
            "write" if file().as_deref() == Some("acknowledged") => {
                let [client, n] = unescape(fields[1]).try_into().unwrap();
                self.calls.push(Call::Acknowledged((client, n)));
            }
            "ftruncate" => {
                if let Some(file) = file() {
                    self.calls.push(Call::Cut {
                        file,
                        length: number(1).unwrap(),
                    });
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(file) = file() {
                    self.calls.push(Call::SyncBegins { thread, file });
                }
            }
            "unlink" => {
                let path = String::from_utf8(unescape(fields[0])).unwrap();
                if let Some(file) = self.known(&path) {
                    self.calls.push(Call::Removed { file });
                }
            }
            "close" => {
                if let Some(fd) = number(0).and_then(|fd| u32::try_from(fd).ok()) {
                    self.open.remove(&fd);
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, thread: u32, name: &str, result: Option<u32>) {
        match name {
            "openat" => {
                let path = self.opening.remove(&thread);
                if let (Some(fd), Some(file)) = (result, path.and_then(|path| self.known(&path))) {
                    self.open.insert(fd, file);
                }
            }
            "fsync" | "fdatasync" => self.calls.push(Call::SyncEnds { thread }),
            _ => {}
        }
    }

    fn known(&self, path: &str) -> Option<String> {
        path.strip_prefix(&self.folder)?
            .strip_prefix('/')
            .map(str::to_owned)
    }
}

/// The number behind the last `=`; `None` for an error.
fn result(rest: &str) -> Option<u32> {
    rest.rsplit_once(" = ")?.1.split(' ').next()?.parse().ok()
}

/// Splits arguments at commas; with `-xx` no text holds one.
fn split(arguments: &str) -> Vec<&str> {
    let end = arguments
        .rfind(" <unfinished")
        .or_else(|| arguments.rfind(')'))
        .unwrap_or(arguments.len());
    arguments[..end]
        .trim_end_matches(')')
        .split(", ")
        .map(str::trim)
        .collect()
}

/// The bytes of `"\x01\x02…"`.
fn unescape(text: &str) -> Vec<u8> {
    assert!(!text.ends_with("..."), "the trace is cut short");
    let inner = text.trim_matches('"');
    inner
        .split("\\x")
        .skip(1)
        .map(|hex| u8::from_str_radix(hex, 16).unwrap())
        .collect()
}
