//! Task-locals on their way to another thread.
//!
//! Each scope of a task-local that this thread is in is on its stack, linked to the one around it, so that
//! their values can be cloned for a thread that goes on in the caller's place.

use std::marker::PhantomData;
use std::mem;
use std::ptr;

use super::task_local::LocalKey;
use crate::context;

/// A scope of a task-local that this thread is in.
pub(crate) struct Scope {
    key: &'static dyn Key,
    outer: *const Scope,
}

/// A task-local whose type is forgotten.
trait Key {
    fn carry(&'static self) -> Option<Box<dyn CarriedLocal>>;
    fn is_borrowed(&self) -> bool;
    fn set_aside(&'static self) -> Box<dyn Aside>;
}

/// A task-local's value while it is not set; its drop sets it again.
trait Aside {}

impl<T> Key for LocalKey<T> {
    fn carry(&'static self) -> Option<Box<dyn CarriedLocal>> {
        self.carry_fn().and_then(|carry| carry(self))
    }

    fn is_borrowed(&self) -> bool {
        LocalKey::is_borrowed(self)
    }

    fn set_aside(&'static self) -> Box<dyn Aside> {
        let mut value = None;
        self.swap(&mut value);
        Box::new(SetAside { key: self, value })
    }
}

struct SetAside<T: 'static> {
    key: &'static LocalKey<T>,
    value: Option<T>,
}

impl<T> Aside for SetAside<T> {}

impl<T> Drop for SetAside<T> {
    fn drop(&mut self) {
        if self.value.is_some() {
            self.key.swap(&mut self.value);
        }
    }
}

/// Calls `f` as inside a scope of `key`.
pub(super) fn in_scope<T, R>(key: &'static LocalKey<T>, f: impl FnOnce() -> R) -> R {
    struct Leave(*const Scope);
    impl Drop for Leave {
        fn drop(&mut self) {
            context::replace_scope(self.0);
        }
    }
    let mut scope = Scope { key, outer: ptr::null() };
    scope.outer = context::scope();
    context::replace_scope(&raw const scope);
    let _leave = Leave(scope.outer);
    f()
}

/// A clone of a task-local's value, and where it belongs.
#[doc(hidden)]
pub trait CarriedLocal: Send {
    /// Calls `f` with the task-local set to the value.
    fn enter(self: Box<Self>, f: &mut dyn FnMut());
}

struct Carried<T: 'static> {
    key: &'static LocalKey<T>,
    value: T,
}

impl<T: Send> CarriedLocal for Carried<T> {
    fn enter(self: Box<Self>, f: &mut dyn FnMut()) {
        self.key.sync_scope(self.value, f);
    }
}

/// How a task-local is carried: a clone of its value, if it is set.
#[doc(hidden)]
pub type CarryFn<T> = fn(&'static LocalKey<T>) -> Option<Box<dyn CarriedLocal>>;

/// Finds out, for the type that `task_local!` names, whether its values can be carried: an associated constant
/// of the type itself, which only some types have, goes before one of a trait that all have.
#[doc(hidden)]
#[derive(Debug)]
pub struct Carry<T>(PhantomData<T>);

impl<T: Clone + Send + 'static> Carry<T> {
    /// The value is cloned.
    pub const HOW: Option<CarryFn<T>> = Some(|key| {
        let value = key.try_get().ok()?;
        Some(Box::new(Carried { key, value }))
    });
}

#[doc(hidden)]
pub trait NotCarried {
    /// The value stays where it is.
    const HOW: Option<CarryFn<Self::Value>> = None;
    type Value: 'static;
}

impl<T: 'static> NotCarried for Carry<T> {
    type Value = T;
}

/// The keys of the scopes that this thread is in. Of two scopes of one key only the inner one's value is set, so
/// each is there once.
fn keys_in_scope() -> Vec<&'static dyn Key> {
    let mut keys: Vec<&'static dyn Key> = Vec::new();
    let mut at = context::scope();
    // SAFETY: a scope is on this thread's stack as long as it is reached from the innermost one.
    while let Some(scope) = unsafe { at.as_ref() } {
        if !keys.iter().any(|&key| ptr::addr_eq(key, scope.key)) {
            keys.push(scope.key);
        }
        at = scope.outer;
    }
    keys
}

/// Whether the running code looks at a task-local, which [`leave_scopes`] would leave where it is.
pub(crate) fn borrows_a_local() -> bool {
    keys_in_scope().into_iter().any(Key::is_borrowed)
}

/// Takes this thread out of every scope until the guard is dropped: what runs then, on top of the stack of someone
/// who waits in a scope, has nothing to do with it. (But what is borrowed stays where it is.)
#[must_use]
pub(crate) fn leave_scopes() -> Option<OutOfScopes> {
    let scope = context::scope();
    if scope.is_null() {
        return None;
    }
    let values = keys_in_scope().into_iter().map(|key| key.set_aside()).collect();
    context::replace_scope(ptr::null());
    Some(OutOfScopes { scope, _values: values })
}

/// See [`leave_scopes`].
pub(crate) struct OutOfScopes {
    scope: *const Scope,
    _values: Vec<Box<dyn Aside>>,
}

impl Drop for OutOfScopes {
    fn drop(&mut self) {
        context::replace_scope(self.scope);
    }
}

/// Clones of the task-locals that are set where they were taken.
pub(crate) struct CarriedLocals(Vec<Box<dyn CarriedLocal>>);

impl CarriedLocals {
    /// Those of the running code.
    pub(crate) fn of_caller() -> Self {
        Self(keys_in_scope().into_iter().filter_map(|key| key.carry()).collect())
    }

    /// Whether none is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `f` with them set.
    pub(crate) fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        let mut f = Some(f);
        let mut result = None;
        enter_all(self.0, &mut || result = f.take().map(|f| f()));
        result.expect("entering calls the function once")
    }
}

fn enter_all(mut locals: Vec<Box<dyn CarriedLocal>>, f: &mut dyn FnMut()) {
    match locals.pop() {
        None => f(),
        Some(local) => local.enter(&mut || enter_all(mem::take(&mut locals), f)),
    }
}
