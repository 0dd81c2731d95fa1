//! What a form of the page holds, and which books it is about.

use hyper::http::request::Parts;
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::Mode;
use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::json::{NOBODY, parse_form};
use crate::v1::sessions::Meant;

/// The fields of a form; its texts are wiped when it is dropped.
pub(super) struct Sent(Vec<(String, Zeroizing<String>)>);

impl Sent {
    pub fn read(body: &[u8]) -> Option<Sent> {
        parse_form(body).ok().map(Sent)
    }

    /// A field; one that is not there is empty.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// One that holds something.
    pub fn named(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    pub fn secret(&self, name: &str) -> SecretText {
        SecretText::new(self.get(name).to_owned())
    }
}

/// Which of the accounts of one address is meant, as the page's address says it: it need say nothing where there is one.
#[derive(Default)]
pub(super) struct Books {
    pub organization: Option<String>,
    pub mode: Option<&'static str>,
}

impl Books {
    /// By the address that the page was asked for under.
    pub fn of(head: &Parts) -> Books {
        let query = head.uri.query().unwrap_or_default();
        let fields = parse_form(query.as_bytes());
        fields.map_or_else(|_| Books::default(), |fields| Books::of_form(&Sent(fields)))
    }

    pub fn of_form(sent: &Sent) -> Books {
        Books {
            organization: sent.named("organization_id").map(str::to_owned),
            mode: match sent.get("mode") {
                "test" => Some("test"),
                "live" => Some("live"),
                _ => None,
            },
        }
    }

    /// What the forms take along of it.
    pub fn hidden(&self) -> Vec<(&str, &str)> {
        let organization = self.organization.as_deref();
        let organization = organization.map(|id| ("organization_id", id));
        let mode = self.mode.map(|mode| ("mode", mode));
        organization.into_iter().chain(mode).collect()
    }
}

impl From<&Books> for Meant {
    fn from(books: &Books) -> Meant {
        let organization = books.organization.as_deref();
        Meant {
            organization: organization
                .map(|text| OrganizationId::parse(text).unwrap_or(OrganizationId(NOBODY))),
            mode: books.mode.map(|mode| match mode {
                "live" => Mode::Live,
                _ => Mode::Test,
            }),
        }
    }
}
