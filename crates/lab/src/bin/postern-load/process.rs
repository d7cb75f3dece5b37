//! What the server's process uses, from `/proc` (proc(5)).

use std::fs;
use std::iter::Sum;

use crate::Failure;

/// A process of this machine.
pub(crate) struct Process {
    pid: u32,
}

/// CPU time in seconds, of all threads, also of those that have ended. Linux counts it in ticks of 10 ms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

/// `USER_HZ`, which Linux keeps at 100 towards programs on every architecture that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    pub(crate) fn cpu(&self) -> Result<Cpu, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        parse_stat(&stat).ok_or_else(|| "/proc/PID/stat is not as expected".into())
    }

    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        };
        // VmHWM does not exist everywhere.
        let now = bytes("VmRSS:").ok_or("/proc/PID/status has no VmRSS")?;
        Ok(Memory { now, peak: bytes("VmHWM:").unwrap_or(now) })
    }
}

fn parse_stat(stat: &str) -> Option<Cpu> {
    // The second field is the program's name in parentheses, and may hold anything; `utime` is the 14th, `stime` the next.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<u64>().ok()? as f64 / TICKS_PER_SECOND);
    Some(Cpu { user: seconds()?, system: seconds()? })
}

impl Cpu {
    pub(crate) fn since(self, before: Cpu) -> Cpu {
        Cpu { user: self.user - before.user, system: self.system - before.system }
    }

    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sum for Cpu {
    fn sum<I: Iterator<Item = Cpu>>(parts: I) -> Cpu {
        parts.fold(Cpu::default(), |sum, part| Cpu { user: sum.user + part.user, system: sum.system + part.system })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_program_name() {
        let stat = "42 (a) 1 (b c) S 1 42 42 0 -1 4194560 1000 0 0 0 250 75 0 0 20 0 4 0 100 1000000 500";
        assert_eq!(parse_stat(stat), Some(Cpu { user: 2.5, system: 0.75 }));
        assert_eq!(parse_stat("42 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = Process::new(std::process::id()).memory().unwrap();
        assert!(memory.now > 0 && memory.peak >= memory.now);
    }
}
