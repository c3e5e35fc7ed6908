//! The refusal of an account that signs in while connecting.

use crate::verdict::{Outage, Outcome};

/// Why an account was refused when it signed in while connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The server's result code (RFC 4511, section 4.1.9); none where the Kerberos key distribution
    /// center refused, before the server was asked.
    pub code: Option<u32>,
    /// Whether the account was judged: then every server would come to the same, and another attempt
    /// may count against the account.
    pub is_judged: bool,
    /// The refuser's words, and what to do about it.
    pub text: String,
}

impl Refusal {
    /// The outcome of a request that needs the account. To have judged nobody is as good as not to be
    /// there.
    pub fn outcome(&self) -> Outcome {
        let outage = match self.is_judged {
            true => Outage::ServiceBind { code: self.code },
            false => Outage::NoServer,
        };
        Outcome::from(outage).with_detail(&self.text)
    }
}
