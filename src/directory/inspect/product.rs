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
    match (problem, preset.and_then(|preset| other_preset(root_dse, preset))) {
        (None, Some(other)) => {
            let text =
                format!("{}: the preset is for another product: {other}", root_dse.product());
            report.note(Grade::Odd, "product", text);
        }
        _ => report.judge("product", &root_dse.product(), problem),
    }
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

/// What to write where the preset is of a product that is not this one for certain. Services of several
/// vendors run on OpenLDAP, and have presets of their own.
fn other_preset(root_dse: &RootDse, preset: Preset) -> Option<&'static str> {
    let product = root_dse.product();
    let is_389 = product.contains("389 Project") || product.contains("389-Directory");
    match preset {
        Preset::OpenLdap if is_389 => Some("write preset = \"389ds\", or \"freeipa\""),
        Preset::Ds389 | Preset::FreeIpa | Preset::Lightweight | Preset::EDirectory
            if product == "OpenLDAP" =>
        {
            Some("write preset = \"openldap\"")
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::message::entry::Entry;

    #[test]
    fn a_preset_of_another_product_is_told_and_one_that_may_fit_is_not() {
        let server = |attribute: &str, value: &str| {
            let values = vec![value.as_bytes().to_vec()];
            RootDse::new(Entry::new("", vec![(attribute.to_owned(), values)]))
        };
        let openldap = server("objectClass", "OpenLDAProotDSE");
        let ds389 = server("vendorName", "389 Project");
        for (server, preset, told) in [
            (&openldap, Preset::Ds389, Some("write preset = \"openldap\"")),
            (&openldap, Preset::OpenLdap, None),
            (&openldap, Preset::JumpCloud, None),
            (&openldap, Preset::Generic, None),
            (&ds389, Preset::OpenLdap, Some("write preset = \"389ds\", or \"freeipa\"")),
            (&ds389, Preset::FreeIpa, None),
        ] {
            assert_eq!(other_preset(server, preset), told, "{preset:?}");
        }
    }
}
