//! An API server that knows one Lease.

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Request, builtin, object};

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub lease: Option<Value>,
    version: u64,
}

impl Store {
    pub(crate) fn answer(&mut self, request: &Request) -> Result<Value, ApiError> {
        assert_eq!(request.resource, builtin::leases());
        assert_eq!(request.namespace.as_deref(), Some("tidegate"));
        match &request.operation {
            Operation::Get { name } => {
                assert_eq!(name, "lock");
                self.lease.clone().ok_or_else(|| ApiError::new(404, "NotFound", "no such lease"))
            }
            Operation::Create { object } => {
                if self.lease.is_some() {
                    return Err(ApiError::new(409, "AlreadyExists", "there is one"));
                }
                assert_eq!((object::namespace(object), object::name(object)), ("tidegate", "lock"));
                Ok(self.put(object.clone()))
            }
            Operation::Replace { name, subresource: None, object } => {
                assert_eq!(name, "lock");
                let Some(lease) = &self.lease else {
                    return Err(ApiError::new(404, "NotFound", "no such lease"));
                };
                assert!(!object::resource_version(object).is_empty(), "a write without a precondition");
                if object::resource_version(object) != object::resource_version(lease) {
                    return Err(ApiError::new(409, "Conflict", "it was changed"));
                }
                Ok(self.put(object.clone()))
            }
            other => panic!("not something a candidate asks for: {other:?}"),
        }
    }

    /// What an administrator does.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut lease = self.lease.clone().unwrap();
        edit(&mut lease);
        self.put(lease);
    }

    fn put(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }
}
