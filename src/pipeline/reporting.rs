//! Judged ladders to whoever watches, and to the report.

use super::Observer;
use super::clocks::Clocks;
use super::judging::{Judged, Judging};
use super::reader::Reader;
use crate::error::Result;
use crate::ladder::profile::Profile;
use crate::report::model::Report;
use crate::report::view::View;

/// The last stage: makes ladders presentable and shows them.
pub struct Reporting<'a> {
    view: View,
    observer: &'a mut dyn Observer,
}

impl<'a> Reporting<'a> {
    /// Nothing shown yet; of `user` alone if one is named.
    pub fn new(profile: &Profile, user: Option<&str>, observer: &'a mut dyn Observer) -> Self {
        Self { view: View::new(profile, user, observer.keep()), observer }
    }

    /// Takes ladders in as they close.
    ///
    /// # Errors
    /// What the observer answers.
    pub fn take(&mut self, judged: Judged) -> Result<()> {
        for (closed, judgement) in judged.ladders {
            let first = closed.first;
            let Some((ladder, findings)) = self.view.ladder(closed, judgement) else { continue };
            self.observer.ladder(&ladder, &findings)?;
            self.view.keep(first, ladder, findings);
        }
        let progress = judged.progress;
        self.observer.progress(progress.position, progress.size, progress.frames, self.view.ladders());
        Ok(())
    }

    /// The report, when the other stages are done.
    pub fn finish(mut self, reader: &Reader, judging: &Judging, clocks: &Clocks) -> Report {
        let mut account = reader.account();
        judging.account(&mut account);
        let inputs =
            reader.captures().summaries().zip(clocks.compared()).map(|((one, offset), known)| (one, offset, known));
        self.view.report(inputs, &account, judging.coverage(), judging.evicted())
    }
}
