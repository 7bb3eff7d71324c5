//! The runtimes that run a behaviour.

use crate::stage::{Executor, World};
use cync_runtime::testing::Task;
use std::future::Future;

pub(crate) fn tokio_current_thread<F: Future<Output = ()>>(behaviour: fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(run(|task| drop(tokio::spawn(task)), behaviour));
}

pub(crate) fn tokio_multi_thread<F: Future<Output = ()>>(behaviour: fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    runtime.block_on(run(|task| drop(tokio::spawn(task)), behaviour));
}

pub(crate) fn async_std<F: Future<Output = ()>>(behaviour: fn(World) -> F) {
    async_std::task::block_on(run(|task| drop(async_std::task::spawn(task)), behaviour));
}

pub(crate) fn smol<F: Future<Output = ()>>(behaviour: fn(World) -> F) {
    smol::block_on(run(|task| smol::spawn(task).detach(), behaviour));
}

async fn run<F: Future<Output = ()>>(spawn: fn(Task), behaviour: fn(World) -> F) {
    let world = World::new(Executor(spawn));
    world.run(behaviour(world.clone())).await;
}
