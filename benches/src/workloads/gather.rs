//! Many tasks that are ready at once, spawned and waited for together.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{MeetingWorkload, Prepared, build};
use crate::meeting::Meeting;
use crate::runtime::Flavor;

/// Their outputs are wanted, in order.
pub struct Gather {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: u64,
}

impl MeetingWorkload for Gather {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks
    }

    fn prepare<R: Meeting>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor);
        Prepared::new(move || {
            let outputs = runtime.block_on(R::gather((0..tasks).map(|task| async move { task })));
            (0..tasks).zip(outputs).filter(|(task, output)| task == output).count() as u64
        })
    }
}

/// They are a group, and count themselves.
pub struct Group {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: u64,
}

impl MeetingWorkload for Group {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks
    }

    fn prepare<R: Meeting>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor);
        let ran: &AtomicU64 = Box::leak(Box::default());
        Prepared::new(move || {
            runtime.block_on(R::group((0..tasks).map(|_| async {
                ran.fetch_add(1, Relaxed);
                Ok(())
            })));
            ran.swap(0, Relaxed)
        })
    }
}
