//! Objects of the whole cluster that a test makes: they go with the test, however it ends, because others would meet them.

use std::time::Duration;

use tidegate_api::Resource;
use tidegate_tests::Admin;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// An object that is removed when this is dropped.
pub(super) struct Temporary {
    admin: Admin,
    resource: Resource,
    namespace: String,
    name: String,
    deadline: Option<JoinHandle<()>>,
}

impl Temporary {
    pub(super) fn new(admin: &Admin, resource: Resource, namespace: &str, name: &str) -> Self {
        Self {
            admin: admin.clone(),
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            deadline: None,
        }
    }

    /// It goes after this time at the latest, whatever the test waits for then.
    pub(super) fn at_most(mut self, time: Duration) -> Self {
        let (admin, resource) = (self.admin.clone(), self.resource.clone());
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        self.deadline = Some(tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let _ = admin.delete(&resource, &namespace, &name).await;
        }));
        self
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(deadline) = &self.deadline {
            deadline.abort();
        }
        let runtime = Handle::current();
        let delete = self.admin.delete(&self.resource, &self.namespace, &self.name);
        // A thread that waits for a runtime must not be one of its own.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = runtime.block_on(delete);
            });
        });
    }
}
