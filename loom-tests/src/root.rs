//! What the included sources expect at the root of their crate and no model runs: the types of the rooms that stay outside.

/// The executors, which no model has.
pub(crate) mod executor {
    use std::panic::Location;

    use crate::primitives::Arc;
    use crate::scheduler::Shared;
    use crate::task::JoinHandle;

    pub(crate) struct Executors;

    /// Named beside the task's own items, and not modelled.
    pub fn block_in_place<F, R>(f: F) -> R
    where
        F: FnOnce() -> R,
    {
        f()
    }

    impl Shared {
        pub(crate) fn spawn_blocking<F, T>(
            self: &Arc<Self>,
            _: F,
            _: Option<Box<str>>,
            _: &'static Location<'static>,
        ) -> JoinHandle<T> {
            unreachable!("no model has a blocking pool")
        }

        pub(crate) fn try_spawn_blocking<F, T>(
            self: &Arc<Self>,
            _: F,
            _: &'static Location<'static>,
        ) -> Result<JoinHandle<T>, windlass_blocking::TrySubmitError<F>> {
            unreachable!("no model has a blocking pool")
        }
    }
}

/// The handle of a runtime, which no model has.
pub(crate) mod runtime {
    use std::panic::Location;

    use crate::primitives::Arc;
    use crate::scheduler::Shared;
    use crate::task::{JoinHandle, Note, Party};

    /// Callbacks, which no model has.
    #[derive(Default)]
    pub(crate) struct Callbacks(());

    /// Those who are inside `block_on`, of whom no model keeps a list.
    #[derive(Default)]
    pub(crate) struct Roots(());

    /// One of them.
    pub(crate) enum Root {}

    impl Root {
        pub(crate) fn note(&self, _: Note) {
            match *self {}
        }

        pub(crate) fn enter_party(&self, _: &Arc<Party>) {
            match *self {}
        }
    }

    #[derive(Clone)]
    pub struct Handle(Arc<Shared>);

    impl Handle {
        pub(crate) fn shared(&self) -> &Arc<Shared> {
            &self.0
        }

        pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            self.0.spawn(future, None, Location::caller())
        }

        pub(crate) fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T> {
            self.0.spawn_blocking(f, None, Location::caller())
        }
    }

    pub(crate) fn in_runtime<T>(answer: Option<T>) -> T {
        answer.expect("a model spawns on the runtime it has in its hands")
    }
}
