//! A folder as bad as POSIX allows: it dies in the middle of a write, loses and zeroes what was not synced, brings back what
//! was removed, and refuses writes.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    path::Path,
    rc::Rc,
};

use crate::spool::folder::Folder;

/// Bytes that a disk writes at a time, in whatever order.
const SECTOR: usize = 16;

/// What is decided by chance: a sequence that its beginning determines.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct Dice(pub(in crate::spool) u64);

impl Dice {
    /// A number below `sides` (splitmix64).
    pub(in crate::spool) fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides.max(1) as u64) as usize
    }
}

/// How long the agent lives: so many changes to its folders. All folders of one agent share it.
pub(in crate::spool) type Life = Rc<Cell<Option<usize>>>;

/// What a folder refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::spool) enum Refuses {
    #[default]
    Nothing,
    /// New bytes: it is full.
    Growth,
    /// What would make more bytes of its files than this: others have the rest.
    MoreThan(usize),
    /// To make sure that anything outlives a power cut.
    Syncs,
    /// Every other change, whichever.
    EverySecond,
}

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What a power cut leaves for sure.
    synced: Vec<u8>,
    is_named: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Content>,
    /// Removed, and perhaps not for ever.
    removed: BTreeMap<String, Content>,
    refuses: Refuses,
    changes: usize,
    syncs: usize,
    dice: Option<Dice>,
}

/// The folder. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(in crate::spool) struct Tearing {
    state: Rc<RefCell<State>>,
    life: Life,
}

/// How a change ends.
enum End {
    Well,
    Refused,
    /// So far, and no one sees how it ended.
    Died,
}

impl Tearing {
    pub(in crate::spool) fn in_life(life: &Life) -> Self {
        let folder = Tearing { life: Rc::clone(life), ..Tearing::default() };
        folder.state.borrow_mut().dice = Some(Dice(7));
        folder
    }

    pub(in crate::spool) fn refuse(&self, refuses: Refuses) {
        self.state.borrow_mut().refuses = refuses;
    }

    /// Files whose names end so.
    pub(in crate::spool) fn files(&self, ending: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.borrow();
        let wanted = state.files.iter().filter(|(name, _)| name.ends_with(ending));
        wanted.map(|(name, content)| (name.clone(), content.bytes.clone())).collect()
    }

    pub(in crate::spool) fn write(&self, name: &str, bytes: &[u8]) {
        let content = Content { bytes: bytes.to_vec(), synced: bytes.to_vec(), is_named: true };
        self.state.borrow_mut().files.insert(name.to_owned(), content);
    }

    pub(in crate::spool) fn syncs(&self) -> usize {
        self.state.borrow().syncs
    }

    /// tmpfs when the power is cut.
    pub(in crate::spool) fn forget_all(&self) {
        self.state.borrow_mut().files.clear();
    }

    /// Flash when the power is cut.
    pub(in crate::spool) fn cut_power(&self, mut dice: Dice) {
        let mut state = self.state.borrow_mut();
        for (name, content) in std::mem::take(&mut state.removed) {
            if dice.throw(2) == 0 {
                state.files.entry(name).or_insert(content);
            }
        }
        let files = std::mem::take(&mut state.files);
        for (name, content) in files {
            if content.is_named || dice.throw(2) == 0 {
                let bytes = after_power_cut(&content, &mut dice);
                state.files.insert(name, Content { synced: bytes.clone(), bytes, is_named: true });
            }
        }
    }

    fn end(&self) -> End {
        match self.life.get() {
            Some(0) => return End::Died,
            Some(left) => self.life.set(Some(left - 1)),
            None => {}
        }
        if self.life.get() == Some(0) {
            return End::Died;
        }
        let mut state = self.state.borrow_mut();
        state.changes += 1;
        match state.refuses {
            Refuses::EverySecond if state.changes.is_multiple_of(2) => End::Refused,
            _ => End::Well,
        }
    }

    /// Whether so many bytes more do not fit.
    fn is_full(&self, more: usize) -> bool {
        let state = self.state.borrow();
        match state.refuses {
            Refuses::Growth => true,
            Refuses::MoreThan(room) => {
                let taken: usize = state.files.values().map(|content| content.bytes.len()).sum();
                taken + more > room
            }
            _ => false,
        }
    }

    /// Makes a change, or half of it, or none.
    fn change<T>(&self, is_full: bool, change: impl FnOnce(&mut State, Option<usize>) -> T) -> io::Result<T> {
        let was_alive = self.life.get() != Some(0);
        let end = self.end();
        let mut state = self.state.borrow_mut();
        let part = |state: &mut State| state.dice.as_mut().map_or(0, |dice| dice.throw(100));
        match end {
            End::Died if was_alive => {
                let part = part(&mut state);
                change(&mut state, Some(part));
                Err(io::Error::other("dead"))
            }
            End::Died => Err(io::Error::other("dead")),
            End::Refused => Err(io::Error::other("refused")),
            End::Well if is_full => {
                let part = part(&mut state);
                change(&mut state, Some(part));
                Err(io::ErrorKind::StorageFull.into())
            }
            End::Well => Ok(change(&mut state, None)),
        }
    }
}

fn after_power_cut(content: &Content, dice: &mut Dice) -> Vec<u8> {
    let Content { bytes, synced, .. } = content;
    if !bytes.starts_with(synced) {
        return if dice.throw(2) == 0 { bytes.clone() } else { synced.clone() };
    }
    let mut left = bytes[..synced.len() + dice.throw(bytes.len() - synced.len() + 1)].to_vec();
    for sector in left[synced.len()..].chunks_mut(SECTOR) {
        if dice.throw(4) == 0 {
            sector.fill(0);
        }
    }
    left
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Folder for Tearing {
    type File = String;

    fn path(&self) -> &Path {
        Path::new("/tearing")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state.borrow().files.keys().cloned().collect())
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.state.borrow().files.get(name).map(|content| content.bytes.len() as u64).ok_or_else(missing)
    }

    fn create(&self, name: &str) -> io::Result<String> {
        self.change(self.is_full(0), |state, part| {
            if part.is_none_or(|part| part > 50) {
                state.files.insert(name.to_owned(), Content::default());
            }
            name.to_owned()
        })
    }

    fn reopen(&self, name: &str, length: u64) -> io::Result<String> {
        let mut file = name.to_owned();
        self.length(name)?;
        self.cut(&mut file, length)?;
        Ok(file)
    }

    fn append(&self, file: &mut String, bytes: &[u8]) -> io::Result<()> {
        self.change(self.is_full(bytes.len()), |state, part| {
            let written = part.map_or(bytes.len(), |part| bytes.len() * part / 100);
            // A file that was removed is written to all the same.
            if let Some(content) = state.files.get_mut(file) {
                content.bytes.extend(&bytes[..written]);
            }
        })
    }

    fn cut(&self, file: &mut String, length: u64) -> io::Result<()> {
        self.change(false, |state, part| {
            if let Some(content) = state.files.get_mut(file).filter(|_| part.is_none_or(|part| part > 50)) {
                content.bytes.truncate(length as usize);
            }
        })
    }

    fn sync(&self, file: &mut String) -> io::Result<()> {
        if self.state.borrow().refuses == Refuses::Syncs {
            return Err(io::Error::other("refused"));
        }
        self.change(false, |state, part| {
            state.syncs += 1;
            if let Some(content) = state.files.get_mut(file).filter(|_| part.is_none_or(|part| part > 50)) {
                (content.synced, content.is_named) = (content.bytes.clone(), true);
            }
        })
    }

    fn read(&self, name: &str, from: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.state.borrow();
        let bytes = &state.files.get(name).ok_or_else(missing)?.bytes;
        let rest = bytes.get(from as usize..).unwrap_or(&[]);
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(false, |state, part| {
            if part.is_none_or(|part| part > 50)
                && let Some(content) = state.files.remove(name)
            {
                state.removed.insert(name.to_owned(), content);
            }
        })
    }
}
