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
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0_u32;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kibibytes.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("the child is ours") {
            assert!(status.success(), "{command:?}: {status}");
            return f64::from(peak) * 1024.0;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn silent(command: &mut Command) {
    command.stdout(Stdio::null()).stderr(Stdio::null());
}
