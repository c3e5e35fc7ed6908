//! The tables of what answers mean, and how they are read.

use std::sync::Arc;

use crate::directory::message::LdapResult;
use crate::result_code::{
    CONSTRAINT_VIOLATION, INVALID_CREDENTIALS, UNWILLING_TO_PERFORM, says_not_now,
};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// Whether an answer decides the request, wherever else it might be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It does: every server would come to the same.
    Everywhere,
    /// The server has judged nobody, by a fault or a limit of its own, so another one might.
    NotHere,
    /// Nor has this one, and it says itself that it cannot work now.
    NotNow,
}

impl Judged {
    /// What a server with this result code says of itself, if it has judged nobody.
    pub(super) fn here(code: u32) -> Self {
        if says_not_now(code) { Self::NotNow } else { Self::NotHere }
    }
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the answer means, in words, and the server's own.
    pub remark: Option<String>,
    /// Whether another server might come to something else.
    pub judged: Judged,
    /// The operation, as messages call it, and the result code that ended it.
    pub(super) ended_by: (&'static str, u32),
}

impl Judgement {
    /// The outcome of a request that ended with this answer of a server.
    pub fn outcome(self, server: &Arc<str>) -> Outcome {
        let (operation, code) = self.ended_by;
        Outcome::from(self.verdict)
            .with_detail(&self.remark.unwrap_or_default())
            .from_server(server)
            .ended_by(operation, code)
    }
}

/// What an answer comes to, and why in words; none where the verdict says it all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) verdict: Verdict,
    pub(super) words: &'static str,
}

pub(super) const YES: Meaning = Meaning { verdict: Verdict::Granted, words: "" };

pub(super) const fn no(denial: Denial, words: &'static str) -> Meaning {
    Meaning { verdict: Verdict::Denied(denial), words }
}

pub(super) const fn cannot_tell(outage: Outage, words: &'static str) -> Meaning {
    Meaning { verdict: Verdict::Unavailable(outage), words }
}

impl Meaning {
    /// What an answer means that is in no table.
    pub(super) fn unlisted(code: u32) -> Self {
        cannot_tell(Outage::Refused { code: Some(code) }, "")
    }

    /// The judgement of an answer to this operation, with the server's own words behind these.
    pub(super) fn judgement(
        self,
        answer: &LdapResult,
        operation: &'static str,
        judged: Judged,
    ) -> Judgement {
        let message = answer.words();
        let remark = match (self.words, message) {
            ("", "") => None,
            (words, "") | ("", words) => Some(words.to_owned()),
            (words, message) => Some([words, message].join(": ")),
        };
        Judgement { verdict: self.verdict, remark, judged, ended_by: (operation, answer.code) }
    }
}

/// What answers mean, by their result code and a sign in them. No answer fits two rows, so the rows
/// have no order.
pub(super) type MeaningTable<Sign> = [(u32, Sign, Meaning)];

/// What answers mean by their words alone, where a product does not keep to one result code for them:
/// any of those that refuse a bind.
pub(super) type Words = [(&'static str, Meaning)];

/// The result codes that products refuse a user's bind with.
pub(super) const REFUSALS: [u32; 3] =
    [CONSTRAINT_VIOLATION, INVALID_CREDENTIALS, UNWILLING_TO_PERFORM];

/// The row of a refusal that has these words in its message, in upper or lower case.
pub(super) fn by_words_of_refusal(
    table: &'static Words,
    answer: &LdapResult,
) -> Option<&'static Meaning> {
    if answer.text.is_empty() || !REFUSALS.contains(&answer.code) {
        return None;
    }
    table.iter().find(|(words, _)| says(answer, words)).map(|row| &row.1)
}

/// The row of an answer with this sign.
pub(super) fn by_sign<S: PartialEq>(
    table: &'static MeaningTable<S>,
    code: u32,
    sign: &S,
) -> Option<&'static Meaning> {
    table.iter().find(|(of, known, _)| *of == code && known == sign).map(|(.., meaning)| meaning)
}

/// The row of an answer that has these words in its message, in upper or lower case.
pub(super) fn by_words(
    table: &'static MeaningTable<&'static str>,
    answer: &LdapResult,
) -> Option<&'static Meaning> {
    table
        .iter()
        .find(|(code, words, _)| *code == answer.code && says(answer, words))
        .map(|row| &row.2)
}

fn says(answer: &LdapResult, words: &str) -> bool {
    let mut parts = answer.text.as_bytes().windows(words.len());
    parts.any(|part| part.eq_ignore_ascii_case(words.as_bytes()))
}
