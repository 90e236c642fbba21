//! How workers come and go, and how the last one ends what is left.
//!
//! A runtime closes in steps. `Shared::set_closing` makes every spawn end its task at once and every worker
//! stop. Each worker then ends what it finds: its own queue, the injector, the idle tasks in the registry.
//! The last of them stays until the registry is empty: a task that is neither idle nor queued is on its way
//! from a waker to the injector, and arrives. Then it marks the scheduler drained, so that whoever still
//! queues a task (a spawn that looked before the closing) ends it himself, and looks at the injector once
//! more.

use super::roster::Leave;
use super::shared::Shared;
use super::worker::Worker;
use crate::task::{Token, leave_scopes};

impl Worker {
    /// Sits down: from here on others look for work here.
    pub(crate) fn arrive(&self) {
        self.seat().occupy(self.role());
        if self.shared().driver.timers().clock().is_paused() {
            self.shared().idle.pass();
        }
        self.shared().monitor.kick();
    }

    /// Runs tasks until the runtime closes.
    pub(crate) fn work(&self) {
        let shared = self.shared();
        while !shared.is_closing() {
            if let Some(token) = self.next().or_else(|| self.find_or_sleep()) {
                self.run(token);
            }
        }
    }

    /// Moves the tasks at hand to where others find them, and keeps no timer that was left: this worker may not come back for long.
    pub(crate) fn hand_over(&self) {
        self.timers().close();
        while let Some(token) = self.at_hand() {
            self.shared().inject(token);
        }
        self.seat().queued.set(0);
    }

    /// Leaves, or as the last worker of a runtime that closes completes the shutdown. Tasks at hand are
    /// ended if the runtime closes.
    pub(crate) fn retire(&self) {
        let shared = self.shared();
        // The thread may be the one that drops the runtime, or a guest, with task-locals of its own.
        let _out_of_scopes = leave_scopes();
        if shared.is_closing() {
            while self.end_some() {}
        }
        self.count_busy();
        self.timers().close();
        match shared.roster.leave() {
            Leave::Go => {
                self.seat().vacate();
                shared.leave_driver_to_others();
            }
            Leave::Last => {
                self.drain();
                self.timers().close();
                self.seat().vacate();
                shared.roster.set_drained();
            }
        }
    }

    /// Gives the seat back.
    pub(crate) fn depart(self) {
        let shared = self.shared().clone();
        let index = self.index();
        shared.roster.give_back(index, self.into_desk());
    }

    /// Ends every task of the runtime. Only the last worker calls this.
    pub(crate) fn drain(&self) {
        let shared = self.shared();
        loop {
            while self.end_some() {}
            if shared.registry.is_empty() {
                break;
            }
            // What is left was woken, and its token is not in a queue yet.
            self.await_token();
        }
        shared.idle.set_drained();
        // What was queued by those who did not see that in time.
        while self.end_some() {}
    }

    /// Ends what can be found. False if nothing was.
    fn end_some(&self) -> bool {
        let mut some = false;
        while let Some(token) = self.at_hand().or_else(|| self.pop_injected()) {
            self.end(token);
            some = true;
        }
        for token in self.shared().take_idle() {
            self.end(token);
            some = true;
        }
        some
    }

    fn end(&self, token: Token) {
        self.cancel(token);
        self.seat().stats.finished.add(1);
    }
}

impl Shared {
    /// Ends what waits and what is queued where everyone can reach it, on a thread without a seat.
    pub(super) fn end_from_outside(&self) {
        loop {
            self.sweep();
            let idle = self.take_idle();
            if idle.is_empty() {
                break;
            }
            for token in idle {
                self.cancel_outside(token);
            }
        }
        // The last worker may wait for what was ended here to leave the registry.
        self.idle.wake_all();
    }

    /// Takes every idle task from the registry, to be ended, and lets those who hold the others end them.
    fn take_idle(&self) -> Vec<Token> {
        let mut idle = Vec::new();
        self.registry.walk(|task, entry, _| idle.extend(Token::abort_idle(task, entry)), || {});
        idle
    }
}
