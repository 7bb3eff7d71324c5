//! The names of one runtime.

/// Names what is generic over the runtime for one, in the package of that one: users never see the parameter.
#[macro_export]
macro_rules! names {
    ($runtime:ty) => {
        /// A session to talk to.
        pub type Client = $crate::Client<$runtime>;
        /// How a session is made.
        pub type Builder = $crate::Builder<$runtime>;
        /// A message on its way.
        pub type Sending<'a> = $crate::Sending<'a, $runtime>;
        /// A message that the session took.
        pub type Sent = $crate::Sent<$runtime>;
        /// What happens in a session.
        pub type Events = $crate::Events<$runtime>;
        /// The states of a session.
        pub type States = $crate::States<$runtime>;
        /// A TCP socket that devices dial.
        pub type Listener = $crate::Listener<$runtime>;
        /// A connection that greeted.
        pub type Accepted = $crate::Accepted<$runtime>;
        /// The sessions of those who dial in.
        pub type Hub = $crate::Hub<$runtime>;
        /// A connection that greeted a hub, and the session that it is for.
        pub type Admitted<IO> = $crate::Admitted<IO, $runtime>;
        /// A hub to be made, and how.
        pub type HubBuilder = $crate::HubBuilder<$runtime>;
    };
}
