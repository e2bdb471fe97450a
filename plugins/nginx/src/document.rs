//! What of an Ingress is read. Everything else is skipped over without being copied.

use tidegate_router_sdk::Text;
use tidegate_router_sdk::json::{Reader, Result, push_member, push_text, same};
use tidegate_router_sdk::prelude::*;

/// The annotation that named the controller before `spec.ingressClassName` did.
pub(crate) const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// An Ingress.
#[derive(Debug, Default)]
pub(crate) struct Ingress<'a> {
    /// The uid of the owner that controls it.
    pub(crate) controller: Option<Text<'a>>,
    /// Those that were asked for; `None` when there is no map of them.
    pub(crate) annotations: Option<Vec<(String, Text<'a>)>>,
    pub(crate) spec: Spec<'a>,
}

/// A `spec`, as far as canary Ingresses have one.
#[derive(Debug, Default)]
pub(crate) struct Spec<'a> {
    class: Option<Text<'a>>,
    rules: Vec<Rule<'a>>,
    /// Whether there is more: certificates, a backend for all other requests.
    has_more: bool,
}

/// A rule that has paths.
#[derive(Debug, Default)]
struct Rule<'a> {
    host: Option<Text<'a>>,
    paths: Vec<Path<'a>>,
}

/// A path and its backend.
#[derive(Debug, Default)]
struct Path<'a> {
    route: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    /// The backend, when it is a Service.
    service: Option<Text<'a>>,
    /// JSON text of the Service's port.
    port: &'a str,
}

impl<'a> Ingress<'a> {
    /// Reads one, with the annotations whose keys `wanted` answers with true.
    pub(crate) fn read(reader: &mut Reader<'a>, wanted: &dyn Fn(&str) -> bool) -> Result<Self> {
        let mut ingress = Self::default();
        reader.object(&mut |key, reader| match key {
            "metadata" => reader.object(&mut |key, reader| match key {
                "ownerReferences" => {
                    ingress.controller = None;
                    reader.list(&mut |reader| {
                        if let Some(uid) = controller(reader)? {
                            ingress.controller = Some(uid);
                        }
                        Ok(())
                    })
                }
                "annotations" => {
                    let mut annotations = Vec::new();
                    reader.object(&mut |key, reader| {
                        if !wanted(key) {
                            return reader.skip();
                        }
                        annotations.push((key.to_owned(), reader.text()?.unwrap_or_default()));
                        Ok(())
                    })?;
                    ingress.annotations = Some(annotations);
                    Ok(())
                }
                _ => reader.skip(),
            }),
            "spec" => {
                ingress.spec = Spec::read(reader)?;
                Ok(())
            }
            _ => reader.skip(),
        })?;
        Ok(ingress)
    }

    /// The value of an annotation that was asked for.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        let found = self.annotations.iter().flatten().find(|(other, _)| other == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// The uid in an owner reference, when that owner is the controller.
fn controller<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>> {
    let (mut uid, mut is_controller) = (None, false);
    reader.object(&mut |key, reader| {
        match key {
            "uid" => uid = reader.text()?,
            "controller" => is_controller = reader.flag()?.unwrap_or_default(),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(uid.filter(|_| is_controller))
}

impl<'a> Spec<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut spec = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "ingressClassName" => spec.class = reader.text()?,
                "rules" => {
                    spec.rules.clear();
                    reader.list(&mut |reader| {
                        spec.rules.push(Rule::read(reader)?);
                        Ok(())
                    })?;
                }
                _ => spec.has_more |= reader.raw()? != "null",
            }
            Ok(())
        })?;
        Ok(spec)
    }

    /// What the canary Ingress next to this one has: the paths to the stable Service, to the canary Service. `None` when
    /// there is no such path.
    pub(crate) fn for_canary(&self, stable: &str, canary: &'a str) -> Option<Self> {
        let mut rules = Vec::new();
        for rule in &self.rules {
            let to_stable =
                rule.paths.iter().filter(|path| path.service.as_deref().is_some_and(|name| name == stable));
            let paths: Vec<_> = to_stable
                .map(|path| Path {
                    route: path.route.clone(),
                    kind: path.kind.clone(),
                    service: Some(canary.into()),
                    port: path.port,
                })
                .collect();
            if !paths.is_empty() {
                rules.push(Rule { host: rule.host.clone(), paths });
            }
        }
        (!rules.is_empty()).then(|| Self { class: self.class.clone(), rules, has_more: false })
    }

    /// Whether two are the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.class == other.class
            && self.has_more == other.has_more
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(a, b)| a.is_same(b))
    }

    /// As JSON text, but for `has_more`.
    pub(crate) fn json(&self) -> String {
        let mut json = "{".to_owned();
        if let Some(class) = &self.class {
            push_member(&mut json, "ingressClassName", &text(class));
        }
        push_member(&mut json, "rules", &list(self.rules.iter().map(Rule::json)));
        json.push('}');
        json
    }
}

impl<'a> Rule<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut rule = Self::default();
        reader.object(&mut |key, reader| match key {
            "host" => {
                rule.host = reader.text()?.filter(|host| !host.is_empty());
                Ok(())
            }
            "http" => reader.object(&mut |key, reader| match key {
                "paths" => {
                    rule.paths.clear();
                    reader.list(&mut |reader| {
                        rule.paths.push(Path::read(reader)?);
                        Ok(())
                    })
                }
                _ => reader.skip(),
            }),
            _ => reader.skip(),
        })?;
        Ok(rule)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.host == other.host
            && self.paths.len() == other.paths.len()
            && self.paths.iter().zip(&other.paths).all(|(a, b)| {
                a.route == b.route && a.kind == b.kind && a.service == b.service && same(a.port, b.port)
            })
    }

    fn json(&self) -> String {
        let mut http = "{".to_owned();
        push_member(&mut http, "paths", &list(self.paths.iter().map(Path::json)));
        http.push('}');
        let mut json = "{".to_owned();
        if let Some(host) = &self.host {
            push_member(&mut json, "host", &text(host));
        }
        push_member(&mut json, "http", &http);
        json.push('}');
        json
    }
}

impl<'a> Path<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut path = Self { port: "null", ..Self::default() };
        reader.object(&mut |key, reader| match key {
            "path" => {
                path.route = reader.text()?;
                Ok(())
            }
            "pathType" => {
                path.kind = reader.text()?;
                Ok(())
            }
            "backend" => reader.object(&mut |key, reader| match key {
                "service" => reader.object(&mut |key, reader| {
                    match key {
                        "name" => path.service = reader.text()?,
                        "port" => path.port = reader.raw()?,
                        _ => reader.skip()?,
                    }
                    Ok(())
                }),
                _ => reader.skip(),
            }),
            _ => reader.skip(),
        })?;
        Ok(path)
    }

    fn json(&self) -> String {
        let mut service = "{".to_owned();
        if let Some(name) = &self.service {
            push_member(&mut service, "name", &text(name));
        }
        if self.port != "null" {
            push_member(&mut service, "port", self.port);
        }
        service.push('}');
        let mut backend = "{".to_owned();
        push_member(&mut backend, "service", &service);
        backend.push('}');
        let mut json = "{".to_owned();
        for (key, value) in [("path", &self.route), ("pathType", &self.kind)] {
            if let Some(value) = value {
                push_member(&mut json, key, &text(value));
            }
        }
        push_member(&mut json, "backend", &backend);
        json.push('}');
        json
    }
}

/// A text as JSON.
pub(crate) fn text(text: &str) -> String {
    let mut json = String::new();
    push_text(&mut json, text);
    json
}

fn list(elements: impl Iterator<Item = String>) -> String {
    let mut json = "[".to_owned();
    for element in elements {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&element);
    }
    json.push(']');
    json
}
