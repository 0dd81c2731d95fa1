//! `/v1/refunds`

mod create;
mod list;
