//! The way from Argo Rollouts to Tidegate and back, as far as it can be judged without any I/O.
//!
//! | module | what it holds |
//! |---|---|
//! | `holder` | whose a lease is, by the form of its holder's identity |
//! | `marks` | who else wrote to a Rollout, by its `managedFields` |
//! | `stand_by` | whether another controller is at work, so that this one must not write |
//! | `freshness` | whether a lease that one does not compete for is held |
//! | `difference` | what would become of objects, place by place |
//! | `ledger` | which differences last |
//! | `survey` | what would be written, worked out from objects that are read once |
//! | `preflight` | what a switch would do to each Rollout |
#![forbid(unsafe_code)]

mod difference;
mod freshness;
mod holder;
mod ledger;
mod marks;
mod preflight;
mod stand_by;
mod survey;

pub use difference::{Difference, Subject, differences, shown};
pub use freshness::{Freshness, Sighting};
pub use holder::Holder;
pub use ledger::{Age, Ledger, News};
pub use marks::{Mark, Marks, Weight};
pub use preflight::{Adoption, Obstacle, Outlook, Verdict, outlooks};
pub use stand_by::{Judge, Lease, Patience, Stance, Why};
pub use survey::{Listing, Seen, Source, Survey, SurveyError, survey};
