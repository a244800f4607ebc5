//! fping, and what it says.

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{Lab, Namespace};

/// Writes a list of addresses, one a line, as fping and our own engine read it.
pub(crate) fn list(lab: &Lab, name: &str, addresses: impl Iterator<Item = Ipv4Addr>) -> Result<PathBuf> {
    let text = addresses.fold(String::new(), |mut text, address| {
        let _ = writeln!(text, "{address}");
        text
    });
    lab.write(name, &text)
}

/// Probes sent and answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
}

/// Has fping ask every address of a list, and counts.
pub(crate) fn count(namespace: &Namespace, list: &Path, args: &[&str]) -> Result<Count> {
    let output = output(namespace.command("fping").arg("-q").args(args).arg("-f").arg(list))?;
    let count =
        output.lines().filter_map(sent_and_answered).fold(Count::default(), |sum, (sent, answered)| Count {
            sent: sum.sent + sent,
            answered: sum.answered + answered,
        });
    ensure!(count.sent > 0, "fping said nothing of use:\n{output}");
    Ok(count)
}

/// Times of each address, in the order of sending, in microseconds.
pub(crate) type Times = HashMap<Ipv4Addr, Vec<f64>>;

/// Has fping ask every address of a list `count` times, and reads the time of each answer.
pub(crate) fn times(namespace: &Namespace, list: &Path, count: u16, args: &[&str]) -> Result<Times> {
    let mut fping = namespace.command("fping");
    fping.args(["-q", "-C", &count.to_string()]).args(args).arg("-f").arg(list);
    let times = |line: &str| {
        let (address, figures) = line.split_once(" : ")?;
        Some((address.trim().parse().ok()?, times_of(figures).collect()))
    };
    Ok(output(&mut fping)?.lines().filter_map(times).collect())
}

/// What it prints. Its summaries go to stderr, and it fails when a target was silent.
fn output(fping: &mut Command) -> Result<String> {
    let output = fping.output().context("fping is needed here: apt-get install fping")?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Reads a line of its summary: `127.1.0.1 : xmt/rcv/%loss = 10/10/0%, min/avg/max = 0.02/0.04/0.06`.
fn sent_and_answered(line: &str) -> Option<(u64, u64)> {
    let (_, figures) = line.split_once("xmt/rcv/%loss = ")?;
    let mut figures = figures.split('/').map(str::parse);
    Some((figures.next()?.ok()?, figures.next()?.ok()?))
}

/// Reads the times of a line of `-C`, in milliseconds: `0.031 0.027 -`.
fn times_of(figures: &str) -> impl Iterator<Item = f64> {
    figures.split_whitespace().filter_map(|figure| figure.parse::<f64>().ok()).map(|millis| millis * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fpings_summaries_are_read() {
        let line = "127.1.0.1 : xmt/rcv/%loss = 10/9/10%, min/avg/max = 0.02/0.04/0.06";
        assert_eq!(sent_and_answered(line), Some((10, 9)));
        assert_eq!(sent_and_answered("ICMP Time Exceeded from 10.0.0.1"), None);
        assert_eq!(times_of("0.031 - 1.5").collect::<Vec<_>>(), [31.0, 1500.0]);
    }
}
