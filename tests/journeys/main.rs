//! Journeys through the whole system, with real peers, in the lab's network namespaces. They wait more than they work:
//! in one program they wait side by side.

mod clocks;
mod installation;
mod judge;
mod lab;
mod newcomer;
mod nothing_lost;
mod outage;
mod planned;
mod power;
mod told;
mod uplink;
