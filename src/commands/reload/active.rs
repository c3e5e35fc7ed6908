//! What serves now.

use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::directory::Directory;
use crate::files::watch::Watch;
use crate::policy::Policies;

/// What was made of a configuration that is in use. Its directories are maintained until it is
/// dropped; requests that are under way keep theirs until they end.
#[derive(Debug)]
pub(super) struct Active {
    /// The version of the configuration.
    pub(super) file: Watch,
    pub(super) policies: Arc<Policies>,
    directories: Vec<Arc<Directory>>,
    maintenance: Vec<AbortHandle>,
}

impl Active {
    pub(super) fn new(
        file: Watch,
        policies: Arc<Policies>,
        directories: Vec<Arc<Directory>>,
    ) -> Self {
        let maintain = |directory: &Arc<Directory>| {
            let directory = Arc::clone(directory);
            tokio::spawn(async move { directory.maintain().await }).abort_handle()
        };
        let maintenance = directories.iter().map(maintain).collect();
        Self { file, policies, directories, maintenance }
    }

    /// Whether nothing can be asked of this directory now, so that a change takes nothing from it.
    pub(super) fn is_out(&self, directory: &str) -> bool {
        self.directories.iter().any(|active| active.name() == directory && active.is_impaired())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.maintenance.iter().for_each(AbortHandle::abort);
    }
}
