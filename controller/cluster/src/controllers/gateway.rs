//! A stand-in for the gateways of the Gateway API: some time after a route changes, traffic follows it and its
//! status says so, per parent.
//!
//! What a gateway reports are the conditions `Accepted` and `ResolvedRefs` with the generation they are about. A
//! rejected route changes no traffic. References to services that do not exist, to other kinds, and to other
//! namespaces without a `ReferenceGrant` are reported with the reasons that the API names.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::object;

use super::Task;
use crate::cluster::Cluster;
use crate::json::{as_object, at, items, number, object_at, text};
use crate::kinds::gateway_api::GROUP;
use crate::store::Place;

/// A parent of a route, as `parentRef` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parent {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) section: String,
    pub(crate) port: i64,
}

/// What a gateway does with the traffic of a route at a parent.
#[derive(Clone, Debug)]
pub(crate) struct Programmed {
    /// The route as the gateway has taken it.
    pub(crate) route: Arc<Value>,
}

impl Parent {
    fn of(reference: &Value, route_namespace: &str) -> Self {
        let or = |key: &str, default: &str| match reference.get(key).and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => default.to_owned(),
        };
        Self {
            group: or("group", GROUP),
            kind: or("kind", "Gateway"),
            namespace: or("namespace", route_namespace),
            name: or("name", ""),
            section: or("sectionName", ""),
            port: number(reference, &["port"]).unwrap_or_default(),
        }
    }
}

/// The parents of a route, with the references that name them.
pub(crate) fn parents(route: &Value) -> impl Iterator<Item = (Parent, &Value)> {
    let namespace = object::namespace(route);
    items(route, &["spec", "parentRefs"])
        .iter()
        .map(|reference| (Parent::of(reference, namespace), reference))
}

impl Cluster {
    pub(super) fn react_gateway(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        let table = place.table;
        if self.is_route(table) {
            self.react_route(place, old, new);
        } else if table == self.known.services {
            if old.is_some() != new.is_some() {
                self.revisit_routes(false, |route| mentions(route, &place.namespace, &place.name));
            }
        } else if table == self.known.reference_grants {
            self.revisit_routes(false, |_| true);
        } else if table == self.known.gateways {
            if old.is_some() != new.is_some() && self.settings.gateway.parents_must_exist {
                self.revisit_routes(true, |_| true);
            }
            let changed = new.is_some_and(|new| old.and_then(object::generation) != object::generation(new));
            let after = self.settings.gateway.at(&place.name, "").reports_after;
            if let (true, Some(after)) = (changed, after) {
                self.after(after, Task::Gateway(place.clone()));
            }
        }
    }

    fn react_route(&mut self, place: &Place, old: Option<&Value>, new: Option<&Value>) {
        let Some(new) = new else {
            self.programmed.retain(|(route, _), _| route != place);
            return;
        };
        if self.acting {
            return;
        }
        let changed = old.and_then(object::generation) != object::generation(new);
        let mut all: Vec<Parent> = parents(new).map(|(parent, _)| parent).collect();
        if changed {
            // Those that it had until now have to be let go.
            all.extend(old.into_iter().flat_map(parents).map(|(parent, _)| parent));
            all.sort();
            all.dedup();
        }
        for parent in all {
            let behaviour = self.settings.gateway.at(&parent.name, &place.name);
            let (programs, reports) = (behaviour.programs_after, behaviour.reports_after);
            if let (true, Some(after)) = (changed, programs) {
                self.after(after, Task::Program(place.clone(), parent.clone()));
            }
            if let Some(after) = reports {
                self.after(after, Task::Report(place.clone(), parent));
            }
        }
    }

    /// The gateway starts anew: it takes all routes as they are now, and reports on them.
    pub fn restart_gateway(&mut self) {
        self.revisit_routes(true, |_| true);
    }

    /// Has the gateway look again at the routes that pass a test, and take them again if asked to.
    fn revisit_routes(&mut self, take: bool, test: impl Fn(&Value) -> bool) {
        let routes: Vec<(Place, Vec<Parent>)> = self
            .known
            .routes
            .iter()
            .flat_map(|table| self.store.list(*table, None))
            .filter(|(_, route)| test(route))
            .map(|(place, route)| (place, parents(route).map(|(parent, _)| parent).collect()))
            .collect();
        for (place, parents) in routes {
            for parent in parents {
                let behaviour = self.settings.gateway.at(&parent.name, &place.name);
                let (programs, reports) = (behaviour.programs_after, behaviour.reports_after);
                if let Some(after) = programs.filter(|_| take) {
                    self.after(after, Task::Program(place.clone(), parent.clone()));
                }
                if let Some(after) = reports {
                    self.after(after, Task::Report(place.clone(), parent));
                }
            }
        }
    }

    /// Whether the gateway serves this parent.
    fn serves(&self, parent: &Parent) -> bool {
        if !self.settings.gateway.parents_must_exist {
            return true;
        }
        let table = match (parent.group.as_str(), parent.kind.as_str()) {
            (GROUP, "Gateway") => self.known.gateways,
            ("", "Service") => self.known.services,
            _ => return false,
        };
        self.store.get(table, &parent.namespace, &parent.name).is_some()
    }

    pub(super) fn program(&mut self, place: Place, parent: Parent) {
        let Some(route) = self.store.at(&place).cloned() else { return };
        let attached = parents(&route).any(|(one, _)| one == parent) && self.serves(&parent);
        if !attached {
            self.programmed.remove(&(place, parent));
        } else if self.settings.gateway.at(&parent.name, &place.name).rejects.is_none() {
            self.programmed.insert((place, parent), Programmed { route });
        }
    }

    pub(super) fn report(&mut self, place: &Place, parent: &Parent) {
        if self.settings.gateway.at(&parent.name, &place.name).programs_after.is_some() {
            // Whatever made it look now: what it reports on it has taken.
            self.program(place.clone(), parent.clone());
        }
        let Some(route) = self.store.at(place).cloned() else { return };
        let namespace = object::namespace(&route);
        let reference =
            parents(&route).find(|(one, _)| one == parent).map(|(_, reference)| reference.clone());
        let reference = reference.filter(|_| self.serves(parent));
        let mut entries = items(&route, &["status", "parents"]).to_vec();
        for controller in self.reporters(&route, parent) {
            let mine = |entry: &Value| {
                text(entry, &["controllerName"]) == controller
                    && Parent::of(entry.get("parentRef").unwrap_or(&Value::Null), namespace) == *parent
            };
            match &reference {
                None => entries.retain(|entry| !mine(entry)),
                Some(reference) => {
                    let existing = entries.iter_mut().find(|entry| mine(entry));
                    let old =
                        existing.as_deref().map(|entry| items(entry, &["conditions"])).unwrap_or_default();
                    let conditions = self.conditions(&route, parent, place, old);
                    match existing {
                        Some(entry) => {
                            as_object(entry).insert("parentRef".into(), reference.clone());
                            as_object(entry).insert("conditions".into(), conditions.into());
                        }
                        None => entries.push(json!({
                            "parentRef": reference, "controllerName": controller, "conditions": conditions,
                        })),
                    }
                }
            }
        }
        if entries == items(&route, &["status", "parents"]) {
            return;
        }
        let mut new = route.as_ref().clone();
        object_at(&mut new, "status").insert("parents".into(), entries.into());
        self.acting = true;
        self.put(place, new);
        self.acting = false;
    }

    /// The names under which gateways report on a route at a parent.
    fn reporters(&self, route: &Value, parent: &Parent) -> Vec<String> {
        let known: Vec<String> = reports_at(route, parent)
            .map(|entry| text(entry, &["controllerName"]).to_owned())
            .filter(|_| self.settings.gateway.keeps_names)
            .collect();
        if known.is_empty() { vec![self.settings.gateway.controller_name.clone()] } else { known }
    }

    fn conditions(&self, route: &Value, parent: &Parent, place: &Place, old: &[Value]) -> Vec<Value> {
        let accepted = match self.settings.gateway.at(&parent.name, &place.name).rejects {
            Some(rejection) => ("False", rejection.reason.clone(), rejection.message.clone()),
            None => ("True", "Accepted".into(), "Route is accepted".into()),
        };
        let resolved = match self.unresolved(place, route) {
            Some((reason, message)) => ("False", reason.to_owned(), message),
            None => {
                ("True", "ResolvedRefs".into(), "Resolved all the Object references for the Route".into())
            }
        };
        let mut conditions = old.to_vec();
        for (kind, condition) in [("Accepted", accepted), ("ResolvedRefs", resolved)] {
            set_condition(&mut conditions, kind, condition, object::generation(route), &self.timestamp());
        }
        conditions
    }

    /// The first backend reference of a route that leads nowhere: reason and message.
    fn unresolved(&self, place: &Place, route: &Value) -> Option<(&'static str, String)> {
        let route_kind = self.store.kind(place.table).map(|kind| kind.resource.kind.clone())?;
        backends(route).find_map(|backend| {
            let (group, kind) = (text(backend, &["group"]), text(backend, &["kind"]));
            let name = text(backend, &["name"]);
            if !(group.is_empty() && (kind == "Service" || kind.is_empty())) {
                return Some((
                    "InvalidKind",
                    format!("backendRef {name} has the unsupported kind {group}/{kind}"),
                ));
            }
            let namespace = match text(backend, &["namespace"]) {
                "" => &*place.namespace,
                other => other,
            };
            if namespace != &*place.namespace && !self.granted(&route_kind, &place.namespace, namespace, name)
            {
                let message = format!("backendRef {namespace}/{name} not permitted by any ReferenceGrant");
                return Some(("RefNotPermitted", message));
            }
            if self.store.get(self.known.services, namespace, name).is_none() {
                return Some(("BackendNotFound", format!("service {namespace}/{name} not found")));
            }
            None
        })
    }

    /// Whether routes of a kind and namespace may refer to a service in another namespace.
    fn granted(&self, route_kind: &str, from: &str, to: &str, service: &str) -> bool {
        self.store.list(self.known.reference_grants, Some(to)).any(|(_, grant)| {
            let allows_from = items(grant, &["spec", "from"]).iter().any(|one| {
                text(one, &["group"]) == GROUP
                    && text(one, &["kind"]) == route_kind
                    && text(one, &["namespace"]) == from
            });
            let allows_to = items(grant, &["spec", "to"]).iter().any(|one| {
                let name = text(one, &["name"]);
                text(one, &["group"]).is_empty()
                    && text(one, &["kind"]) == "Service"
                    && (name.is_empty() || name == service)
            });
            allows_from && allows_to
        })
    }

    pub(super) fn report_gateway(&mut self, place: &Place) {
        let Some(gateway) = self.store.at(place).cloned() else { return };
        let mut conditions = items(&gateway, &["status", "conditions"]).to_vec();
        for kind in ["Accepted", "Programmed"] {
            let condition = ("True", kind.to_owned(), String::new());
            set_condition(&mut conditions, kind, condition, object::generation(&gateway), &self.timestamp());
        }
        let mut new = gateway.as_ref().clone();
        object_at(&mut new, "status").insert("conditions".into(), conditions.into());
        if new != *gateway {
            self.put(place, new);
        }
    }
}

/// The reports on a route at a parent that say whether it is accepted.
pub(crate) fn reports_at<'a>(route: &'a Value, parent: &Parent) -> impl Iterator<Item = &'a Value> + use<'a> {
    let namespace = object::namespace(route);
    let parent = parent.clone();
    items(route, &["status", "parents"]).iter().filter(move |entry| {
        Parent::of(entry.get("parentRef").unwrap_or(&Value::Null), namespace) == parent
            && items(entry, &["conditions"]).iter().any(|one| text(one, &["type"]) == "Accepted")
    })
}

/// The backend references of all rules of a route.
fn backends(route: &Value) -> impl Iterator<Item = &Value> {
    items(route, &["spec", "rules"]).iter().flat_map(|rule| items(rule, &["backendRefs"]))
}

/// Whether a route refers to a service.
fn mentions(route: &Value, namespace: &str, name: &str) -> bool {
    backends(route).any(|backend| {
        let here = match text(backend, &["namespace"]) {
            "" => object::namespace(route),
            other => other,
        };
        text(backend, &["name"]) == name && here == namespace
    })
}

fn set_condition(
    conditions: &mut Vec<Value>,
    kind: &str,
    (status, reason, message): (&str, String, String),
    generation: Option<i64>,
    now: &str,
) {
    let mut condition = json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "observedGeneration": generation, "lastTransitionTime": now,
    });
    match conditions.iter_mut().find(|one| text(one, &["type"]) == kind) {
        Some(old) => {
            if text(old, &["status"]) == status {
                let since = at(old, &["lastTransitionTime"]).cloned().unwrap_or_default();
                as_object(&mut condition).insert("lastTransitionTime".into(), since);
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}
