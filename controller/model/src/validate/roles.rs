//! What tells the two roles apart: the Services in them, and where their pods run.

use super::field::{Checks, Field, brief};

/// The two forms of `antiAffinity`.
const FORMS: [&str; 2] =
    ["preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"];
/// The largest weight of a preference (Kubernetes).
const LARGEST_PREFERENCE: i64 = 100;

impl Checks {
    /// The Services in the two roles. Whether a router needs them is for the router to say.
    pub(super) fn services(&mut self, canary: &Field<'_>) {
        let services = [canary.get("stableService"), canary.get("canaryService")];
        for service in &services {
            if service.is_given() && !service.value.is_string() {
                self.say(service, format!("must be the name of a Service, not {}", brief(service.value)));
            }
        }
        let [stable, canary] = services;
        if stable.text().is_some() && stable.text() == canary.text() {
            self.say(&canary, "must be another Service than stableService");
        }
    }

    /// `pingPong`: two Services, and routers that can divide between them whichever is the stable one.
    pub(super) fn ping_pong(&mut self, canary: &Field<'_>, has_routers: bool) {
        let names = canary.get("pingPong");
        if !self.object(&names) {
            return;
        }
        self.only(&names, &["pingService", "pongService"]);
        let (ping, pong) = (names.get("pingService"), names.get("pongService"));
        for service in [&ping, &pong] {
            if service.text().is_none() {
                let found = brief(service.value);
                self.say(
                    service,
                    format!("must be the name of a Service, not {found}; ping-pong needs both"),
                );
            }
        }
        if ping.text().is_some() && ping.text() == pong.text() {
            self.say(&pong, "must be another Service than pingService");
        }
        for field in [canary.get("canaryService"), canary.get("stableService")] {
            if field.text().is_some() {
                self.say(
                    &field,
                    "is there with pingPong, which names the Services of both roles; remove one of them",
                );
            }
        }
        if !has_routers {
            self.say(&names, "needs a router, which moves the traffic; give trafficRouting one, or use canaryService and stableService");
        }
        let routing = canary.get("trafficRouting");
        let plugins = routing.get("plugins");
        for (own, plugin) in [("nginx", "builtin:nginx"), ("istio", "builtin:istio")] {
            for config in [routing.get(own), plugins.get(plugin)] {
                if own == "nginx" && config.is_given() {
                    let message = "cannot do ping-pong: an Ingress names the stable Service, which would be another one after each \
                                   promotion; use canaryService and stableService";
                    self.say(&config, message);
                }
                let rule = config.get("destinationRule");
                if own == "istio" && rule.is_given() {
                    let message = "divides between subsets of one host, and pingPong between two Services; remove one of them";
                    self.say(&rule, message);
                }
            }
        }
    }

    /// `antiAffinity`: one of two forms.
    pub(super) fn anti_affinity(&mut self, field: &Field<'_>) {
        if !self.object(field) {
            return;
        }
        self.only(field, &FORMS);
        let [preferred, required] = FORMS.map(|form| field.get(form));
        if preferred.is_given() == required.is_given() {
            self.say(field, format!("must have exactly one of {}", FORMS.join(" and ")));
        }
        self.object(&required);
        if self.object(&preferred) {
            let weight = preferred.get("weight");
            if !weight.value.as_i64().is_some_and(|weight| (1..=LARGEST_PREFERENCE).contains(&weight)) {
                let found = brief(weight.value);
                self.say(
                    &weight,
                    format!("must be a whole number from 1 to {LARGEST_PREFERENCE}, not {found}"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{paths, rollout, routed, with};

    fn ping_pong(names: Value) -> Value {
        with(
            rollout(&json!({"trafficRouting": {"plugins": {"a/b": {}}}})),
            "/spec/strategy/canary/pingPong",
            names,
        )
    }

    fn assert_wrong(rollout: &Value, expected: &[&str]) {
        let expected: Vec<String> =
            expected.iter().map(|path| format!("spec.strategy.canary.{path}")).collect();
        assert_eq!(paths(rollout), expected, "{rollout}");
    }

    #[test]
    fn ping_pong_names_two_services_and_has_a_router() {
        let names = json!({"pingService": "a", "pongService": "b"});
        assert_wrong(&ping_pong(names.clone()), &[]);
        let wrong: [(Value, &[&str]); 7] = [
            (json!({}), &["pingPong.pingService", "pingPong.pongService"]),
            (json!({"pingService": "a"}), &["pingPong.pongService"]),
            (json!({"pingService": "", "pongService": "b"}), &["pingPong.pingService"]),
            (json!({"pingService": ["a"], "pongService": "b"}), &["pingPong.pingService"]),
            (json!({"pingService": "a", "pongService": "a"}), &["pingPong.pongService"]),
            (json!({"pingService": "a", "pongService": "b", "pangService": "c"}), &["pingPong.pangService"]),
            (json!("a"), &["pingPong"]),
        ];
        for (names, expected) in wrong {
            assert_wrong(&ping_pong(names), expected);
        }
        for routing in [json!(null), json!({}), json!({"plugins": {}})] {
            let unrouted = with(ping_pong(names.clone()), "/spec/strategy/canary/trafficRouting", routing);
            assert_wrong(&unrouted, &["pingPong"]);
        }
        let both = with(routed(&json!([])), "/spec/strategy/canary/pingPong", names);
        assert_wrong(&both, &["canaryService", "stableService"]);
    }

    #[test]
    fn ping_pong_needs_routers_that_can_do_it() {
        let names = json!({"pingService": "a", "pongService": "b"});
        let virtual_service = json!({"virtualService": {"name": "web"}});
        let subsets = json!({"virtualService": {"name": "web"}, "destinationRule": {"name": "web"}});
        let table: [(Value, &[&str]); 5] = [
            (json!({"istio": virtual_service}), &[]),
            (json!({"nginx": {"stableIngress": "web"}}), &["trafficRouting.nginx"]),
            (
                json!({"plugins": {"builtin:nginx": {"stableIngress": "web"}}}),
                &["trafficRouting.plugins.builtin:nginx"],
            ),
            (json!({"istio": subsets}), &["trafficRouting.istio.destinationRule"]),
            (
                json!({"plugins": {"builtin:istio": subsets}}),
                &["trafficRouting.plugins.builtin:istio.destinationRule"],
            ),
        ];
        for (routing, expected) in table {
            assert_wrong(&rollout(&json!({"pingPong": names, "trafficRouting": routing})), expected);
        }
    }

    #[test]
    fn anti_affinity_has_one_form() {
        let preferred =
            |weight: Value| json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": weight}});
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {}});
        let mut both = preferred(json!(1));
        both["requiredDuringSchedulingIgnoredDuringExecution"] = json!({});
        let mut other = required.clone();
        other["ignored"] = json!(1);
        let weight: &[&str] = &["antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight"];
        let table: [(Value, &[&str]); 12] = [
            (preferred(json!(1)), &[]),
            (preferred(json!(100)), &[]),
            (required, &[]),
            (preferred(json!(0)), weight),
            (preferred(json!(101)), weight),
            (preferred(json!(null)), weight),
            (preferred(json!("5")), weight),
            (json!({}), &["antiAffinity"]),
            (both, &["antiAffinity"]),
            (other, &["antiAffinity.ignored"]),
            (json!("required"), &["antiAffinity"]),
            (
                json!({"requiredDuringSchedulingIgnoredDuringExecution": true}),
                &["antiAffinity.requiredDuringSchedulingIgnoredDuringExecution"],
            ),
        ];
        for (anti_affinity, expected) in table {
            assert_wrong(&rollout(&json!({"antiAffinity": anti_affinity})), expected);
        }
    }
}
