//! The CLI of Argo Rollouts drives and reads a Rollout that Tidegate looks after.

use std::collections::BTreeMap;

use serde_json::json;
use tidegate_tests::{Controller, Fixture, Servers, argo_cli, servers};

/// The CLI in a fixture's namespace.
struct Cli<'a> {
    servers: &'a Servers,
    namespace: &'a str,
}

impl Cli<'_> {
    /// Whether it ended well, and all that it printed.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = argo_cli(self.servers, self.namespace, arguments);
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (output.status.success(), text.concat())
    }

    /// What it printed; it must end well.
    fn ok(&self, arguments: &[&str]) -> String {
        let (is_ok, text) = self.run(arguments);
        assert!(is_ok, "{arguments:?}: {text}");
        text
    }

    /// What it printed; it must not end well.
    fn fails(&self, arguments: &[&str]) -> String {
        let (is_ok, text) = self.run(arguments);
        assert!(!is_ok, "{arguments:?}: {text}");
        text
    }

    fn get(&self) -> Shown {
        Shown::read(&self.ok(&["get", "rollout", "web", "--no-color"]))
    }
}

/// What `get rollout` shows.
#[derive(Debug)]
struct Shown {
    /// `Status`, `Step`, `ActualWeight`, `Desired`, ... by name.
    fields: BTreeMap<String, String>,
    /// Images with their tags, without the registry.
    images: Vec<String>,
    /// Of the tree: each ReplicaSet's revision and what it is, such as `stable`.
    sets: Vec<(String, String)>,
}

impl Shown {
    fn read(text: &str) -> Self {
        let mut shown = Self { fields: BTreeMap::new(), images: Vec::new(), sets: Vec::new() };
        let (head, tree) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut is_image = false;
        for line in head.lines() {
            let (name, value) = match line.split_once(':') {
                // The second image and all further ones stand below the first.
                _ if is_image && line.starts_with(' ') && line.contains("example.com/") => ("Images", line),
                Some((name, value)) => (name.trim(), value),
                None => continue,
            };
            is_image = name == "Images";
            if is_image {
                shown.images.push(value.trim().replace("example.com/web:", ""));
            } else {
                shown.fields.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        let mut revision = String::new();
        for line in tree.lines() {
            if let Some((_, rest)) = line.split_once("revision:") {
                rest.split_whitespace().next().unwrap_or_default().clone_into(&mut revision);
            } else if line.contains(" ReplicaSet ") {
                let role = line.split_whitespace().last().unwrap_or_default();
                let role = role.split("delay").next().unwrap_or_default().trim_end_matches(',');
                shown.sets.push((revision.clone(), role.to_owned()));
            }
        }
        shown
    }

    /// Some fields, in one text.
    fn says(&self, names: &[&str]) -> String {
        let value = |name: &&str| self.fields.get(*name).map_or("-", String::as_str);
        names.iter().map(value).collect::<Vec<_>>().join(" | ")
    }

    fn position(&self) -> String {
        self.says(&["Status", "Message", "Step", "SetWeight", "ActualWeight"])
    }

    fn replicas(&self) -> String {
        self.says(&["Desired", "Current", "Updated", "Ready", "Available"])
    }

    fn sets(&self) -> Vec<(&str, &str)> {
        self.sets.iter().map(|(revision, role)| (revision.as_str(), role.as_str())).collect()
    }
}

#[test]
fn a_canary_is_driven_and_read_by_the_cli_alone() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "cli").await;
        let steps = json!([{ "setWeight": 25 }, { "pause": {} }, { "setWeight": 50 }, { "pause": {} }]);
        // Long enough to be seen.
        fixture
            .create_rollout(steps, |rollout| {
                rollout["spec"]["strategy"]["canary"]["scaleDownDelaySeconds"] = json!(600);
            })
            .await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let cli = Cli { servers, namespace: &fixture.namespace };

        // It waits until it is so.
        assert!(cli.ok(&["status", "web", "--timeout", "120s"]).ends_with("Healthy\n"));
        let shown = cli.get();
        assert_eq!(shown.position(), "✔ Healthy | - | 4/4 | 100 | 100");
        assert_eq!(
            (shown.replicas().as_str(), &shown.images),
            ("4 | 4 | 4 | 4 | 4", &vec!["v1 (stable)".to_owned()])
        );

        assert_eq!(
            cli.ok(&["set", "image", "web", "web=example.com/web:v2"]),
            "rollout \"web\" image updated\n"
        );
        fixture.expect_paused_at(1).await;
        let shown = cli.get();
        assert_eq!(shown.position(), "॥ Paused | CanaryPauseStep | 1/4 | 25 | 25");
        assert_eq!(shown.fields["Strategy"], "Canary");
        assert_eq!(shown.replicas(), "4 | 5 | 1 | 5 | 5");
        assert_eq!(shown.images, ["v1 (stable)", "v2 (canary)"]);
        assert_eq!(shown.sets(), [("2", "canary"), ("1", "stable")]);
        assert!(cli.fails(&["status", "web", "--timeout", "1s"]).contains("exceeded timeout"));
        assert_eq!(cli.ok(&["status", "web", "--watch=false"]), "Paused - CanaryPauseStep\n");
        let listed = cli.ok(&["list", "rollouts"]);
        let row: Vec<&str> = listed.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(row, ["web", "Canary", "Paused", "1/4", "25", "5/5", "4", "1", "5"], "{listed}");

        assert_eq!(cli.ok(&["promote", "web"]), "rollout 'web' promoted\n");
        fixture.expect_paused_at(3).await;
        assert_eq!(cli.get().position(), "॥ Paused | CanaryPauseStep | 3/4 | 50 | 50");
        fixture.expect_weights([50, 50]).await;

        // A pause of a user's own; promoting ends both.
        cli.ok(&["pause", "web"]);
        fixture
            .expect_rollout("it is paused by hand", |rollout| {
                rollout["status"]["message"] == "manually paused"
            })
            .await;
        assert_eq!(cli.get().says(&["Status", "Message"]), "॥ Paused | manually paused");
        cli.ok(&["promote", "web"]);
        assert!(cli.ok(&["status", "web", "--timeout", "120s"]).ends_with("Healthy\n"));
        let shown = cli.get();
        assert_eq!(shown.position(), "✔ Healthy | - | 4/4 | 100 | 100");
        assert_eq!(shown.images, ["v1", "v2 (stable)"], "the old pods stay for their delay");
        fixture.expect_weights([100, 0]).await;
    });
}

#[test]
fn the_cli_aborts_retries_and_takes_back() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "cli-abort").await;
        fixture.create_rollout(json!([{ "setWeight": 25 }, { "pause": {} }]), |_| {}).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let cli = Cli { servers, namespace: &fixture.namespace };
        fixture.expect_healthy().await;
        cli.ok(&["set", "image", "web", "*=example.com/web:v2"]);
        fixture.expect_paused_at(1).await;

        assert_eq!(cli.ok(&["abort", "web"]), "rollout 'web' aborted\n");
        let message = "RolloutAborted: Rollout aborted update to revision 2";
        let told = cli.fails(&["status", "web", "--timeout", "120s"]);
        assert!(
            told.contains(&format!("The rollout is in a degraded state with message: {message}")),
            "{told}"
        );
        fixture.expect_weights([100, 0]).await;
        let shown = cli.get();
        assert_eq!(shown.says(&["Status", "Message", "Step"]), format!("✖ Degraded | {message} | 0/2"));
        assert_eq!(shown.fields["ActualWeight"], "0");

        assert_eq!(cli.ok(&["retry", "rollout", "web"]), "rollout 'web' retried\n");
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([75, 25]).await;

        assert_eq!(cli.ok(&["promote", "web", "--full"]), "rollout 'web' fully promoted\n");
        assert!(cli.ok(&["status", "web", "--timeout", "120s"]).ends_with("Healthy\n"));

        // Back to the revision before: an update like any other, with the ReplicaSet that is there.
        assert_eq!(cli.ok(&["undo", "web"]), "rollout 'web' undo\n");
        fixture.expect_paused_at(1).await;
        let shown = cli.get();
        assert_eq!(shown.sets(), [("3", "canary"), ("2", "stable")]);
        assert_eq!(shown.images, ["v1 (canary)", "v2 (stable)"]);
        // And back to the stable one: no steps.
        cli.ok(&["undo", "web", "--to-revision", "2"]);
        assert!(cli.ok(&["status", "web", "--timeout", "120s"]).ends_with("Healthy\n"));
        let rollout = fixture.expect_healthy().await;
        assert_eq!(rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"], "4");
        fixture.expect_weights([100, 0]).await;
        assert_eq!(fixture.replicas().await.unwrap().len(), 2, "no new ReplicaSet");

        // Skipping a step where nothing is paused is what `promote` does then; a Rollout that is done stays so.
        cli.ok(&["promote", "web"]);
        assert!(cli.ok(&["status", "web", "--timeout", "120s"]).ends_with("Healthy\n"));
    });
}
