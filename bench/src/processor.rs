//! Processor time, as the kernel accounts it (proc(5), `/proc/<pid>/stat`): fields 14 and 15 are the time of a process
//! in user and kernel mode, 16 and 17 those of its children that have ended, in clock ticks.

use std::{collections::BTreeSet, time::Duration};

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

/// What all threads of a process did so far, to the nanosecond: (time on a processor, wake-ups). Wake-ups are the times that
/// a thread had gone to sleep by itself (proc(5), `/proc/<pid>/task/<tid>/schedstat` and `status`).
pub(crate) fn spent(pid: u32) -> Result<(Duration, u64)> {
    let (mut processor, mut wake_ups) = (Duration::ZERO, 0);
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        // A thread may end while it is looked at.
        let Ok(scheduled) = std::fs::read_to_string(thread.join("schedstat")) else { continue };
        let Ok(status) = std::fs::read_to_string(thread.join("status")) else { continue };
        let nanoseconds = scheduled.split(' ').next().context("no schedstat of /proc")?.trim().parse()?;
        processor += Duration::from_nanos(nanoseconds);
        wake_ups += number(&status, "voluntary_ctxt_switches").unwrap_or(0);
    }
    Ok((processor, wake_ups))
}

/// A bare figure of `/proc/<pid>/status`: `Threads`.
pub(crate) fn number(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.trim().parse().ok()
}

/// Bytes on disk of the program and all libraries that a process has mapped, given its `/proc/<pid>/maps`.
pub(crate) fn on_disk(maps: &str) -> u64 {
    let files: BTreeSet<&str> = maps
        .lines()
        .filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.contains('x')))
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .collect();
    files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
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
        assert_eq!(number("Threads:\t1\nvoluntary_ctxt_switches:\t40\n", "Threads"), Some(1));
    }

    #[test]
    fn a_library_that_is_mapped_in_pieces_counts_once_and_data_files_do_not() {
        let own = std::env::current_exe().unwrap();
        let (own, length) = (own.display(), std::fs::metadata(&own).unwrap().len());
        let maps = format!(
            "1-2 r-xp 0 08:01 7    {own}\n3-4 r-xp 0 08:01 7    {own}\n5-6 r--p 0 08:01 7    /etc/hostname\n\
             7-8 r-xp 0 00:00 0    [vdso]\n"
        );
        assert_eq!(on_disk(&maps), length);
    }
}
