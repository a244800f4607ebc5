//! How figures are printed: one table for each measurement, and what they were measured on.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// Prints one table under its title.
pub(crate) fn print(title: &str, header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec()).add_rows(rows);
    println!("\n{title}\n{table}");
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
