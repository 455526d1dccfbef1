//! An engine's thread: what it forgets, whom it waits for, and that a panic does not end it.

#![allow(clippy::panic, missing_docs)]

mod common;

use std::sync::mpsc::{Receiver, channel};

use common::{TestResult, plain_lstm, seeded, small_batch, small_config};
use zoetrope_core::{Engine, Error, Meter, OptimizerConfig, Result, Worker};

/// Where a job reports.
fn report<T: Send + 'static>() -> (impl FnOnce(Result<T>) + Send + 'static, Receiver<Result<T>>) {
    let (sender, receiver) = channel();
    (move |ended| sender.send(ended).unwrap_or(()), receiver)
}

fn engine() -> TestResult<Engine> {
    let engine = Engine::spawn()?;
    let config = small_config(&plain_lstm())?;
    let build = move || {
        seeded(&config, 1).map_err(|error| Error::Internal {
            reason: error.to_string(),
        })
    };
    let (done, outcome) = report();
    engine.build(build, |_model| (), done);
    outcome.recv()??;
    Ok(engine)
}

/// Does a job and waits for it.
fn run<T: Send + 'static>(
    engine: &Engine,
    job: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
) -> TestResult<T> {
    let (done, ended) = report();
    engine.submit(job, done);
    Ok(ended.recv()??)
}

#[test]
fn the_state_of_an_optimizer_goes_when_it_is_forgotten() -> TestResult {
    let engine = engine()?;
    let batch = || small_batch(4, 3, Some(2));
    for id in 0..5 {
        let batch = batch()?;
        run(&engine, move |worker| {
            let (model, optimizer) = worker.with_optimizer(id, OptimizerConfig::adam())?;
            model.train_step(&batch, optimizer, &mut Meter::new()).map(drop)
        })?;
    }
    assert_eq!(run(&engine, |worker| Ok(worker.optimizer_count()))?, 5);
    for id in [0, 1, 3, 17] {
        engine.forget_optimizer(id);
    }
    assert_eq!(run(&engine, |worker| Ok(worker.optimizer_count()))?, 2);
    Ok(())
}

#[test]
fn forgetting_takes_no_job_its_place() -> TestResult {
    let engine = engine()?;
    let (release, released) = channel::<()>();
    let (done, _first) = report();
    engine.submit(move |_worker| Ok(released.recv().is_ok()), done);
    (0..100).for_each(|id| engine.forget_optimizer(id));
    let (done, second) = report();
    engine.submit(|_worker| Ok(()), done);
    release.send(())?;
    second.recv()??;
    Ok(())
}

#[test]
fn shutting_down_does_not_wait_for_a_job_on_a_file() -> TestResult {
    let engine = engine()?;
    let ((begin, has_begun), (release, released)) = (channel(), channel::<()>());
    let (done, read) = report();
    let job = move |_worker: &mut Worker| {
        begin.send(()).ok();
        Ok(released.recv().is_ok())
    };
    engine.submit_detached(job, done);
    has_begun.recv()?;
    let (done, waiting) = report();
    engine.submit(|_worker| Ok(()), done);
    engine.closer().shut_down(); //                      for ever, if it waited
    assert!(matches!(waiting.recv()?, Err(Error::Disposed)));
    release.send(())?;
    assert!(read.recv()??, "the job goes on by itself");
    let (done, ended) = channel();
    engine.dispose(move || done.send(()).unwrap_or(()));
    ended.recv()?;
    assert!(engine.closer().is_done() || engine.is_disposed());
    Ok(())
}

#[test]
fn a_report_that_panics_does_not_end_the_thread() -> TestResult {
    let engine = engine()?;
    engine.submit(|_worker| Ok(()), |_ended| std::panic::panic_any("on purpose"));
    assert_eq!(run(&engine, |worker| Ok(worker.optimizer_count()))?, 0);
    Ok(())
}
