//! The binary: see the library `xmpp_ldap_auth`, whose documentation shows the way of a request.

use std::alloc::System;
use std::ffi::OsString;
use std::process::ExitCode;

use xmpp_ldap_auth::cli::{Cli, Command, caller_from_name};
use xmpp_ldap_auth::commands::ending::{conclude, refuse};
use xmpp_ldap_auth::commands::{
    check, control, daemon, explain, login, manual, probe, prosody_module, run, status, support,
};
use xmpp_ldap_auth::peer::process::{Process, ProcessEnd, admit_signals};
use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is freed: passwords pass through buffers of many libraries, none of which does.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    Process::run(start)
}

fn start(process: &mut Process) -> ProcessEnd {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let program = arguments.first().cloned().unwrap_or_default();
    let Cli { mut given, command } = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(process, &error),
    };
    given.caller = given.caller.or_else(|| caller_from_name(&program));
    let command = command.unwrap_or(Command::Run);
    if !matches!(command, Command::Run | Command::Daemon) {
        admit_signals();
    }
    let is_json = command.is_json();
    match command {
        Command::Run => run::run(process, given),
        Command::Daemon => conclude(is_json, daemon::daemon(given)),
        Command::Status(args) => conclude(is_json, status::status(&args, given)),
        Command::Forgive(args) => conclude(is_json, control::forgive(&args, given)),
        Command::Check(args) => conclude(is_json, check::check(&args, given)),
        Command::Probe(args) => conclude(is_json, probe::probe(&args, given)),
        Command::Login(args) => conclude(is_json, login::login(&args, given)),
        Command::Explain(args) => conclude(is_json, explain::explain(&args, given)),
        Command::Support(args) => conclude(is_json, support::support(&args, given)),
        Command::Completions { shell } => conclude(is_json, manual::completions(shell)),
        Command::Man(args) => conclude(is_json, manual::man(&args)),
        Command::Schema => conclude(is_json, manual::schema()),
        Command::ProsodyModule => conclude(is_json, prosody_module::prosody_module()),
    }
}
