//! One step, done for every login.

use std::sync::{Arc, Mutex, PoisonError};

use postern_lab::client::client;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::Failure;
use crate::process::{Cpu, Process};
use crate::system::Stopwatch;

/// What a step took.
pub(crate) struct Phase {
    pub(crate) name: Arc<str>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// What the server's process spent meanwhile.
    pub(crate) cpu: Option<Cpu>,
    /// Of every request, ascending, in seconds.
    durations: Vec<f64>,
}

impl Phase {
    pub(crate) fn count(&self) -> usize {
        self.durations.len()
    }

    /// The duration that `percent` of the requests did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.durations.len() * percent).div_ceil(100).max(1);
        self.durations.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Does `step` for each of `items`, `workers` at a time, each worker with a client of its own. The first failure ends it:
/// figures of logins that fail are worth nothing. The results are in the order of the items.
pub(crate) async fn run<I, O, F>(
    name: impl Into<Arc<str>>,
    items: Vec<I>,
    workers: usize,
    process: Option<&Process>,
    step: impl Fn(Client, I) -> F + Clone + Send + 'static,
) -> Result<(Vec<O>, Phase), Failure>
where
    I: Send + 'static,
    O: Send + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let (name, count) = (name.into(), items.len());
    let queue = Arc::new(Mutex::new(items.into_iter().enumerate()));
    let before = process.map(Process::cpu).transpose()?;
    let watch = Stopwatch::start();
    let mut set = JoinSet::new();
    for _ in 0..workers {
        let (name, queue, step, client) = (name.clone(), queue.clone(), step.clone(), client()?);
        set.spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((number, item)) = next else { return Ok::<_, Failure>(done) };
                let watch = Stopwatch::start();
                let result = step(client.clone(), item).await.map_err(|error| format!("{name}: {error}"))?;
                done.push((number, watch.seconds(), result));
            }
        });
    }
    let mut done = Vec::with_capacity(count);
    while let Some(worker) = set.join_next().await {
        done.extend(worker??);
    }
    let seconds = watch.seconds();
    let cpu = match (process, before) {
        (Some(process), Some(before)) => Some(process.cpu()?.since(before)),
        _ => None,
    };
    done.sort_by_key(|(number, ..)| *number);
    let mut durations: Vec<_> = done.iter().map(|(_, seconds, _)| *seconds).collect();
    durations.sort_by(f64::total_cmp);
    let results = done.into_iter().map(|(.., result)| result).collect();
    Ok((results, Phase { name, seconds, cpu, durations }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_occurred() {
        let phase =
            |durations: &[f64]| Phase { name: "".into(), seconds: 0.0, cpu: None, durations: durations.to_vec() };
        let hundred: Vec<_> = (1..=100).map(f64::from).collect();
        assert_eq!([50, 99, 100].map(|percent| phase(&hundred).percentile(percent)), [50.0, 99.0, 100.0]);
        assert_eq!([50, 99, 100].map(|percent| phase(&[1.0, 2.0]).percentile(percent)), [1.0, 2.0, 2.0]);
        assert_eq!(phase(&[]).percentile(50), 0.0);
    }

    #[tokio::test]
    async fn every_item_is_done_once_in_order_and_a_failure_ends_the_phase() {
        let (results, phase) =
            run("double", (0..100).collect(), 3, None, async |_, item: i32| Ok(item * 2)).await.unwrap();
        assert_eq!(results, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(phase.count(), 100);
        let failing =
            run("fail", vec![1, 2], 1, None, async |_, item: i32| if item == 2 { Err("no".into()) } else { Ok(()) });
        assert_eq!(failing.await.err().unwrap().to_string(), "fail: no");
    }
}
