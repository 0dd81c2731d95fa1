//! The resources of `/v1`, one file each: handlers, the reading of their bodies, and their schemas.
//!
//! A handler names the permission it needs in its signature, turns the request into one command or one read, and
//! answers. It decides nothing.

pub mod access;
mod access_conditions;
pub mod account;
pub mod alerts;
pub mod api_keys;
pub mod approval_policies;
pub mod approvals;
pub mod audit_logs;
pub mod bank_files;
pub mod beneficiaries;
pub mod checkpoints;
mod conditions;
pub mod contact;
pub mod customers;
pub(crate) mod entering;
pub mod events;
pub mod fee_schedules;
pub mod funding;
pub mod grants;
pub mod invitations;
pub mod me;
pub mod oauth_clients;
pub mod passkeys;
pub mod password_resets;
pub mod payment_links;
pub mod payments;
pub mod payout_files;
pub mod payout_rails;
pub mod payout_schedules;
pub mod payout_settings;
pub mod payouts;
pub mod products;
pub mod rate_limits;
mod receipt_pdf;
pub mod receipts;
pub mod refunds;
pub mod reports;
pub mod request_logs;
pub mod restrictions;
pub mod roles;
pub mod sales;
pub mod sessions;
pub mod shifts;
mod signing_keys;
pub mod stores;
pub mod test_data;
pub mod tills;
pub mod tokens;
pub mod transactions;
pub mod transfers;
pub mod users;
pub mod wallets;
pub mod webhook_attempts;
pub mod webhooks;
