//! (see message.rs)
