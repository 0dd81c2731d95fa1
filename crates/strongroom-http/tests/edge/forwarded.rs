//! Requests for the vault that this process read itself, because their first bytes did not tell, and passed on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use strongroom_channel::dressed::PROTECTING;
use strongroom_channel::link::{Serve, decoded, encoded};
use strongroom_channel::message::{FromVault, Proof, ToVault};
use strongroom_channel::peer::TALK;
use strongroom_channel::{Link, Vault};
use strongroom_http::EdgeSettings;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;

const LONG: Duration = Duration::from_mins(3);

/// The vault ends once it has the request: nobody knows how far it came, and the client is told that, not that nothing
/// was done.
#[test]
fn a_forward_that_was_lost_has_an_unknown_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("vault.sock");
    let vault = tokio::runtime::Runtime::new().unwrap();
    let (got, taken) = channel();
    let listener = vault.block_on(async { UnixListener::bind(&socket).unwrap() });
    vault.spawn(async move {
        let mut others = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if stream.read_u8().await.is_ok_and(|first| first != TALK) {
                others.push(stream);
                continue;
            }
            let got = got.clone();
            let serve: Serve = Arc::new(move |question| {
                let got = got.clone();
                Box::pin(async move {
                    match decoded(&question) {
                        Some(ToVault::Hello) => encoded(&FromVault::Challenge([1; 32])),
                        Some(ToVault::Forward { .. }) => {
                            got.send(()).unwrap();
                            std::future::pending().await
                        }
                        _ => encoded(&FromVault::Done),
                    }
                })
            });
            drop(Link::start(stream, serve));
        }
    });
    let away = Vault::at(&socket);
    let settings = ServerSettings::default();
    let server = TestServer::start(ServerSettings {
        edge: EdgeSettings {
            vault: Some(away.clone()),
            ..settings.edge
        },
        ..settings
    });
    let kept = away.clone();
    server.wait(async {
        tokio::spawn(async move {
            let silent: Serve = Arc::new(|frame| Box::pin(async move { frame }));
            let proof = Proof {
                installation: [1; 32],
                signature: [1; 64],
            };
            kept.keep_up(silent, Arc::new(move |_| proof)).await;
        });
        tokio::time::timeout(LONG, away.ready()).await.unwrap();
    });
    let send = |key: &str, body: &str| {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        // In absolute form, which the first bytes do not tell.
        let request = format!(
            "POST http://localhost/v1/tokens HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{body}"
        );
        client.write_all(request.as_bytes()).unwrap();
        client
    };
    let tenant = Tenant::found(&server);
    let ask = || send(&tenant.owner.text, "{}");
    let answer = |mut client: TcpStream| {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    };
    // A stranger is told so before his body is there, which the vault is not asked about.
    let stranger = answer(send("nobody's", ""));
    assert!(
        stranger.starts_with("HTTP/1.1 401") && stranger.contains("\"unauthorized\""),
        "{stranger}"
    );
    assert!(taken.try_recv().is_err());
    let client = ask();
    taken.recv_timeout(LONG).unwrap();
    vault.shutdown_background();
    let lost = answer(client);
    assert!(
        lost.starts_with("HTTP/1.1 503") && lost.contains("\"outcome_unknown\""),
        "{lost}"
    );
    // One that was not sent was not begun.
    server.wait(async {
        let gone = async {
            while away.is_up() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
    });
    let refused = answer(ask());
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("\"vault_unavailable\""),
        "{refused}"
    );
    for (name, value) in PROTECTING {
        assert!(
            refused.contains(&format!("{name}: {value}\r\n")),
            "{refused}"
        );
    }
}
