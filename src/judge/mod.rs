//! Judging: a closed ladder against its profile and against what the capture could see.
//!
//! In: a [`Ladder`], the [`Coverage`] and the [`Profile`]. Out: a [`Judgement`]: the status of each of the
//! ten steps, the verdict, and findings. It reads no clock and no packets, and it never says "missing"
//! where the capture could not have shown the step.

pub mod finding;
pub mod push;
pub mod status;
pub mod verdict;

mod evidence;
mod notes;
mod order;
mod sequence;

use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Span};
use crate::ladder::profile::Profile;
use finding::Finding;
use push::Reach;
use sequence::Sequence;
use status::StepJudged;
use verdict::Verdict;

/// What is said of one ladder.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The ten steps, in order.
    pub steps: [StepJudged; 10],
    /// The verdict.
    pub verdict: Verdict,
    /// The number of the first step that is missing or failed.
    pub broken_at: Option<u8>,
    /// What is worth telling somebody.
    pub findings: Vec<Finding>,
    /// Index into [`Ladder::pushes`] of the push that decided; `None` without one.
    pub push: Option<usize>,
    /// How far that push came.
    pub reach: Reach,
    /// Whether a leg that shows itself later in the capture could still change it.
    pub provisional: bool,
}

/// Judges one ladder.
pub fn judge(ladder: &Ladder, coverage: &Coverage, profile: &Profile) -> Judgement {
    let mut sequence = Sequence::new(ladder, coverage, profile);
    sequence.run();
    let provisional = sequence.provisional();
    let (steps, notes, track) = sequence.into_parts();
    let mut findings = finding::of_steps(&steps, ladder, track.push, profile);
    findings.extend(notes::findings(&notes, &steps, ladder, profile));
    if coverage.is_blind(Span { from: ladder.first.time, to: ladder.closed.max(ladder.last.time) }) {
        findings.push(notes::frames_lost());
    }
    let (verdict, broken_at) = verdict::of(&steps, ladder, &findings, &notes);
    if verdict == Verdict::Inconclusive && findings.is_empty() {
        findings.extend(notes::out_of_view(&steps, ladder));
    }
    let push = track.push.and_then(|decides| ladder.pushes.iter().position(|push| std::ptr::eq(push, decides)));
    Judgement { steps, verdict, broken_at, findings, push, reach: track.reach, provisional }
}
