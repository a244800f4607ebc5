//! How figures are printed: one table for each measurement, and what they were measured on.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// Prints one table under its title.
pub(crate) fn print(title: &str, header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec()).add_rows(rows);
    println!("\n{title}\n{table}");
}

/// A row of a table of latencies: how many, their median, the fastest and the slowest.
pub(crate) fn spread(name: &str, sorted: &[Duration]) -> Vec<String> {
    let seconds =
        |time: Option<Duration>| time.map_or("–".to_owned(), |t| format!("{:.1} s", t.as_secs_f64()));
    let count = sorted.len();
    let median = (count > 0).then(|| (sorted[(count - 1) / 2] + sorted[count / 2]) / 2);
    vec![
        name.to_owned(),
        count.to_string(),
        seconds(median),
        seconds(sorted.first().copied()),
        seconds(sorted.last().copied()),
    ]
}

/// Prints what the figures below were measured on, and how far they can be believed.
pub(crate) fn print_machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    println!("Machine: {model}, {cores} cores, load {load} before the first measurement.");
    println!(
        "Absolute figures vary with the machine and what else runs on it: compare the rows of one table,"
    );
    println!("which were measured side by side, rather than tables of two runs.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let sorted = [1, 2, 3, 4].map(Duration::from_secs);
        assert_eq!(spread("x", &sorted), ["x", "4", "2.5 s", "1.0 s", "4.0 s"]);
    }
}
