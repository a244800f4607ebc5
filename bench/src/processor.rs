//! Processor time, as the kernel accounts it (proc(5), `/proc/<pid>/stat`): fields 14 and 15 are the time of a process
//! in user and kernel mode, 16 and 17 those of its children that have ended, in clock ticks.

use std::time::Duration;

use anyhow::{Context, Result};

/// Whose time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// The process itself.
    Own,
    /// Its children that have ended.
    Children,
}

/// The processor time that `stat` tells, user and kernel mode together.
pub(crate) fn time(stat: &str, whose: Whose) -> Result<Duration> {
    // The second field is the program's name in parentheses and may hold blanks; what follows begins with field 3.
    let (_, fields) = stat.rsplit_once(") ").context("no stat line of /proc")?;
    let skip = match whose {
        Whose::Own => 14 - 3,
        Whose::Children => 16 - 3,
    };
    let ticks = fields.split(' ').skip(skip).take(2).map(str::parse::<u32>);
    let ticks: u32 = ticks.sum::<Result<u32, _>>()?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
    Ok(Duration::from_secs(1) * ticks / per_second)
}

/// A figure of `/proc/<pid>/status` in kilobytes: `VmRSS`, `VmHWM`.
pub(crate) fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_added_up_whatever_the_program_is_called() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 30 20 20 0 1 0 5 1000 10";
        assert_eq!(time(stat, Whose::Own).unwrap(), Duration::from_secs(2));
        assert_eq!(time(stat, Whose::Children).unwrap(), Duration::from_millis(500));
    }

    #[test]
    fn memory_is_read_by_name() {
        let status = "Name:\tagent\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\n";
        assert_eq!((kilobytes(status, "VmRSS"), kilobytes(status, "VmHWM")), (Some(4096), Some(5120)));
        assert_eq!(kilobytes(status, "VmSwap"), None);
    }
}
