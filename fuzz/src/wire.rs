//! An agent's delivery, as the collector gets it from the network.

use kentongan_model::wire::{Batch, Delivery, WireError, split};

/// Length of the checksum at the end of a batch.
const CHECKSUM: usize = 4;
/// What stands before the batch in those inputs that lean on another: the first byte, the moment of sending in two, and the
/// name of the base.
const HEAD: usize = 4;
/// What they lean on.
const BASE: &[u8] = include_bytes!("../corpus/wire/kec-kutoarjo-5");

/// Reads `bytes` as a delivery, one that stands alone or leans on another, and as a sealed batch.
///
/// # Panics
/// When what was opened cannot be sealed again, or is another batch then.
pub fn wire(bytes: &[u8]) {
    if let Ok((sent, sealed)) = split(bytes) {
        let wrapped = Delivery::wrap(&sent, sealed);
        assert_eq!(split(&wrapped).ok(), Some((sent, sealed)), "what was taken apart cannot be put together");
        same_again(Batch::open(sealed));
    }
    same_again(Delivery::decode(bytes).map(|delivery| delivery.batch));
    same_again(Delivery::decode(&mended(bytes)).map(|delivery| delivery.batch));
    same_again(Batch::open(bytes));
    let base = Delivery::decode(BASE).expect("the base is whole").batch;
    for leaning in [bytes.to_vec(), mended_on(&base, bytes)] {
        let opened = Delivery::decode_with(&leaning, |_| Some(base.clone())).map(|delivery| delivery.batch);
        if let Ok(batch) = &opened {
            let sealed = batch.seal_on(&base).expect("what was opened can be sealed on its base");
            assert_eq!(Batch::open_on(&sealed, &base).as_ref(), Ok(batch), "on its base it is another batch");
        }
        same_again(opened);
    }
}

/// The delivery with the right checksum at its end: nobody guesses one, and what lies behind it is to be tried, too.
pub(crate) fn mended(bytes: &[u8]) -> Vec<u8> {
    let Ok((sent, sealed)) = split(bytes) else { return bytes.to_vec() };
    let mut sealed = sealed[..sealed.len().saturating_sub(CHECKSUM)].to_vec();
    sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    Delivery::wrap(&sent, &sealed)
}

/// The same of a delivery that leans on `base`.
fn mended_on(base: &Batch, bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes[..bytes.len().saturating_sub(CHECKSUM).max(HEAD.min(bytes.len()))].to_vec();
    let mut hasher = crc32fast::Hasher::new_with_initial(base.print().expect("the base was sealed"));
    hasher.update(mended.get(HEAD..).unwrap_or_default());
    mended.extend_from_slice(&hasher.finalize().to_le_bytes());
    mended
}

fn same_again(opened: Result<Batch, WireError>) {
    let Ok(batch) = opened else { return };
    let sealed = match batch.seal() {
        // What leans may be shorter than what stands alone.
        Err(WireError::TooMuch { what: "bytes of a batch", .. }) => return,
        sealed => sealed.expect("what was opened can be sealed"),
    };
    assert_eq!(Batch::open(&sealed).as_ref(), Ok(&batch), "sealed again it is another batch");
}
