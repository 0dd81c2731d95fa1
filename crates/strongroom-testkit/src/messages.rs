//! Signing test requests by RFC 9421.

use strongroom_httpsig::{Component, Message, Parameters, Signer, digest, sign};

use crate::exchange::Outgoing;

/// How a test signs a message.
pub struct Signing<'a> {
    pub signer: &'a Signer,
    pub said: Parameters,
    /// Where it was sent, as it is covered.
    pub origin: &'a str,
    /// What is covered; nothing for all that the server demands.
    pub covers: Option<&'a [&'a str]>,
}

impl<'a> Signing<'a> {
    /// By a key, now, covering all there is to cover.
    pub fn by(signer: &'a Signer, keyid: &str, origin: &'a str, seconds: i64) -> Signing<'a> {
        Signing {
            signer,
            said: Parameters {
                created: Some(seconds),
                keyid: Some(keyid.to_owned()),
                ..Parameters::default()
            },
            origin,
            covers: None,
        }
    }
}

impl Outgoing {
    /// Adds the digest of the body that was set.
    #[must_use]
    pub fn digested(self) -> Outgoing {
        match self.content() {
            Some(body) => {
                let digest = digest::of(body);
                self.header("Content-Digest", digest)
            }
            None => self,
        }
    }

    /// Signs what was set so far, and says what was signed.
    pub fn signed_message(self, signing: &Signing<'_>) -> (Outgoing, String) {
        let mut fields = self.text_headers();
        if self.content().is_some() {
            fields.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let mut covers = vec!["@method", "@authority", "@path", "@query"];
        let optional = ["content-digest", "content-type", "idempotency-key"];
        let is_sent = |name: &&str| fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        covers.extend(optional.into_iter().filter(is_sent));
        let covers = signing.covers.map_or(covers, <[&str]>::to_vec);
        let covers: Vec<Component> = covers.into_iter().map(Component::named).collect();
        let message = Message {
            method: self.method(),
            target: self.target(),
            origin: Some(signing.origin),
            fields: &fields,
        };
        let made = sign(&message, "sig", &covers, &signing.said, signing.signer)
            .unwrap_or_else(|fault| panic!("it cannot be signed: {fault}"));
        let signed = self
            .header("Signature-Input", made.signature_input)
            .header("Signature", made.signature);
        (signed, made.base)
    }

    /// The same request with another value of a header.
    #[must_use]
    pub fn with_replaced(mut self, name: &str, change: impl Fn(&str) -> String) -> Outgoing {
        self.each_header(|header, value| {
            if header.eq_ignore_ascii_case(name) {
                *value = change(&String::from_utf8_lossy(value)).into_bytes();
            }
        });
        self
    }
}
