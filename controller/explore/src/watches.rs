//! What watches tell controllers, and what can be wrong with that: they come late, stop for a while, repeat themselves, or start
//! anew with a list, which may be an old one.

use std::time::Duration;

use tidegate_shell::{Event, Unwatchable, WatchKey};

use crate::happening::WatchFault;
use crate::process::Stream;
use crate::simulation::{Arrival, Simulation, To};

impl Simulation {
    /// Reads what there is to read, and puts it on its way.
    pub(crate) fn read_watches(&mut self, controller: usize) {
        let Some(to) = self.address(controller) else { return };
        let (now, current) = (self.elapsed(), self.cluster.resource_version());
        let Some(process) = self.process(to) else { return };
        if process.read >= current {
            return;
        }
        process.read = current;
        let mut arrivals = Vec::new();
        let mut expired = Vec::new();
        let Some(process) = self.processes.get_mut(controller) else { return };
        for (watch, stream) in &mut process.streams {
            if stream.interrupted_until > now {
                process.read = process.read.min(stream.read);
                continue;
            }
            let namespace = watch.namespace.as_deref();
            let Ok(changes) = self.cluster.changes_since(&stream.resource, namespace, stream.read) else {
                expired.push(watch.clone());
                continue;
            };
            for change in changes {
                let object = change.object.as_ref().clone();
                let event = if change.deleted {
                    Event::Removed { watch: watch.clone(), object }
                } else {
                    Event::Changed { watch: watch.clone(), object }
                };
                arrivals.push((watch.clone(), stream.connection, change.resource_version, event));
            }
            stream.read = current;
        }
        arrivals.sort_by_key(|(_, _, version, _)| *version);
        for (watch, connection, version, event) in arrivals {
            let way = self.way();
            let Some(stream) = self.process(to).and_then(|process| process.streams.get_mut(&watch)) else {
                continue;
            };
            let at = now.saturating_add(way).saturating_add(stream.lag).max(stream.last);
            stream.last = at;
            self.arrives(at, Arrival::Watched(to, watch, connection, version, event));
        }
        for watch in expired {
            self.relist(to, &watch, Duration::ZERO);
        }
    }

    /// Something arrives by a watch.
    pub(crate) fn watched(&mut self, to: To, watch: &WatchKey, connection: u64, version: u64, event: Event) {
        let Some(stream) = self.process(to).and_then(|process| process.streams.get_mut(watch)) else {
            return;
        };
        let begins = matches!(event, Event::Listed { .. } | Event::ListBegan { .. });
        let ends = matches!(event, Event::Listed { .. } | Event::ListEnded { .. });
        if begins && stream.connection < connection {
            // An old list replaces what the watch told meanwhile, which it then tells again.
            stream.connection = connection;
            stream.read = version;
            stream.interrupted_until = Duration::MAX;
        }
        if stream.connection != connection {
            return;
        }
        if ends {
            stream.interrupted_until = Duration::ZERO;
            stream.is_listed = true;
        }
        if stream.is_listed {
            stream.arrived = Some(version);
        }
        if ends && let Some(process) = self.process(to) {
            process.read = process.read.min(version);
        }
        if let Some(process) = self.process(to) {
            process.sees(watch, &event);
        }
        self.step(to.controller, event, None);
        if ends {
            self.read_watches(to.controller);
        }
    }

    /// The list of a watch, which arrives so much later.
    pub(crate) fn list(&mut self, to: To, watch: WatchKey, takes: Duration) {
        let now = self.elapsed();
        if self.process(to).is_none() {
            return;
        }
        let at = now.saturating_add(self.way()).saturating_add(takes);
        let Some(resource) = self.cluster.served(&watch.group, &watch.kind).cloned() else {
            let event = Event::Unwatchable { watch, why: Unwatchable::NotServed };
            return self.arrives(at, Arrival::Told(to, event));
        };
        let version = self.cluster.resource_version();
        let objects = self.cluster.objects(&resource, watch.namespace.as_deref());
        let objects: Vec<_> = objects.map(|object| object.as_ref().clone()).collect();
        let Some(process) = self.process(to) else { return };
        process.streams.entry(watch.clone()).or_insert_with(|| Stream {
            resource: resource.clone(),
            connection: 0,
            read: version,
            arrived: None,
            is_listed: false,
            interrupted_until: Duration::MAX,
            lag: Duration::ZERO,
            last: Duration::ZERO,
        });
        // Numbers that no other connection has.
        let connection = self.next_number();
        let events = if self.scenario.pages {
            let begins = Event::ListBegan { watch: watch.clone(), resource };
            let objects = objects.into_iter().map(|object| Event::Changed { watch: watch.clone(), object });
            let ends = Event::ListEnded { watch: watch.clone() };
            std::iter::once(begins).chain(objects).chain(std::iter::once(ends)).collect()
        } else {
            vec![Event::Listed { watch: watch.clone(), resource, objects }]
        };
        for event in events {
            self.arrives(at, Arrival::Watched(to, watch.clone(), connection, version, event));
        }
    }

    /// A watch starts anew, with a list of now that arrives so much later.
    fn relist(&mut self, to: To, watch: &WatchKey, takes: Duration) {
        if takes.is_zero()
            && let Some(stream) = self.process(to).and_then(|process| process.streams.get_mut(watch))
        {
            // Nothing comes before the list.
            stream.interrupted_until = Duration::MAX;
        }
        let at = self.elapsed().saturating_add(self.way());
        self.arrives(at, Arrival::List(to, watch.clone(), takes));
    }

    /// Something is wrong with the watches of a controller.
    pub(crate) fn watches_fail(&mut self, controller: usize, kind: Option<&str>, what: WatchFault) {
        let Some(to) = self.address(controller) else { return };
        let now = self.elapsed();
        let Some(process) = self.process(to) else { return };
        let fits = |watch: &WatchKey| kind.is_none_or(|kind| *watch.kind == *kind);
        let watches: Vec<WatchKey> = process.streams.keys().filter(|watch| fits(watch)).cloned().collect();
        for watch in watches {
            match what {
                WatchFault::Relisted => self.relist(to, &watch, Duration::ZERO),
                WatchFault::Stale(age) => self.relist(to, &watch, age),
                WatchFault::Interrupted(time) => {
                    let until = now.saturating_add(time);
                    let Some(stream) = self.process(to).and_then(|process| process.streams.get_mut(&watch))
                    else {
                        continue;
                    };
                    stream.interrupted_until = stream.interrupted_until.max(until);
                    self.arrives(until, Arrival::Resume);
                }
                WatchFault::Late(lag) => {
                    if let Some(stream) = self.process(to).and_then(|process| process.streams.get_mut(&watch))
                    {
                        stream.lag = lag;
                    }
                }
                WatchFault::Repeated(changes) => {
                    let Some(process) = self.process(to) else { continue };
                    let Some(stream) = process.streams.get_mut(&watch) else { continue };
                    stream.read = stream.read.saturating_sub(changes).max(1);
                    process.read = process.read.min(stream.read);
                }
            }
        }
    }

    /// All watches are as they should be.
    pub(crate) fn watches_heal(&mut self) {
        for process in &mut self.processes {
            for stream in process.streams.values_mut() {
                stream.lag = Duration::ZERO;
                if stream.interrupted_until != Duration::MAX {
                    stream.interrupted_until = Duration::ZERO;
                }
            }
        }
    }
}
