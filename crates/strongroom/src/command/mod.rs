//! One file per command.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod listen;
pub(crate) mod migrate;
pub(crate) mod organization;
pub(crate) mod pins;
pub(crate) mod restore;
pub(crate) mod secret_scan;
pub(crate) mod serve;
pub(crate) mod signature;
pub(crate) mod user;
pub(crate) mod vault;
pub(crate) mod vault_dialler;
pub(crate) mod verify;
