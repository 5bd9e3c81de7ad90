//! The local queue's memory on disk: a line for each change, written before the change is promised.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::local::Message;

/// The messages that are neither done nor forgotten, by id.
#[derive(Default)]
pub(crate) struct Messages {
    by_id: BTreeMap<u64, Message>,
    given: u64,
}

impl Messages {
    /// An id that no message had before.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Message> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.by_id.values()
    }

    pub(crate) fn insert(&mut self, message: Message) {
        self.given = self.given.max(message.id);
        self.by_id.insert(message.id, message);
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.by_id.remove(&id);
    }
}

/// An append-only file. A line counts once its line feed is there; a kill can only cut the last one, which was not yet
/// promised to anybody. Handed to the operating system, not forced to the disk: it survives the process, not a power cut.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    lines: usize,
    /// Whether half a line may stand behind them.
    torn: bool,
    /// Held open for its lock alone.
    _lock: File,
}

/// Shorter journals are not worth rewriting.
const LINES_MIN: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry<M> {
    /// A message as it now is.
    Kept(M),
    /// It is done.
    Removed(u64),
    /// Ids up to this one were given.
    Given(u64),
}

impl Journal {
    /// Opens the journal of a directory and reads what is in the queues.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Messages)> {
        std::fs::create_dir_all(directory)?;
        let lock = File::create(directory.join("queue.lock"))?;
        lock.try_lock()
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another process has this queue"))?;
        let path = directory.join("queue.journal");
        let messages = read(&path)?;
        let (file, length, lines) = rewrite(&path, &messages)?;
        Ok((Self { path, file, length, lines, torn: false, _lock: lock }, messages))
    }

    /// Writes down a message as it now is.
    pub(crate) fn keep(&mut self, message: &Message) -> io::Result<()> {
        self.append(&Entry::Kept(message))
    }

    /// Writes down that a message is done.
    pub(crate) fn remove(&mut self, id: u64) -> io::Result<()> {
        self.append(&Entry::<&Message>::Removed(id))
    }

    /// Drops what is over, once most of the journal is.
    pub(crate) fn compact_if_long(&mut self, messages: &Messages) -> io::Result<()> {
        if self.lines > LINES_MIN && self.lines / 4 > messages.by_id.len() {
            (self.file, self.length, self.lines) = rewrite(&self.path, messages)?;
            self.torn = false;
        }
        Ok(())
    }

    fn append(&mut self, entry: &Entry<&Message>) -> io::Result<()> {
        let line = line(entry)?;
        if self.torn {
            // Half a line must not become the beginning of the next one.
            self.file.set_len(self.length)?;
        }
        self.torn = true;
        self.file.write_all(&line)?;
        self.torn = false;
        self.length += u64::try_from(line.len()).unwrap_or_default();
        self.lines += 1;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Messages> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut messages = Messages::default();
    for line in text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
        match serde_json::from_slice(line)? {
            Entry::Kept(message) => messages.insert(message),
            Entry::Removed(id) => messages.remove(id),
            Entry::Given(id) => messages.given = messages.given.max(id),
        }
    }
    Ok(messages)
}

/// Writes the messages alone into a new file and puts it in the old one's place: at any moment one of them is whole.
fn rewrite(path: &Path, messages: &Messages) -> io::Result<(File, u64, usize)> {
    let fresh = path.with_extension("new");
    let mut text = line(&Entry::Given(messages.given))?;
    for message in messages.iter() {
        text.extend(line(&Entry::Kept(message))?);
    }
    let mut file = File::create(&fresh)?;
    file.write_all(&text)?;
    file.sync_data()?;
    std::fs::rename(&fresh, path)?;
    let file = OpenOptions::new().append(true).open(path)?;
    Ok((file, u64::try_from(text.len()).unwrap_or_default(), messages.by_id.len()))
}

fn line(entry: &Entry<&Message>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}
