//! Host names of Services, as Istio reads them: a name without dots means the Service in the namespace of the object it
//! is written in.

use tidegate_router_sdk::prelude::*;

/// Whether a host, written in an object of `written_in`, means this Service of this namespace.
pub(crate) fn is_service(host: &str, written_in: &str, service: &str, namespace: &str) -> bool {
    parts(host, written_in) == (service, namespace)
}

/// Whether two hosts mean the same, each written in an object of the namespace next to it.
pub(crate) fn is_same(a: (&str, &str), b: (&str, &str)) -> bool {
    parts(a.0, a.1) == parts(b.0, b.1)
}

/// Service and namespace that a host means; for hosts outside the cluster the whole host, and no namespace.
fn parts<'a>(host: &'a str, written_in: &'a str) -> (&'a str, &'a str) {
    let Some((service, rest)) = host.split_once('.') else { return (host, written_in) };
    match rest.split_once('.') {
        None => (service, rest),
        Some((namespace, "svc")) => (service, namespace),
        Some((namespace, domain)) if domain.starts_with("svc.") => (service, namespace),
        Some(_) => (host, ""),
    }
}

/// The host of another Service of this namespace, written the way `like` is in an object of `written_in`: `reviews` next to
/// `ratings`, `reviews.shop.svc.cluster.local` next to `ratings.shop.svc.cluster.local`.
pub(crate) fn host_like(like: &str, written_in: &str, service: &str, namespace: &str) -> String {
    let mut host = service.to_owned();
    match like.find('.').and_then(|dot| like.get(dot..)) {
        Some(domain) if parts(like, written_in).1 == namespace => host.push_str(domain),
        None if written_in == namespace => {}
        _ => {
            for part in [".", namespace, ".svc.cluster.local"] {
                host.push_str(part);
            }
        }
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_means_a_service_by_its_name_and_namespace() {
        for (host, written_in, expected) in [
            ("cart", "shop", true),
            ("cart", "edge", false),
            ("cart.shop", "edge", true),
            ("cart.shop.svc", "edge", true),
            ("cart.shop.svc.cluster.local", "shop", true),
            ("cart.shop.svc.example.org", "shop", true),
            ("cart.edge", "shop", false),
            ("cart.edge.svc.cluster.local", "shop", false),
            ("cart.shop.example.org", "shop", false),
            ("cart.shop.svcx", "shop", false),
            ("cart-canary", "shop", false),
            ("", "shop", false),
            ("cart.", "shop", false),
        ] {
            assert_eq!(is_service(host, written_in, "cart", "shop"), expected, "{host} in {written_in}");
        }
    }

    #[test]
    fn hosts_are_the_same_when_they_mean_the_same() {
        for (a, b, expected) in [
            (("cart", "shop"), ("cart.shop.svc.cluster.local", "edge"), true),
            (("cart", "shop"), ("cart", "edge"), false),
            (("cart.example.com", "shop"), ("cart.example.com", "edge"), true),
            (("cart.example.com", "shop"), ("pay.example.com", "shop"), false),
            (("cart.shop", "a"), ("cart.shop.svc", "b"), true),
        ] {
            assert_eq!(is_same(a, b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_further_host_is_written_like_its_neighbour() {
        for (like, written_in, expected) in [
            ("cart", "shop", "exp"),
            ("cart.shop", "edge", "exp.shop"),
            ("cart.shop.svc.cluster.local", "edge", "exp.shop.svc.cluster.local"),
            ("cart.shop.svc.example.org", "shop", "exp.shop.svc.example.org"),
            ("cart", "edge", "exp.shop.svc.cluster.local"),
            ("cart.example.com", "shop", "exp.shop.svc.cluster.local"),
        ] {
            let host = host_like(like, written_in, "exp", "shop");
            assert_eq!(host, expected, "{like} in {written_in}");
            assert!(is_service(&host, written_in, "exp", "shop"));
        }
    }
}
