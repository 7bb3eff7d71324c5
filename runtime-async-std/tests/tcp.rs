//! Sessions over real TCP on this machine.

#![cfg(any(feature = "async-std", feature = "smol"))]

#[path = "../../runtime/tests/over_tcp/mod.rs"]
mod over_tcp;

macro_rules! over_tcp {
    ($runtime:ty, $block_on:path) => {
        use super::over_tcp;
        use socket2::SockRef;

        #[test]
        fn a_message_crosses() {
            $block_on(over_tcp::a_message_crosses::<$runtime>());
        }

        #[test]
        fn a_refused_connection_is_given_up() {
            $block_on(over_tcp::a_refused_connection_is_given_up::<$runtime>());
        }

        #[test]
        fn a_name_without_address_is_given_up() {
            $block_on(over_tcp::a_name_without_address_is_given_up::<$runtime>());
        }

        #[test]
        fn both_ends_are_tuned() {
            $block_on(over_tcp::both_ends_are_tuned::<$runtime>(|stream| SockRef::from(stream)));
        }

        #[test]
        fn a_thousand_messages_at_once_cross_in_order() {
            $block_on(over_tcp::a_thousand_messages_at_once_cross_in_order::<$runtime>());
        }

        #[test]
        fn a_device_that_was_cut_off_dials_again() {
            $block_on(over_tcp::a_device_that_was_cut_off_dials_again::<$runtime>());
        }

        #[test]
        fn the_end_of_time_never_comes() {
            $block_on(over_tcp::the_end_of_time_never_comes::<$runtime>());
        }
    };
}

#[cfg(feature = "async-std")]
mod on_async_std {
    over_tcp!(cync_async_std::AsyncStd, async_std::task::block_on);
}

#[cfg(feature = "smol")]
mod on_smol {
    over_tcp!(cync_async_std::smol::Smol, smol::block_on);
}
