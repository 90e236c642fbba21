//! Cancelling by leaving a scope.

use std::mem;

use super::CancellationToken;

/// Cancels a token when it is dropped; see [`CancellationToken::drop_guard`].
///
/// # Examples
///
/// ```
/// use windlass::sync::CancellationToken;
///
/// let guard = CancellationToken::new().drop_guard();
/// let token = guard.token().clone();
/// drop(guard);
/// assert!(token.is_cancelled());
///
/// // All went well: nothing is to be cancelled.
/// let token = CancellationToken::new().drop_guard().disarm();
/// assert!(!token.is_cancelled());
/// ```
#[must_use = "the token is cancelled as soon as this is dropped"]
#[derive(Debug)]
pub struct DropGuard {
    /// `None` once it is disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token: Some(token) }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect("it is there until the guard goes")
    }

    /// Gives the token back and does not cancel it.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("it is there until the guard goes")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

/// Cancels a token when it is dropped; see [`CancellationToken::drop_guard_ref`].
///
/// # Examples
///
/// ```
/// use windlass::sync::CancellationToken;
///
/// let token = CancellationToken::new();
/// token.drop_guard_ref().disarm();
/// assert!(!token.is_cancelled());
/// {
///     let guard = token.drop_guard_ref();
///     assert!(!guard.token().is_cancelled());
/// }
/// assert!(token.is_cancelled());
/// ```
#[must_use = "the token is cancelled as soon as this is dropped"]
#[derive(Debug)]
pub struct DropGuardRef<'a> {
    token: &'a CancellationToken,
}

impl<'a> DropGuardRef<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token }
    }

    /// The token.
    pub fn token(&self) -> &CancellationToken {
        self.token
    }

    /// Gives the token back and does not cancel it.
    pub fn disarm(self) -> &'a CancellationToken {
        let token = self.token;
        mem::forget(self);
        token
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}
