//! The request log: one line for every request and its answer, kept 90 days.

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_crypto::Purpose;
use strongroom_domain::view::json;
use strongroom_types::id::{ApiKeyId, RawId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::{DAY, Timestamp};

use crate::journal::line::{Found, Kind, Line, Mark, Span, cut, lines};
use crate::scopes::installation;
use crate::view::{MOST_SCANNED, PageQuery, ReadFault};

/// Longest texts kept, in bytes.
const MOST_PATH: usize = 2_048;
const MOST_TEXT: usize = 512;

/// One request and its answer.
pub struct RequestLine {
    /// `None` when no credential was proven: the line is the installation's.
    pub scope: Option<Scope>,
    pub time: Timestamp,
    pub request: RequestId,
    pub method: String,
    pub path: String,
    pub status: u16,
    /// Microseconds.
    pub duration_us: u64,
    pub credential: Option<ApiKeyId>,
    pub address: String,
    pub user_agent: String,
    /// The problem's code, if the answer was one.
    pub code: Option<&'static str>,
    /// What is odd about the request, though it may be allowed: a stable word.
    pub warning: Option<&'static str>,
}

/// What lines can be narrowed by.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    pub status: Option<u16>,
    pub warning: Option<&'static str>,
    pub request: Option<RequestId>,
    pub credential: Option<ApiKeyId>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

impl Line for RequestLine {
    type Filter = RequestFilter;

    const KIND: Kind = Kind {
        name: "request-log",
        label: b"strongroom/request-log/1",
        purpose: Purpose::RequestLog,
        kept: 90 * DAY,
        policy: "request_log_90_days",
        most_scanned: MOST_SCANNED,
    };

    fn scope(&self) -> Scope {
        self.scope.unwrap_or_else(installation)
    }

    fn mark(&self) -> Mark {
        Mark {
            id: self.request.0,
            time: self.time,
        }
    }

    fn size(&self) -> usize {
        size_of::<RequestLine>()
            .saturating_add(self.method.len())
            .saturating_add(self.path.len())
            .saturating_add(self.address.len())
            .saturating_add(self.user_agent.len())
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        StoredLine::of(self).append_to(out);
    }

    fn each(block: &[u8], filter: &RequestFilter, offer: &mut dyn FnMut(Found<'_>)) {
        let wants = |line: &StoredLine<'_>| {
            filter.status.is_none_or(|status| line.status == status)
                && (filter.warning.is_none() || line.warning == filter.warning)
                && (filter.credential.is_none() || line.credential == filter.credential)
        };
        for line in lines::<StoredLine<'_>>(block).filter(wants) {
            let mark = Mark {
                id: line.request.0,
                time: line.time,
            };
            offer((mark, &|| line.rendered()));
        }
    }

    fn span(filter: &RequestFilter) -> Span {
        Span {
            id: filter.request.map(|id| id.0),
            created_after: filter.created_after,
            created_before: filter.created_before,
        }
    }

    fn cursor(page: &PageQuery) -> Result<Option<RawId>, ReadFault> {
        Ok(page.cursor(RequestId::parse)?.map(|id| id.0))
    }

    fn cursor_text(id: RawId) -> String {
        RequestId(id).to_string()
    }
}

/// A line inside a block. Fields are only ever added, at the end.
#[derive(Debug, PartialEq, Encode, Decode)]
struct StoredLine<'a> {
    #[n(0)]
    pub request: RequestId,
    #[n(1)]
    pub time: Timestamp,
    #[b(2)]
    pub method: &'a str,
    #[b(3)]
    pub path: &'a str,
    #[n(4)]
    pub status: u16,
    #[n(5)]
    pub duration_us: u64,
    #[n(6)]
    pub credential: Option<ApiKeyId>,
    #[b(7)]
    pub address: &'a str,
    #[b(8)]
    pub user_agent: &'a str,
    #[b(9)]
    pub code: Option<&'a str>,
    #[b(10)]
    pub warning: Option<&'a str>,
}

impl<'a> StoredLine<'a> {
    pub fn of(line: &'a RequestLine) -> StoredLine<'a> {
        let RequestLine {
            scope: _,
            time,
            request,
            method,
            path,
            status,
            duration_us,
            credential,
            address,
            user_agent,
            code,
            warning,
        } = line;
        StoredLine {
            request: *request,
            time: *time,
            method: cut(method, MOST_TEXT),
            path: cut(path, MOST_PATH),
            status: *status,
            duration_us: *duration_us,
            credential: *credential,
            address: cut(address, MOST_TEXT),
            user_agent: cut(user_agent, MOST_TEXT),
            code: *code,
            warning: *warning,
        }
    }

    pub fn append_to(&self, out: &mut Vec<u8>) {
        // Writing into memory cannot fail.
        drop(minicbor::encode(self, out));
    }

    /// The line as the API shows it.
    pub fn rendered(&self) -> Vec<u8> {
        json(&LineView {
            id: self.request,
            object: "request_log",
            method: self.method,
            path: self.path,
            status: self.status,
            duration_us: self.duration_us,
            credential_id: self.credential,
            ip_address: self.address,
            user_agent: self.user_agent,
            code: self.code,
            warning: self.warning,
            created_at: self.time,
        })
    }
}

#[derive(Serialize)]
struct LineView<'a> {
    id: RequestId,
    object: &'static str,
    method: &'a str,
    path: &'a str,
    status: u16,
    duration_us: u64,
    credential_id: Option<ApiKeyId>,
    ip_address: &'a str,
    user_agent: &'a str,
    code: Option<&'a str>,
    warning: Option<&'a str>,
    created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: String) -> RequestLine {
        RequestLine {
            scope: None,
            time: Timestamp(1_705_314_600_007),
            request: RequestId(RawId([1; 12])),
            method: "GET".into(),
            path,
            status: 404,
            duration_us: 1_250,
            credential: Some(ApiKeyId(RawId([2; 12]))),
            address: "192.0.2.7".into(),
            user_agent: "till/1.0 \"x\"".into(),
            code: Some("not_found"),
            warning: None,
        }
    }

    #[test]
    fn stored_form_round_trips_and_shows_every_field() {
        let first = line("/v1/wallets".into());
        let second = RequestLine {
            credential: None,
            code: None,
            ..line("/ünï".into())
        };
        let mut block = Vec::new();
        StoredLine::of(&first).append_to(&mut block);
        StoredLine::of(&second).append_to(&mut block);
        let read: Vec<_> = lines::<StoredLine<'_>>(&block).collect();
        assert_eq!(read, [StoredLine::of(&first), StoredLine::of(&second)]);
        assert_eq!(
            String::from_utf8(read[0].rendered()).unwrap(),
            "{\"id\":\"req_010101010101010101010101\",\"object\":\"request_log\",\"method\":\"GET\",\
             \"path\":\"/v1/wallets\",\"status\":404,\"duration_us\":1250,\
             \"credential_id\":\"key_020202020202020202020202\",\"ip_address\":\"192.0.2.7\",\
             \"user_agent\":\"till/1.0 \\\"x\\\"\",\"code\":\"not_found\",\"warning\":null,\
             \"created_at\":\"2024-01-15T10:30:00.007Z\"}"
        );
        assert!(
            String::from_utf8(read[1].rendered())
                .unwrap()
                .contains("\"credential_id\":null")
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = line("ü".repeat(3_000));
        assert_eq!(StoredLine::of(&long).path, "ü".repeat(1_024));
        let odd = line(format!("x{}", "ü".repeat(3_000)));
        assert_eq!(StoredLine::of(&odd).path.len(), 2_047);
    }

    #[test]
    fn bytes_that_are_no_line_end_the_block() {
        let first = line("/".into());
        let mut block = Vec::new();
        StoredLine::of(&first).append_to(&mut block);
        block.extend_from_slice(&[0xff; 9]);
        assert_eq!(lines::<StoredLine<'_>>(&block).count(), 1);
    }
}
