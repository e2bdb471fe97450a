//! What goes against the host's checks, done by the plugin in `guest/`; and what it does in vain.

use tidegate_contract::FaultReason;

use super::{Component, Ends, Hostile, Question};

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, does, ends| Hostile {
        name,
        does,
        component: Component::Configured,
        question: Question::Route,
        ends,
    };
    let fault = |name, does, reason| one(name, does, Ends::Fault(reason));
    let refused = |name, does, reason| one(name, does, Ends::Refused(reason));
    let harmless = |name, does| one(name, does, Ends::Harmless);
    vec![
        // As ordinary code fails.
        fault("panic", "panics", FaultReason::Trap),
        fault("panics-later", "panics when it is asked about its own change", FaultReason::Trap),
        fault("abort", "aborts", FaultReason::Trap),
        fault("exit", "calls the standard library's exit", FaultReason::Exit),
        fault("deep-frames", "recurses past the stack in its memory", FaultReason::Trap),
        fault("growth", "keeps all that it allocates", FaultReason::MemoryLimit),
        fault("one-allocation", "allocates a gibibyte at once", FaultReason::MemoryLimit),
        fault("chatter-for-ever", "prints for ever", FaultReason::OutOfFuel),
        one("problem-of-a-megabyte", "has a problem of a megabyte, with escapes", Ends::Problem("made up")),
        // Which objects it asks for.
        refused("restless", "asks for another object each time", "TooManyRounds"),
        refused("undecided", "asks for one object, then another, then the first", "TooManyRounds"),
        refused("sixty-five-queries", "asks for 66 objects", "TooManyQueries"),
        refused("secret", "asks for a Secret", "ForbiddenKind"),
        refused("config-map", "asks for a kind that it did not describe", "ForbiddenKind"),
        refused(
            "kube-system",
            "asks for an object of a namespace that did not agree",
            "ReferenceGrantMissing",
        ),
        refused("all-labels", "asks for all objects of a kind", "InvalidQuery"),
        refused("no-selector", "asks by a selector that is none", "InvalidQuery"),
        refused("path-as-name", "asks by a name that is a path", "InvalidQuery"),
        // What an object is.
        refused("finalizer", "adds a finalizer", "ForbiddenChange"),
        refused("owner", "adds an owner", "ForbiddenChange"),
        refused("rename", "renames the object", "ForbiddenChange"),
        refused("other-version", "changes the API version", "ForbiddenChange"),
        refused("status", "changes the status", "ForbiddenChange"),
        // Fields that it may not change.
        refused("hostnames", "adds host names", "ForbiddenChange"),
        refused("parents", "attaches the route to another gateway", "ForbiddenChange"),
        refused("label", "adds a label", "ForbiddenChange"),
        refused("mirror", "mirrors all requests to another Service", "ForbiddenChange"),
        refused("port", "changes the port of a foreign backend", "ForbiddenChange"),
        refused("retarget", "points the Rollout's backend to another Service", "ForeignElement"),
        // Other elements of the same lists.
        refused("foreign-weight", "changes the weight of a foreign backend", "ForeignElement"),
        refused("foreign-backend", "points a foreign backend to another Service", "ForbiddenChange"),
        refused("drop-rule", "removes a user's rule", "ForeignElement"),
        refused("drop-all-rules", "removes all rules", "ForeignElement"),
        refused("swap-rules", "changes the order of a user's rules", "ForbiddenChange"),
        refused("catch-all-rule", "puts a rule of its own before all others", "ForeignElement"),
        refused("add-backend", "adds a backend that is not the Rollout's", "ForeignElement"),
        refused("double-backend", "adds the Rollout's backend to a user's rule", "ForeignElement"),
        refused(
            "rule-in-disguise",
            "adds a rule in the Rollout's name that leads to another Service",
            "ForeignReference",
        ),
        refused("backend-in-disguise", "adds the Rollout's backend in another namespace", "ForeignElement"),
        // Other objects.
        refused("deployment", "scales a Deployment to nothing", "ForbiddenKind"),
        refused("role", "gives a Role all verbs", "ForbiddenKind"),
        refused("rollout", "scales another Rollout to nothing", "ForbiddenKind"),
        refused("webhook", "lets a webhook fail", "ForbiddenKind"),
        refused("definition", "changes a CustomResourceDefinition", "ForbiddenKind"),
        refused("another-rollouts-route", "changes the route of another Rollout", "ForeignElement"),
        refused("unseen-route", "changes a route that it did not ask for", "UnknownObject"),
        refused("unseen-namespace", "changes a route of another namespace", "UnknownObject"),
        refused("create-secret", "creates a Secret", "ForbiddenCreate"),
        refused("create-role", "creates a Role", "ForbiddenCreate"),
        refused("create-elsewhere", "creates an object in another namespace", "ForbiddenCreate"),
        refused("create-unasked", "creates an object without having looked for it", "ForbiddenCreate"),
        refused("owned-by-a-node", "creates an object with an owner of its choice", "InvalidEdit"),
        refused("another-name", "creates an object under another name than it says", "InvalidEdit"),
        refused("take-over", "replaces an object that somebody else made", "ForeignObject"),
        refused("adopt", "makes somebody else's object the Rollout's", "ForeignObject"),
        refused("remove-gateway", "removes an object that somebody else made", "ForbiddenRemove"),
        refused("remove-route", "removes the user's route", "ForbiddenRemove"),
        refused("remove-unseen", "removes a route that it did not ask for", "UnknownObject"),
        // Edits that are none, or too much.
        refused("no-json", "answers with half a JSON text", "InvalidEdit"),
        refused("no-object", "makes a list of the object", "InvalidEdit"),
        refused("no-patch", "patches by an operation that does not exist", "InvalidEdit"),
        refused("no-such-place", "patches a place that does not exist", "InvalidEdit"),
        refused("nested-text", "nests JSON 500,000 deep", "InvalidEdit"),
        refused("nested-patch", "nests the object deeper by each operation", "EditTooLarge"),
        refused("billion-laughs", "doubles the object by each operation", "EditTooLarge"),
        refused("thousands-of-operations", "patches by 5,000 operations", "EditTooLarge"),
        refused("two-megabytes", "adds a label of two megabytes", "EditTooLarge"),
        refused("twice", "changes one object twice", "DuplicateChange"),
        // What it says of the result.
        refused("weights-swapped", "gives the canary what the stable should get", "WrongShares"),
        refused("weights-too-large", "gives more than there is", "WrongShares"),
        refused("no-weights", "gives nobody anything", "WrongShares"),
        refused("idle", "changes nothing although it should", "WrongShares"),
        refused("speechless", "does not say who gets what", "WrongShares"),
        refused("wrong-total", "tells shares that do not make up their total", "InvalidShares"),
        refused("two-totals", "tells shares of two totals in one place", "InvalidShares"),
        refused("unknown-destination", "tells the share of a destination that it made up", "InvalidShares"),
        refused("unseen-object", "tells the shares of an object that it did not see", "InvalidShares"),
        refused("no-place", "tells shares of a place that is no pointer", "InvalidShares"),
        refused("endless-place", "tells shares of a place with 10,000 parts", "InvalidShares"),
        refused("said-twice", "tells a share twice", "InvalidShares"),
        refused("two-thousand-shares", "tells 2,000 shares", "InvalidShares"),
        refused("never-content", "changes its own change", "Unstable"),
        refused("problem-later", "has a problem with its own change", "Unstable"),
        Hostile {
            question: Question::Release,
            ..refused(
                "keeps-the-canary",
                "keeps the canary's weight when it gives everything back",
                "WrongShares",
            )
        },
        refused("counts", "says something else the second time", "WrongShares"),
        // What has no effect: it is told the same each time.
        harmless("sleep", "sleeps for an hour"),
        harmless("chatter", "prints a thousand lines"),
        harmless("talkative", "says more than anybody reads, with escapes"),
        harmless("files", "reads and writes files"),
        harmless("threads", "starts a thread"),
        harmless("input", "waits for input"),
        harmless("clocks", "tells the time"),
        harmless("random", "draws random numbers"),
        harmless("hash-order", "tells the order of a hash map"),
        harmless("environment", "looks for variables, arguments, processors"),
        harmless("addresses", "tells addresses"),
        harmless("memory", "leaves markers in its memory, and looks for them"),
    ]
}
