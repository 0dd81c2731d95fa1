//! A server with a script: it answers, hangs up or stays silent as told, and keeps what it was sent.
#![allow(dead_code, reason = "each test file uses its part")]

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use strongroom_client::{Client, Credentials, Retries};
use strongroom_types::secret::SecretText;

pub const SECRET: &str = "sign_test";

/// What a server does with the next request.
pub enum Act {
    /// Answers; the connection stays open.
    Answer(&'static str, Cow<'static, str>),
    /// Closes without a word.
    Hang,
    /// Says nothing for as long as the client waits.
    Silence,
}

impl Act {
    pub fn answer(head: &'static str, body: impl Into<Cow<'static, str>>) -> Act {
        Act::Answer(head, body.into())
    }
}

/// A server with a script; gives the requests it saw, each with the number of its connection.
pub struct Scripted {
    base_url: String,
    thread: JoinHandle<Vec<(usize, String)>>,
}

impl Scripted {
    pub fn new(script: Vec<Act>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        Scripted {
            base_url,
            thread: std::thread::spawn(move || play(&listener, script)),
        }
    }

    pub fn client(&self) -> Client {
        let credentials = Credentials {
            key: SecretText::new("sk_test_x".into()),
            signing_secret: Some(SecretText::new(SECRET.into())),
        };
        let retries = Retries {
            first_wait: Duration::from_millis(1),
            time_limit: Duration::from_millis(300),
            ..Retries::default()
        };
        Client::new(&self.base_url, credentials)
            .unwrap()
            .with_retries(retries)
    }

    pub fn seen(self) -> Vec<(usize, String)> {
        self.thread.join().unwrap()
    }
}

fn play(listener: &TcpListener, script: Vec<Act>) -> Vec<(usize, String)> {
    let mut seen = Vec::new();
    let mut connection = 0;
    let mut open: Option<TcpStream> = None;
    let mut held = Vec::new();
    for act in script {
        let request = loop {
            let stream = open.get_or_insert_with(|| {
                connection += 1;
                listener.accept().unwrap().0
            });
            match read_request(stream) {
                Some(request) => break request,
                None => open = None,
            }
        };
        seen.push((connection, request));
        match act {
            Act::Answer(head, body) => {
                let answer = format!(
                    "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                open.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
            }
            Act::Hang => open = None,
            Act::Silence => held.extend(open.take()),
        }
    }
    seen
}

/// One request with its body; `None` when the client has closed.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + std::str::from_utf8(&body).unwrap())
}

pub fn header(request: &str, name: &str) -> Option<String> {
    let mut headers = request
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "));
    headers
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}
