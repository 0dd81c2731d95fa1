//! A request as it was received, or as it is about to be sent.

/// Where the fields of a message are. Names are asked for in lower case.
pub trait Fields: Sync {
    /// The values of a field, line by line, in their order.
    fn lines(&self, name: &str) -> Vec<&[u8]>;
}

impl Fields for Vec<(String, String)> {
    fn lines(&self, name: &str) -> Vec<&[u8]> {
        let own = self.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_bytes()).collect()
    }
}

/// A request.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub method: &'a str,
    /// Path and query exactly as sent.
    pub target: &'a str,
    /// Where it was sent to, such as `https://pay.example`; nothing where that is not known for sure.
    pub origin: Option<&'a str>,
    pub fields: &'a dyn Fields,
}

impl<'a> Message<'a> {
    pub(crate) fn path(&self) -> &'a str {
        match self.target.split_once('?') {
            Some((path, _)) => path,
            None => self.target,
        }
    }

    /// The query without its question mark.
    pub(crate) fn query(&self) -> Option<&'a str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    pub(crate) fn scheme(&self) -> Option<&'a str> {
        self.origin?.split_once("://").map(|(scheme, _)| scheme)
    }

    /// Host and port in lower case, without a port that goes without saying (RFC 9421, 2.2.3).
    pub(crate) fn authority(&self) -> Option<String> {
        let (scheme, authority) = self.origin?.split_once("://")?;
        let usual = match scheme {
            "https" => ":443",
            _ => ":80",
        };
        let bare = authority.strip_suffix(usual).unwrap_or(authority);
        Some(bare.to_ascii_lowercase())
    }
}
