//! The binary: see the library `xmpp_ldap_auth`, whose documentation shows the way of a request.

use std::alloc::System;
use std::process::ExitCode;

use clap::Parser;
use xmpp_ldap_auth::cli::{Cli, Command, caller_from_name};
use xmpp_ldap_auth::commands::{check, conclude, explain, login, manual, probe, run};
use xmpp_ldap_auth::exit;
use xmpp_ldap_auth::peer::process::Process;
use zeroizing_alloc::ZeroAlloc;

/// Overwrites what is freed: passwords pass through buffers of many libraries, none of which does.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let process = Process::begin();
    process.contain(|| start(process))
}

fn start(process: Process) -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return run::refuse(process, &error),
        Err(help) => {
            let _ = help.print();
            return exit::code(exit::OK);
        }
    };
    let caller = cli.caller.or_else(|| caller_from_name(&program));
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => run::run(process, cli.config, caller),
        Command::Check(args) => check::check(&args, cli.config, caller),
        Command::Probe(args) => conclude(probe::probe(&args, cli.config, caller)),
        Command::Login(args) => conclude(login::login(&args, cli.config, caller)),
        Command::Explain(args) => conclude(explain::explain(&args, cli.config, caller)),
        Command::Completions { shell } => conclude(manual::completions(shell)),
        Command::Man { page } => conclude(manual::man(page)),
        Command::Schema => conclude(manual::schema()),
    }
}
