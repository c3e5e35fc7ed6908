//! Which product a server is, what it offers, and what time it has.

use std::time::SystemTime;

use crate::directory::account::preset::Preset;
use crate::directory::inspect::report::{Grade, Report};
use crate::directory::inspect::view::View;
use crate::directory::message::oid;
use crate::directory::names::time::generalized_time;
use crate::directory::session::root_dse::RootDse;

/// A clock that is off by more than this makes expiry dates wrong; by five minutes, it ends Kerberos.
const TOLERABLE_SKEW_S: u64 = 60;

/// Extensions and controls that matter here, by their object identifiers.
const KNOWN: [(&str, &str); 8] = [
    (oid::PASSWORD_MODIFY, "password modify (RFC 3062)"),
    (oid::START_TLS, "StartTLS"),
    (oid::WHO_AM_I, "who am I"),
    (oid::PASSWORD_POLICY, "password policy"),
    (oid::PAGED_RESULTS, "paged results"),
    (oid::POLICY_HINTS, "policy hints"),
    (oid::POLICY_HINTS_DEPRECATED, "policy hints (old)"),
    (oid::MANAGE_DSA_IT, "manage DSA IT"),
];

/// How the service account can sign in other than by a password.
const SASL: [&str; 2] = ["EXTERNAL", "GSSAPI"];

pub(super) fn look(view: &View, preset: Option<Preset>, report: &mut Report) {
    let root_dse = &view.root_dse;
    let is_controller = root_dse.is_active_directory();
    let problem = match preset {
        Some(preset) if preset.is_active_directory() && !is_controller => {
            Some("it is no domain controller, but the preset is for one")
        }
        Some(preset) if !preset.is_active_directory() && is_controller => {
            Some("it is a domain controller: write preset = \"active-directory\" or \"samba\"")
        }
        _ => None,
    };
    report.judge("product", &root_dse.product(), problem);
    for (what, attribute) in [("host", "dnsHostName"), ("naming context", "namingContexts")] {
        let values: Vec<&str> = root_dse.texts(attribute).collect();
        if !values.is_empty() {
            report.note(Grade::Good, what, values.join("; "));
        }
    }
    let offered = ["supportedExtension", "supportedControl"].map(|it| root_dse.texts(it));
    let offered: Vec<&str> = offered.into_iter().flatten().collect();
    let known = KNOWN.iter().filter(|(oid, _)| offered.contains(oid)).map(|(_, name)| *name);
    let mechanisms = root_dse.texts("supportedSASLMechanisms").filter(|it| SASL.contains(it));
    let known: Vec<&str> = known.chain(mechanisms).collect();
    if !known.is_empty() {
        report.note(Grade::Good, "offers", known.join(", "));
    }
    look_at_clock(root_dse, report);
}

fn look_at_clock(root_dse: &RootDse, report: &mut Report) {
    let Some(theirs) = root_dse.text("currentTime").and_then(generalized_time) else {
        // Only domain controllers do.
        return;
    };
    let ours = SystemTime::now();
    let skew = ours.duration_since(theirs).unwrap_or_else(|ahead| ahead.duration());
    let seconds = skew.as_secs();
    if seconds > TOLERABLE_SKEW_S {
        let who = if theirs > ours { "the server's is ahead" } else { "this machine's is ahead" };
        let text = format!(
            "{seconds} s apart: {who}; certificates, expiry dates and Kerberos go by it: set the wrong one (timedatectl, chronyc)"
        );
        return report.note(Grade::Bad, "clock", text);
    }
    report.note(Grade::Good, "clock", format!("{seconds} s apart from this machine's"));
}
