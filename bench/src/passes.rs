//! Calls of a plugin, and passes of a host.

use anyhow::{Result, bail};
use serde::Serialize;
use tidegate_contract::{Router as _, Session as _};
use tidegate_route::{Answer, Pass, run};
use tidegate_runtime::Plugin;

use crate::question::Question;
use crate::spread::Spread;

/// How often each thing is done.
const TIMES: usize = 5000;

/// What passes over 4 kB of objects take, in microseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Passes {
    /// Bytes of the objects that the plugin sees, as JSON text.
    pub(crate) object_bytes: usize,
    /// A sandbox, started and thrown away.
    pub(crate) sandbox: Spread,
    /// `locate` in a fresh sandbox.
    pub(crate) locate: Spread,
    /// `locate` and `route` in one fresh sandbox, with nothing to change.
    pub(crate) locate_and_route: Spread,
    /// Fuel for both.
    pub(crate) fuel: u64,
    /// A whole pass of the host with nothing to change: what is located settles, `route`, the shares are checked.
    pub(crate) without_change: Spread,
    /// A whole pass with a change: `route`, apply, guard, `route` again, make the write.
    pub(crate) with_change: Spread,
}

/// Asks a plugin over and over.
pub(crate) fn measure(plugin: &Plugin, mut question: Question) -> Result<Passes> {
    let (change, routed) = question.pass(plugin)?;
    if routed.writes.is_empty() {
        bail!("the fixture has the weights 80 and 20 already, so there is no change to measure");
    }
    question.write(&routed)?;
    let (settled, routed) = question.pass(plugin)?;
    if !routed.writes.is_empty() {
        bail!("the plugin changes its own result again");
    }
    let Pass { target, traffic, seen, .. } = &settled;
    let sandbox = Spread::of(TIMES, || plugin.sandbox().map(drop))?;
    let locate = Spread::of(TIMES, || plugin.session()?.locate(target, traffic, seen).map(drop))?;
    let locate_and_route = Spread::of(TIMES, || {
        let mut session = plugin.session()?;
        session.locate(target, traffic, seen)?;
        session.route(target, traffic, seen).map(drop)
    })?;
    let mut used = plugin.sandbox()?;
    used.locate(target, traffic, seen)?;
    used.route(target, traffic, seen)?;
    Ok(Passes {
        object_bytes: seen.iter().flat_map(|seen| &seen.objects).map(|object| object.json.len()).sum(),
        sandbox,
        locate,
        locate_and_route,
        fuel: used.usage().fuel,
        without_change: whole(plugin, &settled)?,
        with_change: whole(plugin, &change)?,
    })
}

fn whole(plugin: &Plugin, pass: &Pass) -> Result<Spread> {
    Spread::of(TIMES, || match run(&mut *plugin.session()?, plugin.description(), pass) {
        Answer::Routed(_) => Ok(()),
        answer => bail!("the plugin answers differently now: {answer:?}"),
    })
}
