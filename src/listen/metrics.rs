//! What Prometheus, and whoever looks after the machine, asks: `GET /metrics` and `GET /healthz`.
//!
//! Nobody needs credentials, because no user is in the answers. Each connection has one request, so
//! that none of them is kept from others.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::front::{Closing, Front};
use super::http::{Api, converse};
use crate::protocol::http::head::{Head, Method};
use crate::protocol::http::reply::{Reply, Status};

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's older text format, 0.0.4.
    Text,
}

/// Who knows how the daemon does.
pub trait Watched: Send + Sync + 'static {
    /// All metrics.
    fn metrics(&self, format: MetricsFormat) -> String;

    /// What is wrong, each in a line; empty where nothing is.
    fn problems(&self) -> Vec<String>;
}

impl MetricsFormat {
    /// The format that a client prefers, by its field `Accept` (RFC 9110, section 12.5.1).
    fn accepted(accept: &[u8]) -> Self {
        let quality = |range: &str| {
            let mut parameters = range.split(';').skip(1).map(str::trim);
            let given = parameters.find_map(|parameter| parameter.strip_prefix("q="));
            given.and_then(|given| given.parse::<f32>().ok()).unwrap_or(1.0)
        };
        let accept = String::from_utf8_lossy(accept).to_ascii_lowercase();
        let best = |kinds: &[&str]| {
            let of_kind = accept.split(',').filter(|range| {
                kinds.contains(&range.split(';').next().unwrap_or_default().trim())
            });
            of_kind.map(quality).fold(0.0, f32::max)
        };
        let open_metrics = best(&["application/openmetrics-text"]);
        if open_metrics > 0.0 && open_metrics >= best(&["text/plain", "text/*", "*/*"]) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve<A>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    front: &Front<A>,
    watched: &impl Watched,
    closing: Closing,
) {
    let newcomer = front.newcomers().comes();
    if let Err(error) = converse(stream, &MetricsApi(watched), newcomer, closing).await {
        tracing::debug!(listener = front.name(), %error, "a client is gone");
    }
}

struct MetricsApi<'a, W>(&'a W);

impl<W: Watched> Api for MetricsApi<'_, W> {
    type Asked = ();

    fn keeps_open(&self) -> bool {
        false
    }

    fn admit(&self, _: &Head) -> Result<(), Reply> {
        Ok(())
    }

    async fn reply(&self, head: &Head, _: &[u8], _: Instant) -> (Reply, ()) {
        let reply = match (head.method, head.path.as_str()) {
            (Method::Get, "/metrics") => {
                let format = MetricsFormat::accepted(&head.accept);
                let body = self.0.metrics(format).into();
                Reply { status: Status::Ok, content_type: format.content_type(), body }
            }
            (Method::Get, "/healthz") => match self.0.problems() {
                none if none.is_empty() => Reply::text(Status::Ok, "ok"),
                problems => Reply::text(Status::ServiceUnavailable, problems.join("\n") + "\n"),
            },
            (Method::Get, _) => Reply::text(Status::NotFound, "see /metrics and /healthz"),
            (Method::Post | Method::Other, _) => Reply::text(Status::BadRequest, "ask by GET"),
        };
        (reply, ())
    }

    fn sent(&self, (): (), _: bool) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_format_that_it_prefers() {
        for (accept, format) in [
            ("", MetricsFormat::Text),
            ("*/*", MetricsFormat::Text),
            ("text/plain", MetricsFormat::Text),
            ("application/openmetrics-text", MetricsFormat::OpenMetrics),
            ("Application/OpenMetrics-Text; version=1.0.0,*/*;q=0.1", MetricsFormat::OpenMetrics),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.6",
                MetricsFormat::Text,
            ),
            ("application/openmetrics-text;q=0", MetricsFormat::Text),
            (
                "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3",
                MetricsFormat::OpenMetrics,
            ),
            ("application/json", MetricsFormat::Text),
        ] {
            assert_eq!(MetricsFormat::accepted(accept.as_bytes()), format, "{accept}");
        }
    }
}
