//! Certificates from an ACME server: Debian's `pebble`, with its own name server.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::KeyPair;
use rustix::process::Signal;

use crate::authority::{Authority, Odd, put};
use crate::client::{Client, HOST, metric, shown, start, wait};
use crate::program::Running;
use crate::program::installation::Installation;

/// An installation whose certificates come from an ACME server that is at `directory` or will be.
struct Site {
    made: Installation,
    running: Running,
    api: SocketAddr,
    admin: SocketAddr,
}

impl Site {
    /// `old` is served until a new one came.
    fn start(directory: u16, more: &str, old: Option<&str>, files: &[(&str, &str)]) -> Site {
        let text = format!(
            "data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n\
             [tls.acme]\ndirectory = 'https://127.0.0.1:{directory}/dir'\ncontact = ['mailto:ops@{HOST}']\n\
             domains = ['{HOST}']\nauthorities = 'acme-ca.pem'\nretry_seconds = 1\n{more}"
        );
        let made = Installation::configured_with(&text, files);
        if let Some(old) = old {
            fs::create_dir_all(made.path("data/acme")).unwrap();
            put(&made.path("data/acme/certificate.pem"), old, 0o600);
        }
        let (running, api, admin) = start(&made, &[]);
        Site {
            made,
            running,
            api,
            admin,
        }
    }

    fn served(&self) -> Option<Vec<u8>> {
        Client::blind()
            .open(self.api)
            .ok()
            .map(|stream| shown(&stream))
    }

    fn failures(&self) -> u64 {
        metric(self.admin, "acme_failures_total")
    }

    fn stop(self) -> String {
        let stopped = self.running.stop(Signal::TERM);
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
        stopped.err
    }
}

/// A running `pebble`.
struct Pebble(Vec<Child>);

impl Pebble {
    /// One that listens, and asks for challenges at `port`.
    fn start(dir: &Path, authority: &Authority, listen: u16, port: u16) -> Pebble {
        let own = authority.issue(&["127.0.0.1"], &KeyPair::generate().unwrap(), 9, Odd::Not);
        own.write(dir);
        let [management, names] = [free(), free()];
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": dir.join("certificate.pem"),
            "privateKey": dir.join("key.pem"),
            "httpPort": 1,
            "tlsPort": port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": 12,
        }});
        fs::write(dir.join("pebble.json"), config.to_string()).unwrap();
        let quiet = |command: &mut Command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let address = format!("127.0.0.1:{names}");
        let mut server = Command::new("pebble-challtestsrv");
        server.args([
            "-dns01",
            &address,
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        ]);
        server.args([
            "-management",
            &format!("127.0.0.1:{}", free()),
            "-defaultIPv6",
            "",
        ]);
        let mut pebble = Command::new("pebble");
        pebble
            .arg("-config")
            .arg(dir.join("pebble.json"))
            .args(["-dnsserver", &address]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1");
        // Else a part of the nonces is refused by chance, and the failure is another one than the test is about.
        pebble.env("PEBBLE_WFE_NONCEREJECT", "0");
        let running = Pebble(vec![quiet(&mut server), quiet(&mut pebble)]);
        wait("pebble", || {
            TcpStream::connect(("127.0.0.1", listen)).is_ok()
        });
        running
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn is_missing() -> bool {
    let found = ["pebble", "pebble-challtestsrv"]
        .map(|program| Command::new(program).arg("-h").output().is_ok());
    if found != [true, true] {
        println!("skipped: `pebble` is not installed (apt-get install pebble)");
    }
    found != [true, true]
}

/// A port that nobody listens on.
fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn fetched_by_a_challenge_and_renewed_before_the_end() {
    if is_missing() {
        return;
    }
    let (dir, authority, directory) =
        (tempfile::tempdir().unwrap(), Authority::new("ACME"), free());
    let site = Site::start(directory, "", None, &[("acme-ca.pem", &authority.pem())]);
    // Nobody is there yet, so nothing is served; the server waits and asks again.
    wait("a first failure", || site.failures() > 0);
    assert_eq!(site.served(), None);
    let _pebble = Pebble::start(dir.path(), &authority, directory, site.api.port());
    wait("a certificate", || site.served().is_some());
    let (first, account) = (
        site.served(),
        fs::read(site.made.path("data/acme/account")).unwrap(),
    );
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(!read(&account).contains("key_pkcs8") && !read(&account).contains("127.0.0.1"));
    wait("a renewed one", || {
        site.served().is_some_and(|served| Some(served) != first)
    });
    assert_eq!(
        fs::read(site.made.path("data/acme/account")).unwrap(),
        account,
        "one account"
    );
    assert!(metric(site.admin, "acme_certificates_total") >= 2);
    let file = site.made.path("data/acme/certificate.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let log = site.stop();
    assert!(
        log.contains("nothing listens there") && log.contains("a certificate was fetched"),
        "{log}"
    );
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[test]
fn what_fails_leaves_the_old_one_in_place() {
    if is_missing() {
        return;
    }
    let (dir, authority, directory) =
        (tempfile::tempdir().unwrap(), Authority::new("ACME"), free());
    let key = KeyPair::generate().unwrap();
    // Two thirds of its time are over.
    let old = Authority::new("Old").issue(&[HOST], &key, 1, Odd::Old);
    let both = format!("{}{}", old.key, old.certificate);
    // It asks where nobody listens, so every challenge fails.
    let _pebble = Pebble::start(dir.path(), &authority, directory, free());
    let site = Site::start(
        directory,
        "",
        Some(&both),
        &[("acme-ca.pem", &authority.pem())],
    );
    wait("a refused challenge", || site.failures() > 0);
    assert_eq!(site.served().as_ref(), Some(&old.der));
    let log = site.stop();
    // It is refused at once, or when its outcome is asked for.
    let refused = ["the challenge was refused", "for the tls-alpn-01 challenge"];
    assert!(refused.iter().any(|words| log.contains(words)), "{log}");

    // The directory's certificate is from an authority that nobody named.
    let other = Authority::new("Other");
    let site = Site::start(directory, "", Some(&both), &[("acme-ca.pem", &other.pem())]);
    wait("a refused directory", || site.failures() > 0);
    assert_eq!(site.served().as_ref(), Some(&old.der));
    let log = site.stop();
    assert!(log.contains("no TLS session"), "{log}");
}
