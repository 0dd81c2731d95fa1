//! (being written)
use std::{path::PathBuf, sync::Arc};
use strongroom_types::{id::*, mode::Scope, time::Timestamp};
use crate::{opened::Opener, shared::Shared, view::{Listing, PageQuery, ReadFault}};
pub struct RequestLine { pub scope: Option<Scope>, pub time: Timestamp, pub request: RequestId, pub method: String, pub path: String, pub status: u16, pub duration_us: u64, pub credential: Option<ApiKeyId>, pub address: String, pub user_agent: String, pub code: Option<&'static str> }
#[derive(Default)] pub struct RequestFilter { pub status: Option<u16>, pub request: Option<RequestId>, pub created_after: Option<Timestamp>, pub created_before: Option<Timestamp> }
pub(crate) struct RequestLog;
impl RequestLog {
    pub fn start(_: PathBuf, _: Opener, _: Arc<Shared>) -> std::io::Result<RequestLog> { Ok(RequestLog) }
    pub fn add(&self, _: RequestLine) {}
    pub fn flush(&self) {}
    pub fn dropped(&self) -> u64 { 0 }
    pub fn read(&self, _: &Scope, _: &RequestFilter, _: &PageQuery) -> Result<Listing<Vec<u8>>, ReadFault> { Err(ReadFault::NotFound) }
}
