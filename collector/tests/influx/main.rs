//! The sink with real databases: Debian's `influxdb` 1.6.7 (its `/write`, read back through InfluxQL) and
//! `victoria-metrics` (its `/api/v2/write`, read back through `/api/v1/export`), each a process on a port of its own.

mod gate;
mod grafana;
mod lines;
mod login;
mod outage;
mod peer;
mod refusal;
mod sample;
