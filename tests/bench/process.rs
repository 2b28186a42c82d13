//! Programs as users run them: how long they take, and how much memory.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::timed;

/// Runs a command to its end and returns the time that takes.
pub(crate) fn time(command: &mut Command) -> Duration {
    silent(command);
    let (time, status) = timed(|| command.status().expect("the program starts"));
    assert!(status.success(), "{command:?}: {status}");
    time
}

/// Runs a command to its end and returns its peak of resident memory in bytes.
///
/// The peak is asked for again and again, which costs the command some time.
pub(crate) fn peak_memory(command: &mut Command) -> f64 {
    silent(command);
    let mut child = command.spawn().expect("the program starts");
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(memory(child.id(), "VmHWM:").unwrap_or_default());
        if let Some(status) = child.try_wait().expect("the child is ours") {
            assert!(status.success(), "{command:?}: {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Returns the resident memory of a process in bytes: as it is, and the peak so far.
pub(crate) fn resident_memory(process: u32) -> [f64; 2] {
    ["VmRSS:", "VmHWM:"].map(|what| memory(process, what).expect("the process runs"))
}

/// Returns how long a process has used processor cores so far, all its threads together.
pub(crate) fn processor_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let times = threads.map(|thread| {
        let path = thread.expect("the folder can be read").path();
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        let nanoseconds = text
            .split_whitespace()
            .next()
            .and_then(|text| text.parse().ok());
        Duration::from_nanos(nanoseconds.expect("the kernel keeps count"))
    });
    times.sum()
}

/// Confines a process with all its threads to some cores, as `taskset` names them.
pub(crate) fn pin(process: u32, cores: &str) {
    let mut taskset = Command::new("taskset");
    taskset.args([
        "--all-tasks",
        "--cpu-list",
        "--pid",
        cores,
        &process.to_string(),
    ]);
    time(&mut taskset);
}

/// One line of what the kernel says about a process, in bytes.
fn memory(process: u32, what: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(what))?;
    let kibibytes: u32 = line.split_whitespace().next()?.parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

fn silent(command: &mut Command) {
    command.stdout(Stdio::null()).stderr(Stdio::null());
}
