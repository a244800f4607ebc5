//! What a month was, in figures that can be proved: uptime, outages, causes, and what the contracts make of them.
//!
//! Input are the stored intervals and incidents of a month and the inventory; output is a [`Report`], a value that the
//! press prints. Pure: no clock, no store. Rule guarded here: a figure that is printed can be computed again.

mod report;

pub use report::{
    CauseSplit, ContractResult, Day, Excluded, Figures, GroupReport, LeftOut, Month, Outage, Report, Seal, SiteContract,
    SiteReport,
};
