//! When a controller stands by, and when it goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_handover::{Judge, Lease, Marks, Patience, Stance, Why};

const ARGO: &str = "rollouts-controller";
const ARGOS_IDENTITY: &str = "argo-rollouts-7c9f_0b1e2d3c-4455-6677-8899-aabbccddeeff";

/// A judge on a time line of whole seconds; both clocks agree.
struct Line {
    judge: Judge,
    now: u64,
}

impl Line {
    fn new() -> Self {
        Self { judge: Judge::new(Patience::default()), now: 1_000_000 }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_second(i64::try_from(self.now).unwrap()).unwrap()
    }

    fn lease(&mut self, lease: Lease) -> &mut Self {
        let wall = self.wall();
        self.judge.lease(Duration::from_secs(self.now), wall, lease);
        self
    }

    fn ours(&mut self) -> &mut Self {
        self.lease(Lease::Ours)
    }

    fn theirs(&mut self, holder: &str) -> &mut Self {
        self.lease(Lease::Theirs { holder: holder.to_owned() })
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += seconds;
        self
    }

    /// The Rollout comes with this manager's last write so many seconds ago.
    fn saw(&mut self, manager: &str, ago: u64) -> &mut Self {
        let at = Timestamp::from_second(i64::try_from(self.now - ago).unwrap()).unwrap();
        let marks = Marks::of(&rollout(manager, at), "tidegate");
        let wall = self.wall();
        self.judge.saw(Duration::from_secs(self.now), wall, ("shop", "web"), &marks);
        self
    }

    fn reason(&mut self) -> &'static str {
        match self.judge.stance(Duration::from_secs(self.now)) {
            Stance::Free => "",
            Stance::StandBy(why) => why.reason(),
        }
    }

    fn silence(&mut self) -> u64 {
        match self.judge.stance(Duration::from_secs(self.now)) {
            Stance::StandBy(Why::Writes { silence, .. }) => silence.as_secs(),
            other => panic!("{other:?}"),
        }
    }
}

fn rollout(manager: &str, at: Timestamp) -> Value {
    json!({ "metadata": { "namespace": "shop", "name": "web", "managedFields": [{
        "manager": manager, "operation": "Update", "subresource": "status", "time": at.to_string(),
        "fieldsV1": { "f:status": { "f:observedGeneration": {}, "f:abort": {} } },
    }]}})
}

#[test]
fn one_write_of_argo_is_enough_and_silence_ends_it() {
    let mut line = Line::new();
    assert_eq!(line.saw(ARGO, 3600).ours().reason(), "", "an old write is history");
    assert_eq!(line.after(60).saw(ARGO, 0).reason(), "ForeignWrites");
    assert_eq!(line.after(119).reason(), "ForeignWrites");
    assert_eq!(line.after(1).reason(), "");
    assert_eq!(line.after(60).saw(ARGO, 180).reason(), "", "the same write seen again is no new one");
}

#[test]
fn each_write_asks_for_silence_anew() {
    let mut line = Line::new();
    line.saw(ARGO, 3600).ours().after(60).saw(ARGO, 0);
    for _ in 0..5 {
        assert_eq!(line.after(100).saw(ARGO, 0).reason(), "ForeignWrites");
    }
    assert_eq!(line.silence(), 120, "all of that was one time");
    assert_eq!(line.after(120).reason(), "");
}

#[test]
fn whose_silence_deceived_must_be_silent_for_longer() {
    let mut line = Line::new();
    line.saw(ARGO, 3600).ours();
    let mut asked = Vec::new();
    for _ in 0..6 {
        line.after(10).saw(ARGO, 0);
        asked.push(line.silence());
        let silence = *asked.last().unwrap();
        assert_eq!(line.after(silence).reason(), "");
    }
    assert_eq!(asked, [120, 240, 480, 960, 1920, 1920]);
    line.after(7200).saw(ARGO, 0);
    assert_eq!(line.silence(), 120, "after hours of peace all is forgotten");
}

#[test]
fn a_lease_of_argo_is_stood_by_and_explains_what_it_wrote() {
    let mut line = Line::new();
    assert_eq!(line.theirs(ARGOS_IDENTITY).reason(), "ForeignLease");
    assert_eq!(line.saw(ARGO, 0).after(5).saw(ARGO, 0).reason(), "ForeignLease");
    assert_eq!(line.after(15).ours().reason(), "");
    assert_eq!(line.after(2).saw(ARGO, 1).reason(), "", "it was on its way");
    assert_eq!(line.after(10).saw(ARGO, 0).reason(), "ForeignWrites", "it goes on without the lease");
}

#[test]
fn another_tidegate_in_the_lease_is_no_reason_to_stand_by() {
    let mut line = Line::new();
    assert_eq!(line.theirs("tidegate-0_00112233445566aa").reason(), "");
    assert_eq!(line.after(20).ours().reason(), "");
}

#[test]
fn who_wrote_a_moment_before_we_began_is_still_there() {
    for (ago, reason) in [(0, "ForeignWrites"), (15, "ForeignWrites"), (16, ""), (3600, "")] {
        let mut line = Line::new();
        assert_eq!(line.saw(ARGO, ago).ours().reason(), reason, "{ago} s before the lease was ours");
        let mut line = Line::new();
        assert_eq!(line.ours().saw(ARGO, ago).reason(), reason, "{ago} s ago, seen when it was ours");
        let mut line = Line::new();
        line.theirs(ARGOS_IDENTITY).saw(ARGO, ago);
        assert_eq!(line.ours().reason(), "", "{ago} s ago, while it had the lease");
    }
}

#[test]
fn an_unknown_controller_is_believed_to_be_one_at_its_second_write() {
    let mut line = Line::new();
    line.saw("restore-tool", 3600).ours().after(60);
    assert_eq!(line.saw("restore-tool", 0).reason(), "", "a backup may have been restored");
    assert_eq!(line.after(61).saw("restore-tool", 0).reason(), "", "and once more, later");
    assert_eq!(line.after(5).saw("restore-tool", 0).reason(), "ForeignWrites");
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut line = Line::new();
    line.saw(ARGO, 3600).ours().after(60);
    line.judge.gone(("shop", "web"));
    assert_eq!(line.saw(ARGO, 3000).reason(), "", "a Rollout of that name comes, with old writes on it");
    line.judge.list_began();
    line.judge.list_ended();
    assert_eq!(line.saw(ARGO, 2000).reason(), "", "and again, after a list without it");
    line.judge.list_began();
    line.saw(ARGO, 2000).judge.list_ended();
    assert_eq!(line.saw(ARGO, 1000).reason(), "ForeignWrites", "what a list names is not gone");
}

#[derive(Clone, Debug)]
enum Happening {
    Wait(u64),
    Write(&'static str),
    Ours,
    Theirs(&'static str),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (1_u64..400).prop_map(Happening::Wait),
        prop::sample::select(vec![ARGO, "fork", "kubectl-argo-rollouts", "argocd-server", "tidegate"])
            .prop_map(Happening::Write),
        Just(Happening::Ours),
        prop::sample::select(vec![ARGOS_IDENTITY, "tidegate-0_00112233445566aa"]).prop_map(Happening::Theirs),
    ]
}

proptest! {
    #[test]
    fn people_and_their_tools_never_stop_us(
        happenings in prop::collection::vec(happening(), 0..60)
    ) {
        let mut line = Line::new();
        line.ours();
        for happening in happenings {
            match happening {
                Happening::Wait(seconds) => { line.after(seconds); }
                Happening::Write(manager) if manager != ARGO && manager != "fork" => { line.saw(manager, 0); }
                _ => {}
            }
            prop_assert_eq!(line.reason(), "");
        }
    }

    #[test]
    fn nobody_writes_within_the_silence_that_is_asked_for(
        happenings in prop::collection::vec(happening(), 0..80)
    ) {
        let mut line = Line::new();
        line.saw(ARGO, 900);
        // The last write of Argo that nothing explains.
        let mut heard: Option<u64> = None;
        let mut ours_since: Option<u64> = None;
        let mut argo_before = false;
        for happening in happenings {
            // Each write has a second of its own.
            line.after(1);
            match happening {
                Happening::Wait(seconds) => { line.after(seconds); }
                Happening::Write(manager) => {
                    line.saw(manager, 0);
                    if manager == ARGO
                        && ours_since.is_some_and(|since| !argo_before || line.now >= since + 5)
                    {
                        heard = Some(line.now);
                    }
                }
                Happening::Ours => {
                    line.ours();
                    ours_since = ours_since.or(Some(line.now));
                }
                Happening::Theirs(holder) => {
                    line.theirs(holder);
                    ours_since = None;
                    argo_before = holder == ARGOS_IDENTITY;
                }
            }
            if let Some(heard) = heard && line.now < heard + 120 {
                prop_assert_eq!(line.reason(), "ForeignWrites");
            }
        }
        // And in the end it always goes on.
        line.ours().after(32 * 60);
        prop_assert_eq!(line.reason(), "");
    }
}
