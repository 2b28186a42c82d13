//! Automations of one branch that are due together go out together.

use harness::ControlPlane;
use harness::crowd::{Crowd, Size};

#[test]
fn all_that_are_due_go_out_with_one_fetch_and_one_push_and_every_commit_is_complete() {
    let size = Size {
        files: 1000,
        automations: 20,
    };
    let crowd = Crowd::start(ControlPlane::shared(), size);
    for tag in ["1.1.0", "1.2.0"] {
        let round = crowd.round(tag);
        assert_eq!((round.fetches, round.pushes), (1, 1), "{tag}");
        assert_eq!(round.commits, crowd.edits(), "{tag}");
        assert_eq!(crowd.marked_lines(tag), (40, 0));
    }
}
