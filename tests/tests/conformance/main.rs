//! What a client, its drivers and its hub do, on every runtime alike: each behaviour runs on tokio with one thread and with
//! several, on async-std and on smol, over streams in memory and in virtual time, so that an hour passes at once and whatever
//! waits for nothing is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod runtimes;
mod sending;
mod stage;
mod talk;

/// A test of each behaviour on each runtime.
macro_rules! on_every_runtime {
    ($($subject:ident: $($behaviour:ident)*;)*) => {
        on_every_runtime! { @of tokio_current_thread $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of tokio_multi_thread $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of async_std $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of smol $($subject: $($behaviour)*;)* }
    };
    (@of $runtime:ident $($subject:ident: $($behaviour:ident)*;)*) => {
        mod $runtime {
            $(mod $subject {
                $(#[test]
                fn $behaviour() {
                    crate::runtimes::$runtime(crate::$subject::$behaviour);
                })*
            })*
        }
    };
}

on_every_runtime! {
    sending:
        a_message_is_executed_and_reported
        an_acknowledgement_of_a_played_peer_completes_a_send;
}
