//! `/v1/payouts`

mod cancel;
mod create;
mod list;
mod reverse;
