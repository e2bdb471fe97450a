//! The table of what plugins do wrong and how each must end.

mod answers;
mod loading;
mod machine;
mod output;

use tidegate_contract::FaultReason;

/// A kind of plugin that misbehaves.
pub struct Hostile {
    /// Its name; for plugins written with the SDK, what their configuration calls it.
    pub name: &'static str,
    /// What it does, in a few words.
    pub does: &'static str,
    /// What there is to load.
    pub component: Component,
    /// What it is asked when it misbehaves.
    pub question: Question,
    /// How that must end.
    pub ends: Ends,
}

/// What there is to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The plugin in `guest/`, told by its configuration what to do wrong.
    Configured,
}

/// What a plugin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether its configuration is right.
    Check,
    /// To express the desired traffic, which comes with `locate`.
    Route,
    /// To give everything back.
    Release,
}

/// How a plugin must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// It is not loaded: the stage it fails in, and the reason.
    NotLoaded(&'static str, &'static str),
    /// The call ends without an answer.
    Fault(FaultReason),
    /// Its answer is refused, for this reason.
    Refused(&'static str),
    /// It says what is wrong, by this code.
    Problem(&'static str),
    /// It answers as a good one does: what it did has no effect.
    Harmless,
}

impl Ends {
    /// The reason that conditions and metrics show; none for what does no harm.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::NotLoaded(_, reason) | Self::Refused(reason) => Some(reason),
            Self::Fault(reason) => Some(reason.as_str()),
            Self::Problem(code) => Some(code),
            Self::Harmless => None,
        }
    }
}

/// All kinds.
pub fn zoo() -> Vec<Hostile> {
    [loading::all(), machine::all(), output::all(), answers::all()].into_iter().flatten().collect()
}

/// One that is made of these bytes.
fn made(
    name: &'static str,
    does: &'static str,
    component: Vec<u8>,
    question: Question,
    ends: Ends,
) -> Hostile {
    Hostile { name, does, component: Component::Bytes(component), question, ends }
}
