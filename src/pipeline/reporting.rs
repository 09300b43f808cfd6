//! Judged ladders to whoever watches, and to the report.

use super::judging::{Judged, Judging};
use super::{Observer, Settings};
#[cfg(feature = "live")]
use crate::capture::News;
use crate::capture::Summary;
use crate::error::Result;
use crate::ladder::profile::Profile;
use crate::report::model::Report;
use crate::report::view::{Account, View};

/// The last stage: makes ladders presentable and shows them.
pub struct Reporting<'a> {
    view: View,
    observer: &'a mut dyn Observer,
}

impl<'a> Reporting<'a> {
    /// Nothing shown yet; `profile` is the one in force.
    pub fn new(profile: &Profile, settings: &Settings, observer: &'a mut dyn Observer) -> Self {
        let several = settings.captures.len() > 1;
        Self { view: View::new(profile, settings.user.as_deref(), several, observer.keep()), observer }
    }

    /// Keeps at most so many ladders for the report, with at most so many octets of messages.
    #[cfg(feature = "live")]
    pub fn keep_latest(&mut self, most: usize, texts: usize) {
        self.view.keep_latest(most, texts);
    }

    /// Takes ladders in as they close.
    ///
    /// # Errors
    /// What the observer answers.
    pub fn take(&mut self, judged: Judged) -> Result<()> {
        self.take_up_to(judged, None).map(|_| ())
    }

    /// The same up to `most` ladders, when further ones are neither shown nor counted; whether there are so many.
    ///
    /// # Errors
    /// What the observer answers.
    pub fn take_up_to(&mut self, judged: Judged, most: Option<u64>) -> Result<bool> {
        let is_enough = |view: &View| most.is_some_and(|most| view.ladders() >= most);
        judged.news.iter().for_each(|news| self.observer.news(news));
        for closed in judged.ladders {
            if is_enough(&self.view) {
                break;
            }
            let first = closed.ladder.first;
            let waited = closed.waited.as_ref();
            let Some((ladder, findings)) = self.view.ladder(closed.ladder, closed.judgement, waited) else {
                continue;
            };
            self.observer.ladder(&ladder, &findings)?;
            self.view.keep(first, ladder, findings);
        }
        if let Some(so_far) = &judged.so_far {
            let (inputs, findings) = View::losses(&so_far.inputs, &so_far.account, so_far.forgotten);
            self.observer.losses(&inputs, &findings);
        }
        let progress = judged.progress;
        self.observer.progress(progress.position, progress.size, progress.frames, self.view.ladders());
        Ok(is_enough(&self.view))
    }

    /// Tells what the administrator should know.
    #[cfg(feature = "live")]
    pub fn tell(&mut self, news: &[News]) {
        news.iter().for_each(|line| self.observer.news(line));
    }

    /// The report, when the other stages are done.
    ///
    /// With each input comes its clock's offset, nanoseconds, and whether it could be compared with the first one's.
    pub fn finish<'b>(
        mut self,
        inputs: impl Iterator<Item = (&'b Summary, i64, bool)>,
        mut account: Account,
        judging: &Judging,
    ) -> Report {
        judging.account(&mut account);
        account.list_elsewhere(|host| judging.coverage().speaks(host));
        self.view.report(inputs, &account, judging.coverage())
    }
}
