//! Work that goes on whether or not anybody waits for it, each piece beside the others.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::OnceLock;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

type Piece = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One task for all of it. A task for each piece would have to be aligned to a cache line, and an allocator
/// may not find the memory of the last one good enough for the next: a process that does little else grows
/// with each request.
#[derive(Debug, Default)]
pub struct Background(OnceLock<UnboundedSender<Piece>>);

impl Background {
    /// Begins a piece of work, and tells what came of it; that it had a defect is an error. What was begun
    /// comes to its end even when this is dropped. Must be called within the runtime.
    pub fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (tell, told) = oneshot::channel();
        let piece = Box::pin(async move {
            if let Ok(done) = AssertUnwindSafe(work).catch_unwind().await {
                // Nobody may wait for it any more.
                let _ = tell.send(done);
            }
        });
        let sender = self.0.get_or_init(|| {
            let (sender, coming) = unbounded_channel();
            tokio::spawn(go_on(coming));
            sender
        });
        let _ = sender.send(piece);
        told
    }
}

async fn go_on(mut coming: UnboundedReceiver<Piece>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(piece) = coming.recv() => under_way.push(piece),
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
            else => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    async fn after<T>(seconds: u64, value: T) -> T {
        sleep(Duration::from_secs(seconds)).await;
        value
    }

    #[tokio::test(start_paused = true)]
    async fn pieces_go_on_side_by_side_and_a_defect_stays_in_its_own() {
        let background = Background::default();
        let started = Instant::now();
        let slow = background.begin(after(2, "slow"));
        let broken = background.begin(async {
            assert!(after(1, false).await, "as the test wants it");
        });
        let quick = background.begin(after(1, "quick"));
        assert_eq!(quick.await, Ok("quick"));
        assert!(broken.await.is_err());
        assert_eq!(slow.await, Ok("slow"));
        assert_eq!(started.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_begun_ends_although_nobody_waits_and_nothing_more_will_come() {
        let background = Background::default();
        let (tell, told) = oneshot::channel();
        drop(background.begin(async { tell.send(after(1, "done").await) }));
        drop(background);
        assert_eq!(told.await, Ok("done"));
    }
}
