//! An agent's delivery, as the collector gets it from the network.

use kentongan_model::wire::{Batch, Delivery, split};

/// Length of the checksum at the end of a sealed batch.
const CHECKSUM: usize = 4;

/// Reads `bytes` as a delivery, and as a sealed batch.
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
}

/// The delivery with the right checksum at its end: nobody guesses one, and what lies behind it is to be tried, too.
pub(crate) fn mended(bytes: &[u8]) -> Vec<u8> {
    let Ok((sent, sealed)) = split(bytes) else { return bytes.to_vec() };
    let mut sealed = sealed[..sealed.len().saturating_sub(CHECKSUM)].to_vec();
    sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    Delivery::wrap(&sent, &sealed)
}

fn same_again<E>(opened: Result<Batch, E>) {
    let Ok(batch) = opened else { return };
    let sealed = batch.seal().expect("what was opened can be sealed");
    assert_eq!(Batch::open(&sealed).as_ref(), Ok(&batch), "sealed again it is another batch");
}
