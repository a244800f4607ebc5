//! Where bytes come in that nobody vouches for: an agent's delivery, a row of the journal, an inventory, a log.
//!
//! One function for each door. It gives the bytes to the code behind the door and holds the outcome against what the
//! code promises; a broken promise is a panic, which libFuzzer finds (`targets/`) and `tests/corpus.rs` finds again. The
//! rule guarded here: bytes are refused with a reason or used, and nothing panics, hangs or eats the memory.

mod inventory;
mod journal;
mod replay;
mod wire;

pub use inventory::inventory;
pub use journal::journal;
pub use replay::replay;
pub use wire::wire;
