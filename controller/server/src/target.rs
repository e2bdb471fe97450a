//! Reading paths: what a request is about.

use percent_encoding::percent_decode_str;
use tidegate_api::{ApiError, Resource};
use tidegate_cluster::Cluster;

use crate::answer::{no_such_page, not_served};

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/VERSION` and `/apis/GROUP/VERSION`.
    Resources(String, String),
    /// All objects of a resource, in a namespace or in all.
    Collection(Resource, Option<String>),
    /// One object, or a subresource of it.
    Object(Place),
    /// A question about what the client may do; the plural name of its kind.
    Review(String),
}

/// One object, or a subresource of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) subresource: Option<String>,
}

impl Target {
    /// Reads a path.
    pub(crate) fn read(cluster: &Cluster, path: &str) -> Result<Self, ApiError> {
        let decoded = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| not_served())?;
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["version"] => Ok(Self::Version),
            ["healthz" | "livez" | "readyz", ..] => Ok(Self::Health),
            ["api"] => Ok(Self::CoreVersions),
            ["api", version, rest @ ..] => below(cluster, "", version, rest),
            ["apis"] => Ok(Self::Groups),
            ["apis", group] => Ok(Self::Group((*group).to_owned())),
            ["apis", "authorization.k8s.io", "v1", review] => Ok(Self::Review((*review).to_owned())),
            ["apis", group, version, rest @ ..] => below(cluster, group, version, rest),
            _ => Err(no_such_page()),
        }
    }
}

fn below(cluster: &Cluster, group: &str, version: &str, rest: &[&str]) -> Result<Target, ApiError> {
    let find = |plural: &str| {
        let found = cluster.resources().find(|served| {
            *served.group == *group && *served.version == *version && *served.plural == *plural
        });
        if let Some(found) = found {
            return Ok(found.clone());
        }
        let is_known =
            cluster.resources().any(|served| *served.group == *group && *served.version == *version);
        Err(if is_known { not_served() } else { no_such_page() })
    };
    let object = |resource: Resource, namespace: Option<&str>, name: &str, subresource: Option<&str>| {
        if resource.namespaced != namespace.is_some() {
            return Err(not_served());
        }
        Ok(Target::Object(Place {
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            subresource: subresource.map(str::to_owned),
        }))
    };
    match rest {
        [] => Ok(Target::Resources(group.to_owned(), version.to_owned())),
        // Namespaces are objects, too, with subresources of their own.
        ["namespaces", name, part @ ("status" | "finalize")] if group.is_empty() => {
            object(find("namespaces")?, None, name, Some(part))
        }
        ["namespaces", namespace, plural] => {
            let resource = find(plural)?;
            if !resource.namespaced {
                return Err(not_served());
            }
            Ok(Target::Collection(resource, Some((*namespace).to_owned())))
        }
        ["namespaces", namespace, plural, name] => object(find(plural)?, Some(namespace), name, None),
        ["namespaces", namespace, plural, name, part] => {
            object(find(plural)?, Some(namespace), name, Some(part))
        }
        [plural] => Ok(Target::Collection(find(plural)?, None)),
        [plural, name] => object(find(plural)?, None, name, None),
        [plural, name, part] => object(find(plural)?, None, name, Some(part)),
        _ => Err(not_served()),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_api::builtin;
    use tidegate_cluster::Settings;

    use super::*;

    fn read(path: &str) -> Result<Target, u16> {
        Target::read(&Cluster::new(Settings::default()), path).map_err(|error| error.code)
    }

    fn place(resource: Resource, namespace: Option<&str>, name: &str, part: Option<&str>) -> Target {
        Target::Object(Place {
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.into(),
            subresource: part.map(str::to_owned),
        })
    }

    #[test]
    fn paths_name_what_the_api_says() {
        let namespaces = || Resource::cluster_scoped("", "v1", "Namespace", "namespaces");
        let shop = || Some("shop".to_owned());
        for (path, expected) in [
            ("/api", Target::CoreVersions),
            ("/api/v1", Target::Resources(String::new(), "v1".into())),
            ("/apis/argoproj.io", Target::Group("argoproj.io".into())),
            ("/apis/argoproj.io/v1alpha1/", Target::Resources("argoproj.io".into(), "v1alpha1".into())),
            ("/apis/argoproj.io/v1alpha1/rollouts", Target::Collection(builtin::rollouts(), None)),
            ("/api/v1/namespaces/shop/pods", Target::Collection(builtin::pods(), shop())),
            ("/api/v1/namespaces/shop/pods/a%2Db", place(builtin::pods(), Some("shop"), "a-b", None)),
            (
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status",
                place(builtin::rollouts(), Some("shop"), "web", Some("status")),
            ),
            ("/api/v1/namespaces", Target::Collection(namespaces(), None)),
            ("/api/v1/namespaces/shop", place(namespaces(), None, "shop", None)),
            ("/api/v1/namespaces/shop/status", place(namespaces(), None, "shop", Some("status"))),
            ("/readyz", Target::Health),
        ] {
            assert_eq!(read(path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_served() {
        for path in [
            "/",
            "/ap",
            "/api/v1/nonsense",
            "/apis/nonsense.io/v1/things",
            "/api/v1/pods/web",
            "/api/v1/namespaces/shop/namespaces/other",
            "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status/more",
            "/api/v1/namespaces/%ff/pods",
        ] {
            assert_eq!(read(path).err(), Some(404), "{path}");
        }
    }
}
