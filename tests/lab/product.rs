//! Kentongan's own binaries, as the lab finds them.
