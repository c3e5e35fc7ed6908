//! The files of an XMPP server's configuration, which include others.

use std::path::Path;

use super::findings::{FileLine, Findings};
use crate::files;

/// A file includes others, but not for ever.
const DEEPEST: usize = 8;

/// Nor are there so many, unless files include each other.
const MOST: usize = 500;

/// Reads them, and counts.
#[derive(Debug, Default)]
pub(super) struct IncludedFiles {
    read: usize,
}

impl IncludedFiles {
    /// The bytes of a file, which is named at this place, within so many others.
    pub(super) fn read(
        &mut self,
        path: &Path,
        named: &FileLine,
        depth: usize,
        found: &mut Findings,
    ) -> Option<Vec<u8>> {
        if depth > DEEPEST || self.read > MOST {
            return None;
        }
        self.read += 1;
        if self.read > MOST {
            let text = format!("more than {MOST} files are included, as where one includes itself");
            found.error(named, "", text);
            return None;
        }
        let bytes = files::bytes_of_another(path);
        bytes
            .map_err(|error| {
                found.error(named, "", format!("{} cannot be read: {error}", path.display()));
            })
            .ok()
    }
}
