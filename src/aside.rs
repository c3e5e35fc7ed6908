//! Work that a disk or a resolver which does not answer can hold up.

use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::oneshot;

use crate::lock::locked;

/// Does work on a thread of its own; or here, where the system starts no more threads, because to be
/// held up is better than to do without. `None` if the work has a defect.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    aside_by(|task| thread::Builder::new().spawn(task).is_ok(), work).await
}

/// Does work in the task that `start` starts, if it does.
async fn aside_by<T: Send + 'static>(
    start: impl FnOnce(Box<dyn FnOnce() + Send>) -> bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let place = Arc::new(Mutex::new(Some(work)));
    let taken = Arc::clone(&place);
    let (tell, told) = oneshot::channel();
    let task = Box::new(move || {
        let work = locked(&taken).take();
        // Nobody may wait for it any more.
        let _ = work.map(|work| tell.send(work()));
    });
    if start(task) {
        return told.await.ok();
    }
    let work = locked(&place).take();
    work.map(|work| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_elsewhere_or_here_and_a_defect_stays_in_it() {
        let here = thread::current().id();
        assert_ne!(aside(|| thread::current().id()).await.unwrap(), here);
        assert_eq!(aside_by(|_| false, || thread::current().id()).await, Some(here));
        assert_eq!(aside(|| assert!(thread::current().name().is_some())).await, None);
    }
}
