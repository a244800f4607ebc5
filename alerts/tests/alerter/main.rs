//! The alerter as a whole, against real peers on loopback: a collector's feed, HTTP receivers and a mail server.
//!
//! The feed and the receivers are small axum servers; the mail server is aiosmtpd, which `make peers` installs.

mod crash;
mod documentation;
mod following;
mod mail;
mod outbox;
mod peers;
mod tale;
mod telegram;
mod webhook;
