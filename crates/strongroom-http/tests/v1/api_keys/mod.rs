//! `/v1/api-keys`

mod change;
mod create;
mod limits;
mod list;
mod networks;
mod revoke;
mod roll;
