//! placeholder
use std::process::ExitCode;
use super::Demo;
use crate::fault::Fault;
use crate::running::Server;
pub(super) fn play(server: Server, _demo: &Demo) -> Result<ExitCode, Fault> {
    server.run(async {}).map(|_| ExitCode::SUCCESS)
}
