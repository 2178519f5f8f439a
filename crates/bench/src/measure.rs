//! Measuring: contenders in turn, many rounds, medians.
//!
//! Machines drift, so contenders run interleaved, round by round, in an order
//! that changes, and the figure of each is the median of its rounds. A ratio is
//! the median of the rounds' ratios, so that a slow spell hits both sides.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// What a round runs: a number of operations, and a sum so that none is optimised away.
pub type Work<'a> = Box<dyn Fn(usize) -> u64 + Sync + 'a>;

/// One of those compared.
pub struct Contender<'a> {
    /// Its name.
    pub name: &'static str,
    /// Runs all of thread `n`'s operations once.
    pub work: Work<'a>,
}

/// Makes a contender.
pub fn contender<'a>(name: &'static str, work: impl Fn(usize) -> u64 + Sync + 'a) -> Contender<'a> {
    Contender {
        name,
        work: Box::new(work),
    }
}

/// What came out for one contender.
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Nanoseconds an operation, of one thread.
    pub ns: f64,
    /// The first contender's time over this one's, the median of the rounds.
    pub first_over_this: f64,
}

/// Runs the contenders on `threads` threads, each doing `operations` a round.
pub fn compare(
    rounds: usize,
    threads: usize,
    operations: usize,
    contenders: &[Contender<'_>],
) -> Vec<Figure> {
    let mut times: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for turn in 0..contenders.len() {
            let which = (turn + round) % contenders.len();
            // Once for caches and branch predictors, which the one before has filled with its own.
            run(&contenders[which].work, threads);
            let spent = run(&contenders[which].work, threads);
            // In the first round memory is touched, and pages are made.
            if round > 0 {
                times[which].push(spent.as_nanos() as f64 / operations as f64);
            }
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    contenders
        .iter()
        .zip(&times)
        .map(|(contender, times)| {
            let ratios: Vec<f64> = first.iter().zip(times).map(|(a, b)| a / b).collect();
            Figure {
                name: contender.name,
                ns: median(times),
                first_over_this: median(&ratios),
            }
        })
        .collect()
}

fn run(work: &Work<'_>, threads: usize) -> Duration {
    if threads == 1 {
        let start = Instant::now();
        black_box(work(0));
        return start.elapsed();
    }
    let barrier = Barrier::new(threads);
    let spent = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let start = Instant::now();
                    black_box(work(thread));
                    start.elapsed()
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_default())
            .max()
    });
    spent.unwrap_or_default()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => (sorted[len / 2 - 1] + sorted[len / 2]) / 2.0,
    }
}

/// A sequence that visits `0..count` in an order without pattern, the same in every run.
pub fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut keys: Vec<u32> = (0..count).collect();
    let mut state = seed | 1;
    for last in (1..keys.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        keys.swap(last, (state % (last as u64 + 1)) as usize);
    }
    keys
}
