//! `/v1/api-keys`

mod create;
mod list;
mod revoke;
mod roll;
