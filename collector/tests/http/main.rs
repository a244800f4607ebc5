//! The collector as a whole, over real HTTP and on a real disk, by a clock that the test moves.

mod beside;
mod bursts;
mod enrolment;
mod ingest;
mod maintenance;
mod metric_store;
mod proof;
mod reports;
mod restart;
mod shapes;
mod states;
mod streams;
mod town;
