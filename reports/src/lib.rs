//! What a month was, in figures that can be proved: uptime, outages, causes, and what the contracts make of them.
//!
//! Input are the stored intervals and incidents of a month and the inventory ([`Known`]); output is a [`Report`], a
//! value that the press prints. What each figure means is told in `docs/reports.md`. Pure: no clock, no store. Rule
//! guarded here: a figure that is printed can be computed again.

mod causes;
mod compose;
mod contract;
mod day;
mod digest;
mod figures;
mod month;
mod outage;
mod report;
#[doc(hidden)]
pub mod sample;
mod seal;

pub use causes::Fault;
pub use compose::{Known, NoReport, compose};
pub use month::{Month, MonthError};
pub use report::{
    CauseSplit, ContractResult, Day, Excluded, Figures, GroupReport, LeftOut, Outage, Report, Seal,
    SiteContract, SiteReport,
};
pub use seal::{Origin, tzdata};
