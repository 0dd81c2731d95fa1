//! What is wrong with a signature, in words for whoever made it.

use std::fmt;

/// Why a signature cannot be read, or its base not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `Signature` without `Signature-Input`, or the other way round.
    HalfSigned(&'static str),
    /// A field is no dictionary; the byte where it ends to be one, if there is such.
    Malformed(&'static str, Option<usize>),
    /// More members, items or parameters of one thing in a field than this.
    TooMany(&'static str, usize),
    /// No member in either field, or too many.
    Count,
    /// A label in one field that the other lacks.
    Unpaired(String),
    /// The member of `Signature-Input` is no inner list.
    NoList(String),
    /// The member of `Signature` is no byte sequence.
    NoBytes(String),
    /// A component that is no string.
    NoName(String),
    /// A component that stands twice.
    Twice(String),
    /// A component that does not exist, or is written with a parameter that is not supported.
    Unknown(String),
    /// A component that the message does not have.
    Absent(String),
    /// A value that no base can hold: outside of visible ASCII.
    Unprintable(String),
    /// It names the server's address, which is not configured.
    NoOrigin(String),
    /// A parameter of another type than it has.
    Parameter(&'static str, &'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::HalfSigned(field) => {
                write!(f, "`{field}` was not sent, which the other field needs")
            }
            Fault::Malformed(field, Some(at)) => {
                write!(
                    f,
                    "`{field}` is no dictionary of structured fields: see byte {at}"
                )
            }
            Fault::Malformed(field, None) => {
                write!(f, "`{field}` is no dictionary of structured fields")
            }
            Fault::TooMany(field, most) => {
                write!(f, "`{field}` holds more than {most} of one thing")
            }
            Fault::Count => f.write_str("between one and eight signatures can be sent"),
            Fault::Unpaired(label) => {
                write!(
                    f,
                    "the label `{label}` stands in one of `Signature` and `Signature-Input` only"
                )
            }
            Fault::NoList(label) => {
                write!(
                    f,
                    "`{label}` in `Signature-Input` must be a list of components in parentheses"
                )
            }
            Fault::NoBytes(label) => {
                write!(f, "`{label}` in `Signature` must be base64 between colons")
            }
            Fault::NoName(text) => {
                write!(f, "the component `{text}` must be a name between quotes")
            }
            Fault::Twice(name) => write!(f, "the component `{name}` stands twice"),
            Fault::Unknown(name) => {
                write!(f, "the component `{name}` is not one that can be covered")
            }
            Fault::Absent(name) => write!(f, "the component `{name}` is not in the request"),
            Fault::Unprintable(name) => {
                write!(f, "the component `{name}` holds more than visible ASCII")
            }
            Fault::NoOrigin(name) => write!(
                f,
                "the component `{name}` needs the server's public origin, which is not configured"
            ),
            Fault::Parameter(name, kind) => write!(f, "the parameter `{name}` must be {kind}"),
        }
    }
}

impl std::error::Error for Fault {}
