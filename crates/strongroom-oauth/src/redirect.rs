//! The addresses that a client may be sent back to: written down when it is registered, and compared letter by letter ever after.

/// Characters of an address.
const LONGEST: usize = 512;

/// What a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// `https` alone.
    Secure,
    /// On the user's own machine, too: `http` on loopback, and schemes of an application's own (RFC 8252).
    Native,
}

/// Whether an address can be one that clients are sent back to.
///
/// # Errors
/// What is wrong, in words that go on "`…` …".
pub fn check(address: &str, kind: Redirect) -> Result<(), &'static str> {
    let is_visible = |byte: u8| (b'!'..=b'~').contains(&byte) && !b"\"<>\\^`{|}".contains(&byte);
    if address.len() > LONGEST || !address.bytes().all(is_visible) {
        return Err("has at most 512 characters, none of which needs an escape");
    }
    if address.contains('#') {
        return Err("has no fragment");
    }
    match address.split_once("://") {
        Some(("https", rest)) => authority(rest).map(|_| ()),
        Some(("http", rest)) if kind == Redirect::Native => {
            let host = authority(rest)?;
            let host = host.rsplit_once(':').map_or(host, |(name, port)| {
                let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                if is_port { name } else { host }
            });
            match host {
                "127.0.0.1" | "[::1]" | "localhost" => Ok(()),
                _ => Err("goes by `https`, or by `http` on this machine alone"),
            }
        }
        _ if kind == Redirect::Native => own_scheme(address),
        _ => Err("goes by `https`"),
    }
}

/// SECURITY: a name before the host is for whoever reads quickly; two readers could take it for two hosts.
fn authority(rest: &str) -> Result<&str, &'static str> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default();
    match host.is_empty() || host.contains(['@', '%', '*']) {
        true => Err("names a host, and nobody before it"),
        false => Ok(host),
    }
}

/// A scheme that is a domain in reverse, so that two applications do not share one (RFC 8252, section 7.1).
fn own_scheme(address: &str) -> Result<(), &'static str> {
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let is_own = scheme.contains('.')
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(is_name);
    match is_own {
        true => Ok(()),
        false => {
            Err("goes by `https`, `http` on this machine, or a scheme such as `org.example.app`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nobody_can_mistake_are_taken() {
        use Redirect::{Native, Secure};
        for (address, secure, native) in [
            ("https://shop.example/cb", true, true),
            ("https://shop.example/cb?x=1", true, true),
            ("https://shop.example", true, true),
            ("http://127.0.0.1:4567/cb", false, true),
            ("http://[::1]/cb", false, true),
            ("http://localhost:3000/cb", false, true),
            ("http://localhost.evil.example/cb", false, false),
            ("http://shop.example/cb", false, false),
            ("org.example.app:/cb", false, true),
            ("org.example.app://cb", false, true),
            ("javascript:alert(1)", false, false),
            ("data:text/html,x", false, false),
            ("https://shop.example/cb#x", false, false),
            ("https://user@shop.example/cb", false, false),
            ("https://*.example/cb", false, false),
            ("https:///cb", false, false),
            ("https://shop.example/a b", false, false),
            ("https://shop.example/\"><script>", false, false),
            ("/cb", false, false),
            ("", false, false),
        ] {
            assert_eq!(check(address, Secure).is_ok(), secure, "{address}");
            assert_eq!(check(address, Native).is_ok(), native, "{address}");
        }
        assert!(check(&format!("https://a.example/{}", "x".repeat(512)), Secure).is_err());
    }
}
