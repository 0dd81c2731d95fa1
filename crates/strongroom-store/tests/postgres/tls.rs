//! TLS with a real server: the certificate and the name in it are checked, and there is no way back
//! to clear text.

use std::path::Path;
use std::process::Command;

use strongroom_cluster::OWNER;
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore, StoreError};

use crate::server::Server;

/// Makes a certificate for a name, signed by itself, and its key; both in PEM.
fn certificate(folder: &Path, name: &str) -> Option<(String, String)> {
    let config = folder.join("openssl.cnf");
    let text = format!(
        "[req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = test\n\
        [ext]\nsubjectAltName = {name}\nbasicConstraints = critical, CA:FALSE\n"
    );
    std::fs::write(&config, text).unwrap();
    let (made, key) = (folder.join("made.crt"), folder.join("made.key"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-config"]);
    command.arg(config).arg("-keyout").arg(&key);
    let Ok(output) = command.arg("-out").arg(&made).output() else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    Some((read(&made), read(&key)))
}

fn refusal(server: &Server, authorities: &str) -> String {
    match PostgresStore::create(options(server, authorities)) {
        Err(StoreError::Refused(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

fn options(server: &Server, authorities: &str) -> PostgresOptions {
    let secrets = PostgresSecrets {
        authorities: Some(authorities.as_bytes().to_vec()),
        ..PostgresSecrets::default()
    };
    let url = format!("{}?sslmode=disable", server.cluster.url(OWNER, "postgres"));
    PostgresOptions::new(&url, secrets).unwrap()
}

fn serve(server: &Server, (certificate, key): &(String, String)) {
    server.cluster.place("server.crt", certificate).unwrap();
    server.cluster.place("server.key", key).unwrap();
    server.sql("ALTER SYSTEM SET ssl = on");
    server.cluster.reload().unwrap();
    while server.sql("SHOW ssl") != "on" {}
}

#[test]
fn the_servers_certificate_and_its_name_are_checked() {
    let Some(server) = Server::start("") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let make = |name| certificate(folder.path(), name);
    let (Some(right), Some(other), Some(misnamed)) = (
        make("IP:127.0.0.1"),
        make("IP:127.0.0.1"),
        make("DNS:db.example"),
    ) else {
        return;
    };
    let clear = refusal(&server, &right.0);
    assert!(clear.contains("does not support tls"), "{clear}");

    serve(&server, &right);
    let store = PostgresStore::create(options(&server, &right.0)).unwrap();
    let sessions = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl
        JOIN pg_stat_activity USING (pid) WHERE application_name = 'strongroom'";
    assert_eq!(server.sql(sessions), "1|1");
    drop(store);
    let stranger = refusal(&server, &other.0);
    assert!(stranger.contains("certificate"), "{stranger}");

    let server = Server::start("").unwrap();
    serve(&server, &misnamed);
    let wrong = refusal(&server, &misnamed.0);
    assert!(wrong.contains("certificate"), "{wrong}");
}
