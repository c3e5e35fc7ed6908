//! How often operations on a server ended in which way.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::directory::message::Operation;
use crate::named::named;

named! {
    /// What is counted.
    pub enum OperationKind {
        /// The way to a session: the connection, TLS, and what signs in while connecting.
        Connect = "connect",
        /// Searches, and reads of entries.
        Search = "search",
        /// Binds, as users or as the service account.
        Bind = "bind",
        /// Changes of passwords.
        SetPass = "setpass",
    }
}

named! {
    /// How an operation ended.
    pub enum OperationEnd {
        /// With success.
        Ok = "ok",
        /// With another answer.
        Refused = "refused",
        /// Without an answer, or nobody waited for it any more.
        Lost = "lost",
    }
}

/// The operations of one server.
#[derive(Debug, Default)]
pub struct Tally {
    connect: EndCounts,
    search: EndCounts,
    bind: EndCounts,
    set_pass: EndCounts,
}

#[derive(Debug, Default)]
struct EndCounts {
    ok: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

/// An operation that goes on; it is lost where this is dropped.
#[derive(Debug)]
pub struct OperationUnderWay<'a> {
    tally: &'a Tally,
    kind: OperationKind,
    end: OperationEnd,
}

impl OperationKind {
    /// What an operation is counted as.
    pub fn of(operation: &Operation<'_>) -> Self {
        match operation {
            Operation::StartTls => Self::Connect,
            Operation::Search { .. } => Self::Search,
            Operation::Bind { .. } | Operation::SaslBind { .. } => Self::Bind,
            Operation::Replace { .. } | Operation::ModifyPassword { .. } => Self::SetPass,
        }
    }
}

impl Tally {
    fn count(&self, kind: OperationKind, end: OperationEnd) -> &AtomicU64 {
        let ends = match kind {
            OperationKind::Connect => &self.connect,
            OperationKind::Search => &self.search,
            OperationKind::Bind => &self.bind,
            OperationKind::SetPass => &self.set_pass,
        };
        match end {
            OperationEnd::Ok => &ends.ok,
            OperationEnd::Refused => &ends.refused,
            OperationEnd::Lost => &ends.lost,
        }
    }

    /// An operation has ended so.
    pub fn add(&self, kind: OperationKind, end: OperationEnd) {
        self.count(kind, end).fetch_add(1, Ordering::Relaxed);
    }

    /// An operation begins.
    pub fn begin(&self, kind: OperationKind) -> OperationUnderWay<'_> {
        OperationUnderWay { tally: self, kind, end: OperationEnd::Lost }
    }

    /// Each operation, each of its ends, and how often there was that, always in the same order.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        OperationKind::ALL.iter().flat_map(move |&(operation, kind)| {
            OperationEnd::ALL.iter().map(move |&(result, end)| {
                (operation, result, self.count(kind, end).load(Ordering::Relaxed))
            })
        })
    }
}

impl OperationUnderWay<'_> {
    /// It is answered, with success or not.
    pub fn answered(mut self, is_success: bool) {
        self.end = if is_success { OperationEnd::Ok } else { OperationEnd::Refused };
    }
}

impl Drop for OperationUnderWay<'_> {
    fn drop(&mut self) {
        self.tally.add(self.kind, self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_answered_is_lost() {
        let tally = Tally::default();
        tally.begin(OperationKind::Bind).answered(true);
        tally.begin(OperationKind::Bind).answered(false);
        drop(tally.begin(OperationKind::Search));
        tally.add(OperationKind::Connect, OperationEnd::Refused);
        let counted: Vec<_> = tally.counts().filter(|(_, _, count)| *count > 0).collect();
        let expected = [
            ("connect", "refused", 1),
            ("search", "lost", 1),
            ("bind", "ok", 1),
            ("bind", "refused", 1),
        ];
        assert_eq!(counted, expected);
        assert_eq!(tally.counts().count(), 12);
    }
}
