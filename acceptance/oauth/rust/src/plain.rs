//! HTTP in clear over a socket, one request per connection: what both crates are handed to ask with.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use oauth2::http::Response;
use oauth2::{HttpRequest, HttpResponse};

use crate::Outcome;

fn odd(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Sends a request and reads its answer to the end.
pub fn send(request: HttpRequest) -> Result<HttpResponse, io::Error> {
    let uri = request.uri();
    let authority = uri.authority().ok_or_else(|| odd("no host"))?.as_str();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n",
        request.method()
    );
    for (name, value) in request.headers() {
        let value = value.to_str().map_err(|_| odd("a header is no text"))?;
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", request.body().len());
    let mut stream = TcpStream::connect(authority)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    read(&answer)
}

fn read(answer: &[u8]) -> Result<HttpResponse, io::Error> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(|| odd("no end of the head"))?);
    let head = std::str::from_utf8(head).map_err(|_| odd("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut response = Response::builder().status(status.unwrap_or_default());
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| odd("no header"))?;
        response = response.header(name, value);
    }
    let body = body.get(4..).unwrap_or_default().to_vec();
    response.body(body).map_err(|_| odd("no answer"))
}

/// The status of an answer.
pub fn status(request: HttpRequest) -> Outcome<u16> {
    Ok(send(request)?.status().as_u16())
}
