//! `/v1/transfers`

mod create;
mod list;
