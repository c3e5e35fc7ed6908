//! Whether passwords can be set on a server as the configuration says.

use crate::directory::account::set_password::PasswordMethod;
use crate::directory::inspect::report::Report;
use crate::directory::inspect::view::View;

pub(super) fn look(view: &View, configured: PasswordMethod, report: &mut Report) {
    let View { root_dse, session, .. } = view;
    let method = match configured {
        PasswordMethod::Off => return,
        PasswordMethod::Auto => PasswordMethod::offered_by(root_dse).unwrap_or(configured),
        chosen => chosen,
    };
    let problem = match method {
        _ if root_dse.is_read_only() => Some("this domain controller is read-only"),
        PasswordMethod::Exop if !root_dse.has_password_modify() => {
            Some("the server does not offer the password modify operation")
        }
        PasswordMethod::UnicodePwd if !root_dse.has_unicode_pwd() => {
            Some("the server is no domain controller")
        }
        PasswordMethod::UnicodePwd if !session.is_private => {
            Some("domain controllers set passwords over TLS alone")
        }
        PasswordMethod::Auto => Some("the server offers no way to set a password"),
        _ => None,
    };
    report.judge("set_password", method.name(), problem);
}
