//! What a front end asks.

use std::future::Future;

use crate::deadline::Deadline;
use crate::request::Request;
use crate::verdict::Outcome;

/// Answers requests, whichever way they came.
///
/// Implementations answer by the deadline where they can. Whoever asks drops the future at the
/// deadline, and must contain its panics.
pub trait Answer: Send + Sync + 'static {
    /// The outcome of one request, which should be known by the deadline.
    fn answer(&self, request: &Request, by: Deadline) -> impl Future<Output = Outcome> + Send;
}
