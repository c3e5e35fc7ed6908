//! Error codes of Windows (MS-ERREF, section 2.2) in a diagnostic message, as domain controllers write
//! them: `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v4563`.

/// SEC_E_BAD_BINDINGS: the channel bindings are missing, or of another connection.
pub(super) const BAD_BINDINGS: u32 = 0x8009_0346;

/// ERROR_NOT_AUTHENTICATED
pub(super) const NOT_AUTHENTICATED: u32 = 0x4dc;

/// ERROR_PASSWORD_MUST_CHANGE; who gives a wrong one is told something else.
pub(super) const MUST_CHANGE: u32 = 0x773;

/// ERROR_PASSWORD_RESTRICTION
pub(super) const PASSWORD_RESTRICTION: u32 = 0x52d;

/// The codes in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowsCode {
    /// What failed: eight digits before a colon.
    Status(u32),
    /// Why, behind `data`.
    Data(u32),
}

impl WindowsCode {
    pub(super) fn status(message: &str) -> Option<Self> {
        let before_colons = message.match_indices(": ").filter_map(|(at, _)| message.get(..at));
        let digits = before_colons.map(last_digits).find(|digits| digits.len() == 8)?;
        u32::from_str_radix(digits, 16).ok().map(Self::Status)
    }

    pub(super) fn data(message: &str) -> Option<Self> {
        let (_, behind) = message.split_once(", data ")?;
        let end = behind.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(behind.len());
        u32::from_str_radix(behind.get(..end)?, 16).ok().map(Self::Data)
    }
}

fn last_digits(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::WindowsCode::{self, Data, Status};

    #[test]
    fn both_codes_of_a_message_are_read() {
        for (message, status, data) in [
            (
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1\0",
                Some(0x8009_0308),
                Some(0x52e),
            ),
            ("0000052D: AtrErr: DSID-03191083, #1:\0", Some(0x52d), None),
            ("refused: 0000001F: SvcErr: DSID-031A12D2, data 0\0", Some(0x1f), Some(0)),
            ("AcceptSecurityContext error, data 775", None, Some(0x775)),
            ("DSID-0C0903A9, comment: 1234567: x, data xyz", None, None),
            ("ä0000052D", None, None),
            ("", None, None),
        ] {
            assert_eq!(WindowsCode::status(message), status.map(Status), "{message}");
            assert_eq!(WindowsCode::data(message), data.map(Data), "{message}");
        }
    }
}
