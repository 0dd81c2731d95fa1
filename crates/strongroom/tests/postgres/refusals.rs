//! Each way in which a database is not as it must be: a clear refusal at the start, a 503 while running.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use strongroom_cluster::OWNER;

use crate::database::{Database, NAME, ROLE};
use crate::program::{Demo, Ended, run, strongroom};

/// A demo that must not start, in a folder of its own; gives what it said.
#[track_caller]
fn refused(url: &str, more: &[&str], words: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let mut arguments = vec!["demo", "--json", "--port", "0", "--postgres", url, "--data"];
    arguments.push(data.to_str().unwrap());
    arguments.extend(more);
    let err = run(&arguments).failed(words);
    assert!(!err.contains("geheim"), "{err}");
    err
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let Some(database) = Database::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "geheim\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    let (url, cluster) = (database.url(), &database.cluster);
    database.demand_password();
    refused(&url, &[], "asks for a password");
    refused(
        &url,
        &["--postgres-password-file", wrong],
        "password authentication failed",
    );
    refused(
        &url,
        &["--postgres-password-file", "/missing"],
        "cannot read `/missing`",
    );
    let open = url.replace(ROLE, &format!("{ROLE}:geheim"));
    let err = refused(&open, &[], "holds a password");
    assert!(err.contains("--postgres-password-file"), "{err}");
    refused(
        "mysql://pay@localhost/books",
        &[],
        "must begin with `postgres://`",
    );

    refused(
        &cluster.url(OWNER, "nowhere"),
        &[],
        "\"nowhere\" does not exist",
    );
    database.sql("CREATE ROLE poor LOGIN");
    let err = refused(&cluster.url("poor", NAME), &[], "permission denied");
    assert!(err.contains("CREATE"), "{err}");
    database.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 0");
    refused(&cluster.url("few", NAME), &[], "too many connections");
    refused(
        "postgres://pay@127.0.0.1:1/books",
        &[],
        "cannot be used now",
    );
}

/// `init` knows it before a passphrase is asked for, and leaves nothing behind.
#[test]
fn an_installation_is_not_begun_in_a_database_that_will_not_do() {
    let Some(database) = Database::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("new/strongroom.toml");
    let init = |url: &str| {
        let mut init = strongroom();
        init.args(["init", "--postgres", url, "--config"]);
        init.arg(&config);
        ended(init)
    };
    init("postgres://pay@127.0.0.1:1/books").failed("cannot be used now");
    init(&database.cluster.url(OWNER, "nowhere")).failed("does not exist");
    let demo = database.demo();
    init(&database.url()).failed("there is an installation in this database already");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // Where it will do, the passphrase is what is missing.
    database.sql("CREATE DATABASE empty OWNER pay");
    let empty = database.cluster.url(ROLE, "empty");
    init(&empty).failed("there is no terminal to ask at");
    // The role may not make its schema: what was made beside it is taken back.
    database.sql("CREATE ROLE poor LOGIN");
    let passphrase = dir.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery staple").unwrap();
    let mut poor = strongroom();
    poor.args(["init", "--postgres", &database.cluster.url("poor", "empty")]);
    poor.arg("--config").arg(&config);
    poor.arg("--passphrase-file").arg(&passphrase);
    ended(poor).failed("permission denied");
    assert!(!dir.path().join("new/keyring.toml").exists());
}

#[test]
fn a_server_is_known_by_its_certificate() {
    let Some(database) = Database::start() else {
        return;
    };
    let elsewhere = "postgres://pay@10.1.2.3/books";
    refused(elsewhere, &[], "by TLS alone");
    let folder = tempfile::tempdir().unwrap();
    let Some(good) = certificate(folder.path(), "good", "20200101000000Z", "20900101000000Z")
    else {
        return;
    };
    let old = certificate(folder.path(), "old", "20200101000000Z", "20200102000000Z").unwrap();
    let url = database.cluster.url(OWNER, "postgres");
    refused(&url, &["--postgres-ca-file", &good], "does not support tls");
    serve_tls(&database, folder.path(), "old");
    refused(&url, &["--postgres-ca-file", &old], "expired");
    refused(
        &url,
        &["--postgres-ca-file", "/etc/hostname"],
        "no certificate in PEM",
    );
    serve_tls(&database, folder.path(), "good");
    // By the address in the certificate it is the right one; the other authority does not know it.
    refused(&url, &["--postgres-ca-file", &old], "certificate");
    let data = folder.path().join("demo");
    let more = ["--postgres", &url, "--postgres-ca-file", &good];
    let demo = Demo::start_with(Some(&data), &more);
    assert_eq!(demo.pay(1, "tls").status, 201);
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'strongroom' AND NOT s.ssl";
    assert_eq!(database.sql(encrypted), "0");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}

fn serve_tls(database: &Database, folder: &Path, name: &str) {
    let read = |kind: &str| fs::read_to_string(folder.join(format!("{name}.{kind}"))).unwrap();
    database.cluster.place("server.crt", &read("crt")).unwrap();
    database.cluster.place("server.key", &read("key")).unwrap();
    database.sql("ALTER SYSTEM SET ssl = on");
    database.cluster.reload().unwrap();
    while database.sql("SHOW ssl") != "on" {}
    // The certificate of new sessions, too.
    std::thread::park_timeout(std::time::Duration::from_millis(300));
}

/// A certificate for 127.0.0.1, signed by itself, valid between two times; gives its path.
fn certificate(folder: &Path, name: &str, from: &str, to: &str) -> Option<String> {
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    let text = format!(
        "[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = {0}\ndatabase = {0}/{name}.index\n\
        serial = {0}/{name}.serial\ndefault_md = sha256\npolicy = any\nx509_extensions = ext\n\
        [any]\ncommonName = supplied\n[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = test\n\
        [ext]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n",
        folder.display()
    );
    fs::write(path("cnf"), text).unwrap();
    fs::write(path("index"), "").unwrap();
    fs::write(path("serial"), "01\n").unwrap();
    let mut request = Command::new("openssl");
    request.args(["req", "-new", "-newkey", "ec", "-nodes"]);
    request.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-config"]);
    request.arg(path("cnf")).arg("-keyout").arg(path("key"));
    let Ok(output) = request.arg("-out").arg(path("csr")).output() else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let mut sign = Command::new("openssl");
    sign.args([
        "ca",
        "-batch",
        "-selfsign",
        "-notext",
        "-startdate",
        from,
        "-enddate",
        to,
    ]);
    sign.arg("-config")
        .arg(path("cnf"))
        .arg("-keyfile")
        .arg(path("key"));
    sign.arg("-in")
        .arg(path("csr"))
        .arg("-out")
        .arg(path("crt"));
    let output = sign.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(path("crt").to_str().unwrap().to_owned())
}

#[test]
fn what_is_in_the_database_must_be_ours_and_of_our_time() {
    let Some(database) = Database::start() else {
        return;
    };
    let url = database.url();
    let books = |statement: &str| database.cluster.psql(NAME, statement).unwrap();
    books("CREATE SCHEMA strongroom; CREATE TABLE strongroom.theirs (a integer)");
    refused(&url, &[], "not made by strongroom");
    books("DROP SCHEMA strongroom CASCADE");

    let demo = database.demo();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    // A second installation, and a keyring of another one.
    let err = refused(
        &url,
        &[],
        "there is an installation in this database already",
    );
    assert!(err.contains("another database"), "{err}");
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Demo::start(Some(other.path()));
    assert_eq!(elsewhere.running.stop(Signal::TERM).status.code(), Some(0));
    let data = other.path().to_str().unwrap();
    for command in [&["verify"][..], &["demo", "--port", "0"]] {
        let arguments = [command, &["--data", data, "--postgres", &url]].concat();
        let err = run(&arguments).failed("key");
        assert!(err.contains("the one of this database"), "{err}");
    }
    // Nothing of an installation, and nothing of a keyring.
    database.sql("CREATE DATABASE empty OWNER pay");
    let empty = database.cluster.url(ROLE, "empty");
    run(&["verify", "--data", data, "--postgres", &empty])
        .failed("there is no installation in this database");
    run(&["verify", "--postgres", &url]).failed("there is no keyring at");

    books("UPDATE strongroom.store SET version = 99, oldest = 99");
    for again in [database.demo_command(), verify(&database)] {
        let err = ended(again).failed("schema version 99");
        assert!(err.contains("newer program"), "{err}");
    }
    books("UPDATE strongroom.store SET version = 0");
    ended(verify(&database)).failed("schema version 0");
    books("UPDATE strongroom.store SET version = 2, oldest = 2");
    database.sql("ALTER DATABASE books SET default_transaction_read_only = on");
    ended(database.demo_command()).failed("takes no writes");
    // It can be looked at all the same.
    database.verified();
}

fn verify(database: &Database) -> Command {
    let mut verify = strongroom();
    verify
        .args(["verify", "--postgres", &database.url()])
        .env("XDG_STATE_HOME", database.state());
    verify
}

fn ended(mut command: Command) -> Ended {
    Ended::of(command.output().unwrap())
}

#[test]
fn what_is_refused_while_it_runs_is_a_503_and_passes() {
    let Some(database) = Database::start() else {
        return;
    };
    let demo = database.demo();
    let mut paid = 0;
    for (deny, grant) in [
        (
            "ALTER ROLE pay CONNECTION LIMIT 0",
            "ALTER ROLE pay CONNECTION LIMIT -1",
        ),
        (
            "ALTER DATABASE books SET default_transaction_read_only = on",
            "ALTER DATABASE books RESET default_transaction_read_only",
        ),
        ("ALTER ROLE pay NOLOGIN", "ALTER ROLE pay LOGIN"),
    ] {
        database.sql(deny);
        database.end_sessions();
        let key = format!("order-{paid}");
        let refused = demo.pay(10, &key).refused(503, "overloaded");
        assert!(refused.header("retry-after").is_some(), "{deny}");
        let read = demo.request("GET", "/v1/wallets").send();
        read.refused(503, "overloaded");
        assert_eq!(demo.request("GET", "/health").send().status, 200);
        database.sql(grant);
        let begun = Instant::now();
        let again = loop {
            let again = demo.pay(10, &key);
            if again.status == 201 {
                break again;
            }
            again.refused(503, "overloaded");
            assert!(begun.elapsed() < Duration::from_secs(60), "{deny}");
        };
        assert_eq!(again.header("idempotent-replayed"), None, "{deny}");
        paid += 10;
        assert_eq!(demo.available("operating"), 10_000_000 - paid, "{deny}");
    }
    let stopped = demo.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    database.verified();
}

/// Halves of an option, and an address in two places.
#[test]
fn what_belongs_together_is_asked_for_together() {
    let url = "postgres://pay@127.0.0.1/books";
    let wrong: [&[&str]; 4] = [
        &["verify", "--postgres-ca-file", "ca.pem"],
        &[
            "verify",
            "--postgres",
            url,
            "--postgres-certificate-file",
            "c.pem",
        ],
        &["demo", "--postgres", url, "--postgres-key-file", "k.pem"],
        &["audit", "verify", "bundle.json", "--postgres", url],
    ];
    for arguments in wrong {
        assert_eq!(run(arguments).code, Some(2), "{arguments:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("strongroom.toml");
    fs::write(&file, "data = 'd'\nkeyring = 'k'\n").unwrap();
    let mut init = strongroom();
    init.args(["init", "--postgres", url, "--config"])
        .arg(&file);
    let err = Ended::of(init.output().unwrap()).failed("says where the books are");
    assert!(err.contains("[store]"), "{err}");
}
