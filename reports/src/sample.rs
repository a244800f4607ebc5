//! A small network and a month of it: what tests of the report and of the press look at.
