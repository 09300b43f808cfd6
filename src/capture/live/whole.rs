//! Files that are written as a whole or not at all: one for each thing that is worth one.
//!
//! In: frames and what is said of them. Out: a pcapng with its name, after every octet of it has reached the disk. The
//! oldest are removed when there are too many. One that a program left unfinished when it was killed is removed.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::Blocks;
use super::keeping::check_directory;
use super::leftovers::{self, part};
use crate::capture::Stretch;
use crate::error::Result;
use crate::frame::FrameBuf;

/// How file names begin: otherwise than those of files that are rotated, so that both may share a directory.
const PREFIX: &str = "broken-";
/// Octets gathered before they are written.
const GATHERED: usize = 256 << 10;

/// What one file holds.
pub struct Excerpt {
    /// Its name, without what all have in common.
    pub name: String,
    /// What is said of it, inside.
    pub comment: String,
    /// Its frames, in order.
    pub frames: Vec<Arc<FrameBuf>>,
    /// What is known of the time between them.
    pub stretches: Vec<Stretch>,
}

/// A directory of such files.
pub struct Excerpts {
    directory: PathBuf,
    names: Vec<String>,
    kept: VecDeque<PathBuf>,
    most: usize,
    news: Vec<String>,
}

impl Excerpts {
    /// Files in `directory`, at most `most` of them, of frames of interfaces called `names`. Files of before count.
    ///
    /// # Errors
    /// The directory is none or cannot be written.
    pub fn new(directory: &Path, most: usize, names: &[String]) -> Result<Self> {
        check_directory(directory)?;
        leftovers::discard(directory, PREFIX);
        let kept = leftovers::whole_files(directory, PREFIX).into();
        Ok(Self { directory: directory.to_owned(), names: names.to_vec(), kept, most, news: Vec::new() })
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written: then nothing of it is left.
    pub fn write(&mut self, excerpt: &Excerpt) -> io::Result<()> {
        let (mut file, path) = leftovers::create(&self.directory, &format!("{PREFIX}{}", excerpt.name))?;
        let written = self.fill(&mut file, excerpt).and_then(|()| fs::rename(part(&path), &path));
        if let Err(error) = written {
            let _ = fs::remove_file(part(&path));
            return Err(error);
        }
        // The name is there for sure when the directory is on the disk, too; not every system can do that.
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        self.kept.push_back(path);
        leftovers::remove_oldest(&mut self.kept, self.most, &mut self.news);
        Ok(())
    }

    fn fill(&self, file: &mut File, excerpt: &Excerpt) -> io::Result<()> {
        let mut blocks = Blocks::new(Some(&excerpt.comment));
        // What is said of the time comes first: a ladder may be judged before the last frame.
        excerpt.stretches.iter().for_each(|stretch| blocks.stretch(*stretch));
        for frame in &excerpt.frames {
            blocks.frame(&frame.frame(), &self.names);
            if blocks.octets.len() >= GATHERED {
                file.write_all(&blocks.octets)?;
                blocks.octets.clear();
            }
        }
        file.write_all(&blocks.octets)?;
        file.sync_all()
    }

    /// What is worth telling since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}
