//! Reading what the Rollout and the operator configured.

use crate::{Problem, Target, concat};

impl Target {
    /// The Services in the stable and the canary role.
    ///
    /// # Errors
    /// `missing-service` when one is missing, or when they are the same: weights could not be told apart.
    pub fn services(&self) -> Result<Services<'_>, Problem> {
        match (self.stable_service.as_deref(), self.canary_service.as_deref()) {
            (Some(stable), Some(canary)) if stable == canary => Err(Problem::missing_service(concat(&[
                "stableService and canaryService are both `",
                stable,
                "`: name two different Services",
            ]))),
            (Some(stable), Some(canary)) => Ok(Services { stable, canary }),
            (stable, _) => Err(Problem::missing_service(concat(&[
                "this router divides traffic between two Services, and the Rollout has no ",
                if stable.is_none() { "stableService" } else { "canaryService" },
                ": name both under spec.strategy.canary",
            ]))),
        }
    }
}

/// The names of the Services in the two roles; they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services<'a> {
    /// The Service in the stable role.
    pub stable: &'a str,
    /// The Service in the canary role.
    pub canary: &'a str,
}

/// The convenient way, which costs a guest 60 kB; [`Fields`](crate::Fields) is the small one.
#[cfg(feature = "serde")]
mod derived {
    use serde::de::DeserializeOwned;
    use serde_path_to_error::Segment;

    use crate::prelude::*;
    use crate::{Pointer, Problem, Target};

    impl Target {
        /// The Rollout's configuration as a type of the plugin's own (feature `serde`). What does not fit is `invalid-config` with a
        /// pointer to the place.
        ///
        /// # Errors
        /// When it is not of that type.
        pub fn config<T: DeserializeOwned>(&self) -> Result<T, Problem> {
            parse("configuration", &self.config)
        }

        /// The operator's settings as a type of the plugin's own (feature `serde`).
        ///
        /// # Errors
        /// When they are not of that type.
        pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Problem> {
            parse("settings", &self.settings)
        }
    }

    fn parse<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, Problem> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let mut pointer = Pointer::root();
            for segment in error.path() {
                pointer = match segment {
                    Segment::Seq { index } => pointer.index(*index),
                    Segment::Map { key } => pointer.key(key),
                    Segment::Enum { variant } => pointer.key(variant),
                    Segment::Unknown => break,
                };
            }
            Problem::invalid_config(pointer, format!("the {what} is not right: {}", error.inner()))
        })?;
        deserializer.end().map_err(|error| {
            Problem::invalid_config(Pointer::root(), format!("the {what} is not one JSON value: {error}"))
        })?;
        Ok(value)
    }
}
