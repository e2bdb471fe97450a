//! Wrong variants of what decides about Rollouts: all of them, by name.

use super::{Mutant, of, sight, steps, traffic};

/// All of them.
pub(super) const MUTANTS: [Mutant; 35] = [
    Mutant {
        name: "trusts-writes",
        does: "takes for verified what was written",
        deciders: of(sight::trusts_writes),
    },
    Mutant {
        name: "ignores-failures",
        does: "takes a router that failed for verified",
        deciders: of(sight::ignores_failures),
    },
    Mutant {
        name: "asks-one-router",
        does: "looks at the first router only",
        deciders: of(sight::asks_one_router),
    },
    Mutant {
        name: "weighs-ahead",
        does: "gives the canary the next step's weight",
        deciders: of(traffic::weighs_ahead),
    },
    Mutant { name: "sums-wrong", does: "gives stable one part less", deciders: of(traffic::sums_wrong) },
    Mutant {
        name: "sees-pods",
        does: "takes pods that are wanted for available",
        deciders: of(sight::sees_pods),
    },
    Mutant {
        name: "shrinks-early",
        does: "lets an aborted canary go at once",
        deciders: of(traffic::shrinks_early),
    },
    Mutant {
        name: "shrinks-stable",
        does: "makes stable smaller as the canary grows",
        deciders: of(traffic::shrinks_stable),
    },
    Mutant {
        name: "shrinks-stable-ahead",
        does: "makes stable as small as the weights that come allow, not those in force",
        deciders: of(traffic::shrinks_stable_ahead),
    },
    Mutant {
        name: "drops-at-once",
        does: "gives all back at once on an abort",
        deciders: of(traffic::drops_at_once),
    },
    Mutant {
        name: "holds-what-is-missing",
        does: "gives an aborted canary what stable cannot take, whatever it had",
        deciders: of(traffic::holds_what_is_missing),
    },
    Mutant {
        name: "regrows",
        does: "sizes an aborted canary as its steps say",
        deciders: of(traffic::regrows),
    },
    Mutant {
        name: "waits-for-pods",
        does: "waits for as many pods as a threshold says, though fewer are wanted",
        deciders: of(traffic::waits_for_pods),
    },
    Mutant {
        name: "forgets-delay",
        does: "knows no delay before old pods go",
        deciders: of(sight::forgets_delay),
    },
    Mutant {
        name: "points-canary-early",
        does: "points the canary Service at new pods at once",
        deciders: of(traffic::points_canary_early),
    },
    Mutant {
        name: "points-stable-early",
        does: "points the stable Service at new pods past the last step",
        deciders: of(traffic::points_stable_early),
    },
    Mutant { name: "skips-steps", does: "goes two steps at a time", deciders: of(steps::skips_steps) },
    Mutant { name: "skips-pauses", does: "does not wait in pauses", deciders: of(steps::skips_pauses) },
    Mutant {
        name: "promotes-early",
        does: "promotes past the last step without traffic",
        deciders: of(steps::promotes_early),
    },
    Mutant {
        name: "exchanges-early",
        does: "exchanges the roles past the last step, without traffic",
        deciders: of(steps::exchanges_early),
    },
    Mutant {
        name: "trusts-the-spec",
        does: "takes the roles from the spec, whatever routes have",
        deciders: of(steps::trusts_the_spec),
    },
    Mutant { name: "crowds-stable", does: "knows no anti-affinity", deciders: of(steps::crowds_stable) },
    Mutant {
        name: "rolls-back-slowly",
        does: "knows no rollback window",
        deciders: of(steps::rolls_back_slowly),
    },
    Mutant {
        name: "rolls-back-always",
        does: "takes every older template for one of the rollback window",
        deciders: of(steps::rolls_back_always),
    },
    Mutant { name: "forgets-aborts", does: "goes on after an abort", deciders: of(sight::forgets_aborts) },
    Mutant {
        name: "keeps-managed-routes",
        does: "keeps managed routes on an abort",
        deciders: of(traffic::keeps_managed_routes),
    },
    Mutant {
        name: "makes-sets",
        does: "makes another ReplicaSet when steps change",
        deciders: of(steps::makes_sets),
    },
    Mutant {
        name: "deletes-sets",
        does: "deletes the ReplicaSet of an update that is aborted",
        deciders: of(steps::deletes_sets),
    },
    Mutant { name: "writes-labels", does: "writes a label on Services", deciders: of(steps::writes_labels) },
    Mutant {
        name: "leaves-sets-behind",
        does: "changes nothing of a ReplicaSet but its size and its deadline",
        deciders: of(steps::leaves_sets_behind),
    },
    Mutant { name: "says-healthy", does: "says Healthy, whatever is", deciders: of(steps::says_healthy) },
    Mutant {
        name: "says-verified",
        does: "says that weights are in force, whatever is",
        deciders: of(steps::says_verified),
    },
    Mutant {
        name: "takes-over-early",
        does: "takes a Deployment's pods before it has its own",
        deciders: of(steps::takes_over_early),
    },
    Mutant {
        name: "evicts-all",
        does: "evicts all pods at a restart at once",
        deciders: of(steps::evicts_all),
    },
    Mutant { name: "is-restless", does: "says something else each time", deciders: of(steps::is_restless) },
];
