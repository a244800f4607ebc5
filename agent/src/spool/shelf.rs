//! A shelf: the segments of a folder, in memory (tmpfs) or on disk (flash), under one limit.
//!
//! A handful of files that grow, instead of one for each batch: flash is written in blocks, and tmpfs in pages. A
//! segment is removed when the last of its batches has gone, or when the shelf is full and it is the oldest.

use std::{collections::BTreeMap, io};

use kentongan_model::sum;

use super::{
    Chain,
    folder::Folder,
    frame,
    segment::{self, LABEL, Label, NOTE},
};

/// A shelf is cut into so many segments at least, so that a full one loses little at a time.
const SEGMENTS: u64 = 32;

/// Where a batch lies on a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) segment: u32,
    /// Where the frame in front of it begins.
    at: u32,
    /// How many sealed bytes there are.
    pub(super) length: u32,
}

#[derive(Debug)]
struct Segment {
    chain: Chain,
    length: u64,
    /// Batches in it that have not gone.
    live: usize,
}

/// A segment that is being filled.
#[derive(Debug)]
struct Filling<F: Folder> {
    segment: u32,
    file: F::File,
    length: u64,
    /// How much of it a power cut leaves, as far as is known.
    synced: u64,
    /// Whether it may end in something that is no whole frame.
    is_closed: bool,
}

/// The segments of a folder.
#[derive(Debug)]
pub(super) struct Shelf<F: Folder> {
    pub(super) folder: F,
    /// Whether it outlives a power cut, if it is synced.
    is_lasting: bool,
    limit: u64,
    segments: BTreeMap<u32, Segment>,
    filling: [Option<Filling<F>>; 2],
    /// Batches that have gone, which no segment tells yet. At most as many as there are in segments.
    unnoted: Vec<(u32, u64)>,
    next: u32,
}

fn file_name(number: u32, chain: Chain) -> String {
    format!("{number:08}.{}", chain.ending())
}

/// The segment that a file is called like.
pub(super) fn segment_of(name: &str) -> Option<(u32, Chain)> {
    let (chain, stem) = Chain::of_name(name)?;
    Some((stem.parse().ok()?, chain))
}

impl<F: Folder> Shelf<F> {
    pub(super) fn new(folder: F, limit: u64, is_lasting: bool) -> Self {
        Shelf {
            folder,
            is_lasting,
            limit,
            segments: BTreeMap::new(),
            filling: [None, None],
            unnoted: Vec::new(),
            next: 1,
        }
    }

    /// A segment that an earlier agent left, of which so much is whole.
    pub(super) fn found(&mut self, number: u32, chain: Chain, length: u64) {
        self.next = self.next.max(number.saturating_add(1));
        self.segments.insert(number, Segment { chain, length, live: 0 });
    }

    /// A batch was found in such a segment.
    pub(super) fn holds(&mut self, number: u32, label: &Label, at: u64) -> Spot {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.live += 1;
        }
        Spot { segment: number, at: u32::try_from(at).unwrap_or(u32::MAX), length: label.length }
    }

    /// Removes what an earlier agent left and nobody needs.
    pub(super) fn tidy(&mut self) {
        let empty: Vec<u32> = self.segments.iter().filter(|(_, s)| s.live == 0).map(|(n, _)| *n).collect();
        empty.into_iter().for_each(|number| self.remove(number));
    }

    /// Bytes that its files have.
    pub(super) fn taken(&self) -> u64 {
        self.segments.values().map(|segment| segment.length).sum()
    }

    /// Whether so long a batch can be put without anything being dropped.
    pub(super) fn has_room(&self, sealed: usize) -> bool {
        // What has gone from a segment is noted in it some day.
        let notes = NOTE * (self.unnoted.len() as u64 + 1);
        self.taken() + notes + LABEL + sealed as u64 <= self.limit
    }

    /// Whether so long a batch can be put at all.
    pub(super) fn can_hold(&self, sealed: usize) -> bool {
        NOTE + LABEL + sealed as u64 <= self.limit
    }

    /// Whether so much lies on it that what is to come has to be brief.
    pub(super) fn is_filling_up(&self) -> bool {
        8 * self.taken() >= self.limit
    }

    /// The segment to drop when there is no room: the oldest of usual rounds, or else of changes.
    pub(super) fn oldest(&self) -> Option<u32> {
        let of = |chain| self.segments.iter().find(|(_, segment)| segment.chain == chain);
        of(Chain::Rounds).or_else(|| of(Chain::Changes)).map(|(number, _)| *number)
    }

    /// Whether anything on it goes before a batch of this chain does.
    pub(super) fn gives_way_to(&self, chain: Chain) -> bool {
        self.segments.values().any(|segment| segment.chain == Chain::Rounds || chain == Chain::Changes)
    }

    /// Appends a batch. After an error the shelf is as it was before.
    pub(super) fn put(&mut self, chain: Chain, label: &Label, sealed: &[u8]) -> io::Result<Spot> {
        let bytes = [&label.frame(), sealed].concat();
        self.prepare_segment(chain)?;
        let Some(filling) = &mut self.filling[chain as usize] else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (number, at) = (filling.segment, filling.length);
        if let Err(error) = self.folder.append(&mut filling.file, &bytes) {
            // Behind what is no whole frame nothing is to follow.
            filling.is_closed = self.folder.cut(&mut filling.file, at).is_err();
            if at == 0 {
                self.remove(number);
            }
            return Err(error);
        }
        filling.length += bytes.len() as u64;
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.length += bytes.len() as u64;
        }
        Ok(self.holds(number, label, at))
    }

    /// Whether the next batch of a chain goes into another segment than the last one did.
    pub(super) fn is_segment_full(&self, chain: Chain) -> bool {
        let is_full = |filling: &Filling<F>| filling.is_closed || filling.length >= self.limit / SEGMENTS;
        self.filling[chain as usize].as_ref().is_some_and(is_full)
    }

    /// Sees to it that there is a segment for the next batch of a chain. Whoever wants the last one to outlive a power
    /// cut has synced it before.
    fn prepare_segment(&mut self, chain: Chain) -> io::Result<()> {
        if self.is_segment_full(chain) {
            self.filling[chain as usize] = None;
        }
        if self.filling[chain as usize].is_none() {
            let number = self.next;
            let file = self.folder.create(&file_name(number, chain))?;
            self.next = self.next.saturating_add(1);
            self.segments.insert(number, Segment { chain, length: 0, live: 0 });
            let filling = Filling { segment: number, file, length: 0, synced: 0, is_closed: false };
            self.filling[chain as usize] = Some(filling);
        }
        Ok(())
    }

    /// Makes sure that what was put outlives a power cut. After an error nobody can tell whether it would, and what is
    /// put next goes into another file.
    pub(super) fn sync(&mut self, chain: Chain) -> io::Result<()> {
        let Some(filling) = &mut self.filling[chain as usize] else { return Ok(()) };
        if filling.synced == filling.length {
            return Ok(());
        }
        let synced = self.folder.sync(&mut filling.file);
        match synced {
            Ok(()) => filling.synced = filling.length,
            Err(_) => self.filling[chain as usize] = None,
        }
        synced
    }

    /// The sealed bytes; none when they are not what was put there.
    pub(super) fn read(&self, spot: &Spot) -> io::Result<Option<(Label, Vec<u8>)>> {
        let Some(segment) = self.segments.get(&spot.segment) else { return Ok(None) };
        let mut bytes = vec![0; LABEL as usize + spot.length as usize];
        let name = file_name(spot.segment, segment.chain);
        let read = match self.folder.read(&name, spot.at.into(), &mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            read => read?,
        };
        bytes.truncate(read);
        let label = frame::first(&bytes).and_then(Label::of_payload);
        bytes.drain(..read.min(LABEL as usize));
        Ok(label.filter(|label| label.sum == sum::of(&bytes)).map(|label| (label, bytes)))
    }

    /// A batch has gone. Unless that makes its segment empty, the next [`Self::note`] tells it.
    pub(super) fn gone(&mut self, spot: &Spot, order: u64) {
        self.unnoted.push((spot.segment, order));
        self.count_down(spot.segment);
    }

    /// A batch has gone and must not come back: a segment that is removed may, when the power is cut.
    pub(super) fn gone_for_good(&mut self, spot: &Spot, order: u64) {
        self.unnoted.push((spot.segment, order));
        self.note();
        self.count_down(spot.segment);
    }

    fn count_down(&mut self, number: u32) {
        let Some(segment) = self.segments.get_mut(&number) else { return };
        segment.live = segment.live.saturating_sub(1);
        if segment.live == 0 {
            self.remove(number);
        }
    }

    /// Writes down what has gone, so that it is not sent again after a restart. It would change nothing at the
    /// collector: what cannot be noted is forgotten.
    pub(super) fn note(&mut self) {
        let mut unnoted = std::mem::take(&mut self.unnoted);
        unnoted.sort_unstable();
        for of_one in unnoted.chunk_by(|one, other| one.0 == other.0) {
            let number = of_one[0].0;
            let notes = of_one.iter().flat_map(|(_, order)| segment::gone(*order)).collect::<Vec<_>>();
            if let Err(error) = self.note_in(number, &notes) {
                tracing::warn!("cannot note what was delivered; it may be sent again: {error}");
            }
        }
    }

    fn note_in(&mut self, number: u32, notes: &[u8]) -> io::Result<()> {
        let is_over = self.taken() + notes.len() as u64 > self.limit;
        let Some(segment) = self.segments.get_mut(&number).filter(|_| !is_over) else { return Ok(()) };
        let name = file_name(number, segment.chain);
        let filling = self.filling[segment.chain as usize].as_mut();
        let mut reopened = None;
        let file = match filling.filter(|filling| filling.segment == number && !filling.is_closed) {
            Some(filling) => {
                // Until it is known to be well.
                filling.is_closed = true;
                &mut filling.file
            }
            None => reopened.insert(self.folder.reopen(&name, segment.length)?),
        };
        // What is left of a note that failed is cut off when the file is opened next.
        self.folder.append(file, notes)?;
        if self.is_lasting {
            self.folder.sync(file)?;
        }
        segment.length += notes.len() as u64;
        let filling = self.filling[segment.chain as usize].as_mut();
        if let Some(filling) = filling.filter(|filling| filling.segment == number && reopened.is_none()) {
            (filling.length, filling.synced) = (segment.length, segment.length);
            filling.is_closed = false;
        }
        Ok(())
    }

    /// Removes a segment with all that is in it.
    pub(super) fn remove(&mut self, number: u32) {
        let Some(segment) = self.segments.remove(&number) else { return };
        self.filling[segment.chain as usize].take_if(|filling| filling.segment == number);
        self.unnoted.retain(|(of, _)| *of != number);
        if let Err(error) = self.folder.remove(&file_name(number, segment.chain)) {
            // What is in it will be sent again after a restart, which changes nothing at the collector.
            tracing::warn!("cannot remove a segment of the spool: {error}");
        }
    }
}
