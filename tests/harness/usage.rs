//! What a process uses of the machine, as Linux counts it.

use std::time::Duration;

/// Linux tells programs of a hundred ticks in a second, however many it has.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident now, in bytes.
    pub now: u64,
    /// The most that was.
    pub peak: u64,
}

/// Looks at the memory of a process.
pub fn memory(pid: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
        line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number") * 1024
    };
    Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

/// How long processors have worked for a process.
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // The second field is the program's name in parentheses, and may hold anything; `utime` is the 14th, `stime` the next.
    let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace().skip(11).take(2);
    let ticks: u32 = fields.map(|field| field.parse::<u32>().expect("a number")).sum();
    TICK * ticks
}
