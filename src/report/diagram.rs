//! A ladder as a sequence diagram: who sent which message to whom, and what did not show.
//!
//! In: a judged ladder. Out: [`Line`]s in the order of the steps, for every format that draws.
//! It refuses to know how a line looks.

use super::model::{Evidence, Ladder, Leg, Step, StepStatus};

/// Messages drawn for one step; copies beyond that tell no more.
const MESSAGES: usize = 8;

/// Who takes part, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Who calls.
    Caller,
    /// The pool that serves the callee.
    FrontEnd,
    /// The mobility service of the callee's pool.
    Mobility,
    /// The Access Edge.
    Edge,
    /// The push clearing house.
    ClearingHouse,
    /// Apple's or Microsoft's push service.
    Cloud,
}

impl Role {
    /// Every role, from left to right.
    pub const ALL: [Self; 6] =
        [Self::Caller, Self::FrontEnd, Self::Mobility, Self::Edge, Self::ClearingHouse, Self::Cloud];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "Caller",
            Self::FrontEnd => "Front End",
            Self::Mobility => "MCX",
            Self::Edge => "Edge",
            Self::ClearingHouse => "Clearing house",
            Self::Cloud => "Apple or Microsoft",
        }
    }

    /// Its place, the leftmost 0.
    pub const fn column(self) -> usize {
        self as usize
    }
}

/// The two ends of a leg: who sends requests on it, and who answers them.
const fn ends(leg: Leg) -> (Role, Role) {
    match leg {
        Leg::Caller => (Role::Caller, Role::FrontEnd),
        Leg::Mcx => (Role::FrontEnd, Role::Mobility),
        Leg::PushInternal => (Role::Mobility, Role::FrontEnd),
        Leg::EdgeInternal => (Role::FrontEnd, Role::Edge),
        Leg::EdgeExternal => (Role::Edge, Role::ClearingHouse),
    }
}

/// Where a step would be drawn if it had been seen; the last one leaves the diagram, towards the phone.
const fn place(number: u8) -> (Role, Option<Role>) {
    match number {
        1 => (Role::Caller, Some(Role::FrontEnd)),
        2 => (Role::FrontEnd, Some(Role::Mobility)),
        3 => (Role::Mobility, Some(Role::FrontEnd)),
        4 => (Role::Mobility, Some(Role::FrontEnd)),
        5 => (Role::FrontEnd, Some(Role::ClearingHouse)),
        6 => (Role::ClearingHouse, Some(Role::Cloud)),
        7 => (Role::Cloud, None),
        8 => (Role::ClearingHouse, Some(Role::FrontEnd)),
        9 => (Role::Mobility, Some(Role::Caller)),
        _ => (Role::Caller, Some(Role::Mobility)),
    }
}

/// One line of a diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// The step it belongs to.
    pub step: &'a Step,
    /// Whether it is the step's first.
    pub first: bool,
    /// What is drawn.
    pub mark: Mark<'a>,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark<'a> {
    /// A message from one role to another.
    Arrow {
        /// The message.
        seen: &'a Evidence,
        /// Who sent it.
        from: Role,
        /// Who received it.
        to: Role,
        /// It is a final response outside 2xx.
        refuses: bool,
    },
    /// A message on a hop that is none of the ladder's, such as another endpoint's.
    Aside(&'a Evidence),
    /// So many more messages of the same step.
    More(usize),
    /// A step of which no message was seen.
    Blank {
        /// Who would have sent it.
        from: Role,
        /// Who would have received it; none for the phone.
        to: Option<Role>,
    },
}

/// Every line of `ladder`, in the order of its steps.
pub fn lines(ladder: &Ladder) -> Vec<Line<'_>> {
    let near = near_ends(ladder);
    let mut lines = Vec::new();
    for step in &ladder.steps {
        let mut marks: Vec<Mark<'_>> =
            step.evidence.iter().take(MESSAGES).map(|seen| mark(step, seen, &near)).collect();
        let more = step.evidence.len().saturating_sub(MESSAGES);
        if more > 0 {
            marks.push(Mark::More(more));
        }
        if marks.is_empty() {
            let (from, to) = place(step.number);
            marks.push(Mark::Blank { from, to });
        }
        lines.extend(marks.into_iter().enumerate().map(|(at, mark)| Line { step, first: at == 0, mark }));
    }
    lines
}

/// How a message is drawn.
fn mark<'a>(step: &Step, seen: &'a Evidence, near: &[(Leg, &str)]) -> Mark<'a> {
    let Some(leg) = seen.leg else { return Mark::Aside(seen) };
    let status = status(&seen.summary);
    let mut forward = status.is_none();
    // Inside a session both sides send requests; only addresses tell them apart.
    if step.number == 10
        && let Some((_, near)) = near.iter().find(|(of, _)| *of == leg)
    {
        if *near == seen.from || (host(near) == host(&seen.from) && host(&seen.from) != host(&seen.to)) {
            forward = true;
        } else if *near == seen.to || (host(near) == host(&seen.to) && host(&seen.from) != host(&seen.to)) {
            forward = false;
        }
    }
    let (one, other) = ends(leg);
    let (from, to) = if forward { (one, other) } else { (other, one) };
    Mark::Arrow { seen, from, to, refuses: status.is_some_and(|status| status >= 300) }
}

/// Who sent the requests on each leg, by the first message of the leg.
fn near_ends(ladder: &Ladder) -> Vec<(Leg, &str)> {
    let mut ends: Vec<(Leg, &str)> = Vec::new();
    for seen in ladder.steps.iter().filter(|step| step.number < 10).flat_map(|step| &step.evidence) {
        let Some(leg) = seen.leg else { continue };
        if !ends.iter().any(|(of, _)| *of == leg) {
            ends.push((leg, if status(&seen.summary).is_some() { &seen.to } else { &seen.from }));
        }
    }
    ends
}

/// An endpoint without its port.
fn host(endpoint: &str) -> &str {
    endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host)
}

/// The address a role was seen with.
pub fn host_of(ladder: &Ladder, role: Role) -> Option<&str> {
    let marks = lines(ladder).into_iter().filter(|line| line.step.number < 10).map(|line| line.mark);
    let mut hosts = marks.filter_map(|mark| match mark {
        Mark::Arrow { seen, from, .. } if from == role => Some(host(&seen.from)),
        Mark::Arrow { seen, to, .. } if to == role => Some(host(&seen.to)),
        _ => None,
    });
    hosts.next()
}

/// The lines at the beginning of `lines` that are blank for one and the same reason.
pub fn run<'a, 'b>(lines: &'b [Line<'a>]) -> &'b [Line<'a>] {
    let blank = |line: &Line<'_>| matches!(line.mark, Mark::Blank { .. }).then_some(line.step.status);
    let reason = lines.first().and_then(blank);
    let length = lines.iter().take_while(|line| reason.is_some() && blank(line) == reason).count();
    lines.get(..length).unwrap_or_default()
}

/// The leftmost and the rightmost role that a run of blank lines is about.
pub fn span(run: &[Line<'_>]) -> (Role, Role) {
    let roles = run.iter().flat_map(|line| match line.mark {
        Mark::Blank { from, to } => [Some(from), to],
        _ => [None, None],
    });
    let roles = || roles.clone().flatten();
    (roles().min().unwrap_or(Role::Caller), roles().max().unwrap_or(Role::Cloud))
}

/// `6 to 7: not observable here`, `8 push-accepted: missing`.
pub fn blank(run: &[Line<'_>]) -> String {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return String::new() };
    let steps = if run.len() == 1 {
        format!("{} {}", first.step.number, first.step.key)
    } else {
        format!("{} to {}", first.step.number, last.step.number)
    };
    format!("{steps}: {}", absence(first.step))
}

/// The status code of a response; none for a request.
pub fn status(summary: &str) -> Option<u16> {
    let (code, _) = summary.split_once(' ').unwrap_or((summary, ""));
    if code.len() == 3 { code.parse().ok() } else { None }
}

/// What a line of `step` that has no message says.
pub fn absence(step: &Step) -> &'static str {
    match step.status {
        StepStatus::Missing => "missing",
        StepStatus::NotReached => "not reached",
        StepStatus::NotObservable => "not observable here",
        StepStatus::NotCovered => "not in view here",
        StepStatus::NotApplicable => "not applicable",
        StepStatus::Unreadable => "lies in bytes that cannot be read",
        StepStatus::Truncated => "lies outside the capture",
        StepStatus::Implied => "not in view, but proved by another step",
        StepStatus::Ok | StepStatus::Late | StepStatus::OutOfOrder | StepStatus::Failed => "seen, no message to show",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn arrows(ladder: &Ladder) -> Vec<(u8, u64, Role, Role, bool)> {
        let arrow = |line: Line<'_>| match line.mark {
            Mark::Arrow { seen, from, to, refuses } => Some((line.step.number, seen.frame, from, to, refuses)),
            _ => None,
        };
        lines(ladder).into_iter().filter_map(arrow).collect()
    }

    #[test]
    fn requests_go_out_and_responses_come_back() {
        use Role::{Caller, ClearingHouse, Edge, FrontEnd, Mobility};
        let mut report = sample::broken();
        let ladder = &mut report.ladders[0];
        ladder.steps[4].evidence[1].leg = Some(Leg::EdgeExternal);
        assert_eq!(
            arrows(ladder),
            [
                (1, 4, Caller, FrontEnd, false),
                (2, 6, FrontEnd, Caller, false),
                (2, 7, FrontEnd, Mobility, false),
                (3, 9, Mobility, FrontEnd, false),
                (4, 11, Mobility, FrontEnd, false),
                (5, 12, FrontEnd, Edge, false),
                (5, 21, ClearingHouse, Edge, true),
                (9, 30, Mobility, FrontEnd, false),
                (10, 33, Caller, FrontEnd, false),
            ]
        );
    }

    #[test]
    fn inside_a_session_addresses_tell_who_speaks() {
        let mut report = sample::complete();
        let last = &mut report.ladders[0].steps[9].evidence[0];
        last.summary = "BYE sip:alice@example.com".to_owned();
        for (from, to, sender) in [
            ("192.0.2.7:5060", "192.0.2.20:51000", Role::FrontEnd),
            ("192.0.2.20:51000", "192.0.2.7:5060", Role::Caller),
            ("192.0.2.7:60000", "192.0.2.20:5060", Role::FrontEnd),
            ("192.0.2.99:1", "192.0.2.98:2", Role::Caller),
            ("192.0.2.20:1", "192.0.2.20:2", Role::Caller),
        ] {
            let last = &mut report.ladders[0].steps[9].evidence[0];
            (last.from, last.to) = (from.to_owned(), to.to_owned());
            assert_eq!(arrows(&report.ladders[0]).last().unwrap().2, sender, "{from} to {to}");
        }
    }

    #[test]
    fn what_was_not_seen_has_a_place() {
        let mut report = sample::broken();
        let ladder = &mut report.ladders[0];
        ladder.steps[2].evidence[0].leg = None;
        let copy = ladder.steps[0].evidence[0].clone();
        ladder.steps[0].evidence = vec![copy; MESSAGES + 3];
        let marks: Vec<_> = lines(ladder).into_iter().map(|line| (line.step.number, line.mark)).collect();
        assert!(marks.contains(&(6, Mark::Blank { from: Role::ClearingHouse, to: Some(Role::Cloud) })));
        assert!(marks.contains(&(7, Mark::Blank { from: Role::Cloud, to: None })));
        assert!(marks.contains(&(1, Mark::More(3))));
        assert!(marks.iter().any(|(step, mark)| *step == 3 && matches!(mark, Mark::Aside(_))));
        assert_eq!(host_of(ladder, Role::Edge), Some("192.0.2.9"));
        assert_eq!(host_of(ladder, Role::Cloud), None);
    }
}
