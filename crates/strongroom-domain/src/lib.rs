//! Pure decisions, one file per resource.
//!
//! A [`Command`](command::Command) names the facts it needs and decides over them: no IO, no clock, no randomness, no
//! HTTP. The engine hands in time, fresh ids and the facts; what comes back is a
//! [`Decision`](decision::Decision) or a [`Rejection`](rejection::Rejection), nothing in between.
//! What the log keeps of a decision, and how events, audit records and replies are rendered from it, stands in
//! [`entry`], [`event`] and [`view`]: pure, versioned, the same bytes for ever.

pub mod action;
pub mod alerts;
pub mod api_keys;
pub mod approvals;
pub mod bank_files;
pub mod beneficiaries;
pub mod command;
pub mod customers;
pub mod decision;
pub mod entry;
pub mod event;
pub mod facts;
pub mod fees;
pub mod funding;
pub mod housekeeping;
pub mod oauth;
pub mod organizations;
pub mod payment_links;
pub mod payments;
pub mod payout_files;
pub mod payout_rails;
pub mod payout_schedules;
pub mod payouts;
pub mod products;
pub mod rate_limits;
pub mod record;
pub mod refunds;
pub mod rejection;
pub mod reports;
pub mod roles;
pub mod sales;
pub mod sessions;
pub mod shifts;
pub mod stores;
pub mod tills;
pub mod tokens;
pub mod transactions;
pub mod transfers;
pub mod users;
pub mod view;
pub mod wallets;
pub mod webhooks;
