//! `verify --wait`: looks again whenever something changed, until there is an answer.

use std::time::{Duration, Instant};

use super::telling::{Teller, because, place};
use super::verdict::{Hope, Verdict};
use super::{Answer, Gate, Seen};
use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::error::CliError;
use crate::session::Session;

/// How long a failed look is let rest.
const RETRY: Duration = Duration::from_secs(2);

/// Waits until everything is as expected, or nothing but a person can change what is not.
pub(super) fn wait(
    cluster: &Cluster,
    gate: &Gate,
    limit: Duration,
    teller: &mut Teller,
    session: &mut Session<'_>,
) -> Result<Seen, CliError> {
    let mut last = None;
    let waited = cluster.run(async {
        let waiting = look_again(cluster, gate, teller, &mut last, session);
        Ok(tokio::time::timeout(limit, waiting).await)
    })?;
    match waited {
        Ok(seen) => seen,
        Err(_) => Err(late(last.as_ref())),
    }
}

async fn look_again(
    cluster: &Cluster,
    gate: &Gate,
    teller: &mut Teller,
    last: &mut Option<Seen>,
    session: &mut Session<'_>,
) -> Result<Seen, CliError> {
    let changes = Changes::begin(&cluster.client, gate.scope.namespace()).await;
    loop {
        let began = Instant::now();
        let seen = match gate.look(cluster).await {
            Ok(seen) => seen,
            Err(error) if last.is_none() => return Err(error),
            // A server that is away for a while comes back.
            Err(error) => {
                session.warn(error.headline());
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let look = began.elapsed();
        let answers = seen.answers();
        if is_over(&answers) {
            return Ok(seen);
        }
        teller.tell(&answers, session);
        *last = Some(seen);
        changes.next(look).await;
    }
}

/// Whether waiting is over: everything is as expected, or something will not be.
fn is_over(answers: &[Answer<'_>]) -> bool {
    let all_equal = answers
        .iter()
        .all(|answer| answer.verdict == Verdict::Equal);
    all_equal
        || answers
            .iter()
            .any(|answer| answer.verdict.hope() == Hope::Lost)
}

/// Says what did not come in time.
fn late(last: Option<&Seen>) -> CliError {
    let Some(seen) = last else {
        return CliError::timed_out("the API server did not answer in time");
    };
    let unequal = seen.answers().into_iter().filter_map(|answer| {
        let (Verdict::Different { text, .. } | Verdict::Unknown { text, .. }) = &answer.verdict
        else {
            return None;
        };
        let place = place(&answer);
        let error = CliError::timed_out(format!("{place}: timed out, {text}{}", because(&answer)));
        Some(match &answer.row.next {
            Some(step) => error.next(step.clone()),
            None => error,
        })
    });
    match CliError::all(unequal.collect()) {
        Err(error) => error,
        Ok(()) => CliError::timed_out("the API server did not answer in time"),
    }
}
