//! 100 automations on one branch of 20,000 manifests, all due at once: one fetch, one push, 100 commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::branch::{self, CheckoutRef, Gates};
use engine::template::Template;
use futures::future::join_all;
use reconciler::git::Settings;
use reconciler::metrics::Metrics;
use reconciler::resources::ObjectKey;
use reconciler::update::{Message, Order, Scope};
use reconciler::writers::{Options, RemoteId, Task, Writers};
use tokio::runtime::Runtime;

use crate::fleet::Fleet;
use crate::table::Budget::AtMost;
use crate::table::times;
use crate::{timed, wanted};

const AUTOMATIONS: usize = 100;

pub(crate) fn measure(fleet: &Fleet) {
    fleet.repository.point("main", &fleet.start);
    let runtime = Runtime::new().expect("threads can be started");
    let url = fleet.http.url("fleet");
    let options = Options {
        quiet: Duration::from_millis(50),
        ..Options::default()
    };
    let metrics = Metrics::new("bench");
    let writers = Writers::new(None, options, runtime.handle().clone(), metrics)
        .expect("the temporary folder is writable");
    let id = RemoteId::new(&url, [], b"");
    let settings = || Settings::local(&url, None).expect("the URL is good");
    let writer = writers.writer(&id, settings).expect("the URL is good");
    let mut round = 0;
    let what = "100 automations due at once, 20,000 files, HTTP: 100 commits (first: clone)";
    times(what, 9, AtMost(5000.0), || {
        round += 1;
        let tag = format!("2.{round}.0");
        let all = (1..=AUTOMATIONS).map(|index| {
            let task = task(index, &fleet.image, &tag);
            writer.submit(move || task).done()
        });
        let (time, done) = timed(|| runtime.block_on(join_all(all)));
        let mut commits: Vec<_> = done
            .into_iter()
            .map(|done| done.expect("the server is there").commit)
            .collect();
        assert!(commits.iter().all(Option::is_some));
        commits.dedup();
        assert_eq!(commits.len(), AUTOMATIONS);
        time
    });
}

/// The task of an automation that looks after one directory, in which one file is stale.
fn task(index: usize, image: &str, tag: &str) -> Task {
    let checkout = CheckoutRef {
        branch: Some("main".into()),
        ..CheckoutRef::default()
    };
    let name = format!("automation{index}");
    Task {
        id: name.clone(),
        order: Order {
            automation: ObjectKey::new("flux-system", name),
            path: format!("clusters/c{}/ns{index}", index % 20),
            wanted: wanted("many", image, tag),
            scope: Scope::Own,
            message: Message {
                template: Template::parse("").map(Arc::new),
                values: BTreeMap::new(),
            },
            author: ("Bot".into(), "bot@example.org".into()),
            signer: None,
        },
        plan: branch::plan(Some(&checkout), None, Gates::default()).expect("the branch is named"),
        options: BTreeMap::new(),
        refspec: None,
        timeout: Duration::from_secs(60),
        last_push: None,
    }
}
