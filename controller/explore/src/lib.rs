//! Deterministic simulation: the real controller on the in-memory cluster, and a seed that decides what there is, what people do,
//! what goes wrong, and when.
//!
//! One thread, virtual time, no I/O: the shell's `step` and the cluster's functions are called in turn, and what is on its way
//! between them is a queue in order of time. The same seed gives the same run, on every machine.
//!
//! ```
//! use tidegate_explore::{Plan, run};
//! use tidegate_shell::Deciders;
//!
//! let outcome = run(&Plan::of(7), Deciders::default(), false);
//! assert_eq!(outcome.violation, None);
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `plan`, `scenario`, `steps`, `manifests` | what a seed decides: Rollouts with their surroundings |
//! | `schedule`, `happening` | what happens, and when; each thing complete in itself |
//! | `simulation`, `process`, `watches`, `plugins` | the loop: controllers, the way to the API server and back, watches, routers |
//! | `happens` | making happenings happen |
//! | `evidence` | the same for analyses and experiments: templates, steps, what people do to them, what metrics answer |
//! | `ending` | putting everything right, and what must be so in the end |
//! | `outside` | the same surroundings for controllers that are elsewhere |
//! | `facts`, `division`, `lab`, `history` | what is true of a Rollout, of analyses and experiments, and what was when |
//! | `checks` | what must always hold |
//! | `shrink` | the fewest happenings with which a run still fails |
//! | `campaign`, `coverage` | many seeds, and what happened in them |
//! | `mutants` | wrong variants of what decides, which must be caught |
//!
//! # What happens
//!
//! People restart pods, change images, steps, replicas and configurations, pause, abort, retry, promote, skip steps, delete and make Rollouts,
//! edit, delete and make the Deployments that Rollouts refer to, and edit routes, Services and ReplicaSets by hand. Requests are refused (403, 409, 422, 429, 500, 503), vanish, are carried out without an
//! answer, or arrive late. Controllers end before and after requests; two lead at once. Watches stop for a while, are late, repeat
//! themselves, list again (also old lists), and find the past forgotten (410). Plugins fail, are slow, are loading, cannot be
//! had. Analyses and experiments, as steps, beside them, and of no Rollout, are ended, deleted, taken apart and scribbled on (in two
//! of five seeds); their templates are deleted and broken; metrics are bad, neither good nor bad, garbage, slow, unreachable; Jobs fail,
//! are slow, or never start. Gateways are slow, silent, or refuse. Pods are slow, never ready, crash, or are lost. Clocks jump. Whatever a run does not
//! fault is as in a calm cluster, so that whole updates happen, too.
//!
//! # What is checked
//!
//! | invariant | what it says |
//! |---|---|
//! | `weights-sum-to-the-largest` | in each rule that a write changes, stable and canary have all parts |
//! | `traffic-needs-pods` | the canary gets more only with available pods behind its Service |
//! | `weight-of-the-step` | and only what its step gives it; nothing once aborted or promoted |
//! | `stable-can-carry-its-share` | traffic comes back to stable only as far as its pods can take it |
//! | `aborts-only-go-back` | the canary of an aborted update never gets more again |
//! | `aborted-sets-do-not-grow` | and no more pods |
//! | `stable-weight-goes-to-stable` | the stable role gets more only where its Service selects the stable pods |
//! | `no-set-below-its-share` | no ReplicaSet is smaller than the traffic needs that routes have or gateways still follow |
//! | `sets-go-after-their-delay` | what had traffic stays for its delay, by the controllers' clocks |
//! | `no-set-in-use-goes`, `no-set-out-of-nothing` | ReplicaSets are deleted when over, and made for a template that has none |
//! | `roles-move-empty`, `roles-have-pods` | a Service moves while it carries nothing, to pods that are there |
//! | `one-step-at-a-time`, `steps-are-done` | a step is left when it is done: weights in force everywhere, pauses over |
//! | `promotion-is-verified` | with all pods, all traffic, and the stable Service, or the one that becomes it by name |
//! | `rollbacks-are-fast` | within the rollback window no step counts |
//! | `destinations-are-ready` | an experiment gets traffic only while it runs, by a Service that is there, with pods behind it |
//! | `drained-before-gone` | its pods, its Services and itself go when nothing is sent there any more, by what is written and in force |
//! | `evidence-has-a-reason` | runs, experiments and what belongs to them are made for something that asks, and go when they are over |
//! | `verdicts-stay`, `verdicts-follow`, `measurements-stay`, `measured-once` | verdicts are final and follow from measurements, which are taken once and not lost |
//! | `bad-evidence-stops-traffic` | the canary gets no more once something speaks against it, and in the end its update is given up |
//! | `aborts-have-a-reason` | an update is given up by users, at its deadline, or because of what was measured |
//! | `keeps-off-stable` | a canary's template has the anti-affinity that the spec asks for |
//! | `recorded-before-written` | nothing is written for the canary before the Rollout says that there is something to give back |
//! | `old-before-new` | nothing is written for it while it has something in routes that are not wanted any more |
//! | `everything-is-given-back` | a Rollout goes when its canary has nothing any more, or after the deadline |
//! | `aborts-are-kept` | until the user retries |
//! | `restarts` | pods are evicted for a restart that is due, and only those that can be spared |
//! | `handover` | a Deployment gives up no more pods than its Rollout has, and gets none back once that was healthy |
//! | `only-own-objects`, `only-own-fields` | everything else stays as it was |
//! | `only-the-leader-writes`, `one-write-at-a-time`, `no-storm` | requests as such |
//! | `status-is-true`, `no-panic` | what is said is so |
//! | `converges`, `silent` | after the faults, everything gets where it should be, and then nothing is sent |
//!
//! A write is judged by what was true at some moment since what its controller had seen when it decided; how far that goes back is
//! known exactly, from what is still on its way to it. So a controller that sees everything at once is judged strictly, and one
//! whose watches are late is forgiven exactly what it could not know.
//!
//! # What is not covered
//!
//! Leases (which have a simulation of their own), HTTP and the kube client, other routers than the Gateway API's, several
//! versions of one plugin, Rollouts without routers, and a status that keeps to the truth while it fails for long.
#![forbid(unsafe_code)]

mod campaign;
mod checks;
mod coverage;
mod division;
mod ending;
mod evidence;
mod facts;
mod happening;
mod happens;
mod history;
mod lab;
mod manifests;
mod mutants;
mod outside;
mod plan;
mod plugins;
mod process;
mod run;
mod scenario;
mod schedule;
mod shrink;
mod simulation;
mod steps;
mod trace;
mod watches;

pub use campaign::{Campaign, Options, explore};
pub use checks::Violation;
pub use coverage::Coverage;
pub use evidence::{Evidence, JobFault, Kind, Meddling, MetricFault};
pub use happening::{Edit, Fate, GatewayFault, Happening, PluginFault, Pods, WatchFault, Which, refusal};
pub use mutants::{Mutant, mutants};
pub use outside::Outside;
pub use plan::{Plan, Timed};
pub use run::{Outcome, run};
pub use scenario::{App, Deployment, Managed, NAMESPACE, PLUGINS, Router, Scenario};
pub use shrink::shrink;
