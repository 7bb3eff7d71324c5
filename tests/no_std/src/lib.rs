//! `cync-core` as firmware links it: without the standard library, without an allocator, with `panic = "abort"`.
//!
//! Nothing here runs. `check.sh` links two programs whose only roots are [`wire::CYNC_WIRE`] and [`api::CYNC_API`], throws away
//! what they do not reach, and looks at the symbols that are left. Every function takes what it works on from a [`Call`] of
//! which the compiler knows nothing, so that no check can be optimised away because of how a value came about.
#![no_std]
#![allow(unsafe_code, reason = "a C interface: pointers in, exported symbols out")]

pub mod api;
pub mod wire;

use core::ffi::c_void;
use core::panic::PanicInfo;
use cync_core::Instant;

unsafe extern "C" {
    /// Defined in `link.c`, out of the optimiser's sight: whatever can panic refers to it.
    fn cync_panicked() -> !;
}

#[panic_handler]
fn on_panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it takes nothing and does nothing.
    unsafe { cync_panicked() }
}

/// What a foreign caller hands over.
#[derive(Debug)]
#[repr(C)]
pub struct Call {
    object: *mut c_void,
    now: u64,
    input: *const u8,
    input_len: usize,
    out: *mut u8,
    out_len: usize,
}

/// A function of a table.
pub type Entry = extern "C" fn(&mut Call);

/// The parts of a [`Call`].
struct Parts<'a, T> {
    object: &'a mut T,
    now: Instant,
    input: &'a [u8],
    out: &'a mut [u8],
}

impl Call {
    fn parts<T>(&mut self) -> Parts<'_, T> {
        // SAFETY: a caller hands over a live `T` and two live buffers, which do not overlap.
        unsafe {
            Parts {
                object: &mut *self.object.cast(),
                now: Instant::from_micros(self.now),
                input: core::slice::from_raw_parts(self.input, self.input_len),
                out: core::slice::from_raw_parts_mut(self.out, self.out_len),
            }
        }
    }
}
