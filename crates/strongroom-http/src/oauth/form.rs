//! The parameters of a request: a form, as the RFCs have it, or JSON, as the documents' own snippet sends it.

use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use zeroize::Zeroizing;

use crate::body;
use crate::json::{Value, parse_form, parse_object};
use crate::oauth::fault::OauthFault;
use crate::problem::Problem;

/// Parameters by name; no name stands twice.
pub(super) struct Form {
    fields: Vec<(String, Zeroizing<String>)>,
    /// Whether it came as JSON, which the plain flow alone may.
    pub is_json: bool,
}

impl Form {
    /// Reads a body by what its header says it is.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Form, OauthFault> {
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        let is_form =
            kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        if !is_form {
            body::check_type(headers)?;
            return Form::of_json(body);
        }
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(OauthFault::request("bodies are not compressed"));
        }
        let fields = parse_form(body).map_err(|_| {
            let text = "the form cannot be read: each parameter stands once, in UTF-8, without control characters";
            OauthFault::request(text)
        })?;
        Ok(Form {
            fields,
            is_json: false,
        })
    }

    /// The parameters of an address.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn of_query(query: &str) -> Result<Form, OauthFault> {
        let fields = parse_form(query.as_bytes());
        let fields = fields.map_err(|_| OauthFault::request("the query cannot be read"))?;
        Ok(Form {
            fields,
            is_json: false,
        })
    }

    fn of_json(body: &[u8]) -> Result<Form, OauthFault> {
        let object = parse_object(body).map_err(Problem::from)?;
        let field = |(name, value): (std::borrow::Cow<'_, str>, Value<'_>)| match value {
            Value::Text(text) => Some((name.into_owned(), Zeroizing::new(text.into_owned()))),
            _ => None,
        };
        let fields: Option<Vec<_>> = object.0.into_iter().map(field).collect();
        match fields {
            Some(fields) => Ok(Form {
                fields,
                is_json: true,
            }),
            None => Err(OauthFault::request("every parameter is a string")),
        }
    }

    /// A parameter; one without a value is as good as absent (RFC 6749, section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// One that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn required(&self, name: &str) -> Result<&str, OauthFault> {
        let missing = || OauthFault::request(format!("`{name}` is missing"));
        self.get(name).ok_or_else(missing)
    }
}
