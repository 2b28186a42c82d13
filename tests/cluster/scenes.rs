//! What goes wrong between a registry and a pod: status names it, why leads to a command, and that command mends it.

mod broken;
mod drifted;
mod scene;
mod stopped;
mod under_way;
