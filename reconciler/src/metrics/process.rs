//! What the kernel says about this process.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks in a second, in which Linux tells user space the time a process took: part of its interface.
const TICKS: f64 = 100.0;

/// Reads memory and processor time when metrics are asked for, and says nothing where there is no `/proc`.
#[derive(Debug)]
pub(super) struct ThisProcess;

impl Collector for ThisProcess {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(bytes) = read("/proc/self/status", resident_bytes) {
            let name = "process_resident_memory_bytes";
            let help = "Resident memory size in bytes.";
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(bytes).encode(metric)?;
        }
        if let Some(seconds) = read("/proc/self/stat", processor_seconds) {
            let help = "Total user and system CPU time spent in seconds.";
            let name = "process_cpu_seconds";
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        Ok(())
    }
}

fn read<T>(path: &str, number: fn(&str) -> Option<T>) -> Option<T> {
    number(&fs::read_to_string(path).ok()?)
}

/// The line `VmRSS:   1234 kB` of a process's status.
fn resident_bytes(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The 14th and 15th field of a process's `stat`: ticks in user mode and in the kernel.
fn processor_seconds(stat: &str) -> Option<f64> {
    // The second field is the name of the program in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).take(2);
    let mut next = || ticks.next()?.parse::<u32>().ok().map(f64::from);
    Some((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\timgauto\nVmHWM:\t  9000 kB\nVmRSS:\t  8192 kB\nThreads:\t4\n";
        assert_eq!(resident_bytes(status), Some(8 << 20));
        assert_eq!(resident_bytes("Name:\ta kernel thread\n"), None);
    }

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 900 0 0 0 250 150 0 0 20 0 4 0";
        assert_eq!(processor_seconds(stat), Some(4.0));
        assert_eq!(processor_seconds("7 (cut) S 1"), None);
    }
}
