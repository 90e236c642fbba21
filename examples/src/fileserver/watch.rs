//! How far a connection has got, and when it is too slow.
//!
//! A connection has one timer, and no request sets it: when it fires, what happened meanwhile says until when to wait next.
//! No limit starts later than it is noticed, since the timer never waits longer than the shortest one.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use slab::Slab;

use super::heard::Heard;

/// How long an idle HTTP/1 connection is kept when the server stops, for a request that is on its way.
const LINGER: Duration = Duration::from_millis(250);

/// How long the rest of what a client sends is read after the connection's last answer.
const CLOSING: Duration = Duration::from_secs(1);

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For a request's head, or to be idle.
    pub(crate) header: Duration,
    /// For an answer, without progress.
    pub(crate) request: Duration,
}

/// What a connection does, seen by its socket, its requests and its timer.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The requests that are being answered.
    requests: Slab<Request>,
    /// The last one that has begun, until its stream is known.
    begun: Option<usize>,
    /// When the last answer ended, or the connection began.
    idle_since: Instant,
    /// When the socket last took something.
    written_at: Instant,
    /// Whether the socket takes nothing more.
    stalled: bool,
    /// What the client's bytes tell.
    heard: Heard,
    /// Whether something of the next request has come.
    head_begun: bool,
    /// Whether there was a request.
    asked: bool,
    /// Since when the server stops.
    draining_since: Option<Instant>,
    /// Whether the connection was told to finish.
    finishing: bool,
    /// Since when the client has been silent about that.
    unanswered_since: Option<Instant>,
    /// Since when only the client's end is waited for.
    closing_since: Option<Instant>,
}

#[derive(Debug)]
struct Request {
    /// When it last got on.
    at: Instant,
    /// Whether its stream is to end, while others go on.
    given_up: bool,
    /// Wakes its stream, on HTTP/2.
    waker: Option<Waker>,
}

/// What to do with a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again then.
    Until(Instant),
    /// The server stops, and nothing is under way: said once.
    Finish,
    /// The client is owed nothing, and does not end the connection.
    Over,
    TooSlow,
}

impl Watch {
    pub(crate) fn new(limits: Limits) -> Arc<Watch> {
        let now = Instant::now();
        let state = State {
            requests: Slab::new(),
            begun: None,
            idle_since: now,
            written_at: now,
            stalled: false,
            heard: Heard::new(),
            head_begun: false,
            asked: false,
            draining_since: None,
            finishing: false,
            unanswered_since: None,
            closing_since: None,
        };
        Arc::new(Watch { limits, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// A request's head is there, and perhaps a body behind it. The key is for what becomes of it.
    pub(crate) fn begin(&self, has_body: bool) -> usize {
        let mut state = self.state();
        state.asked = true;
        // What came along with it and is no end of a head is the beginning of another. With a body nobody can tell.
        state.head_begun = !has_body && !state.heard.ends_a_head();
        let key = state.requests.insert(Request { at: Instant::now(), given_up: false, waker: None });
        state.begun = Some(key);
        key
    }

    /// The request that has just begun, for its stream.
    pub(crate) fn take_begun(&self) -> Option<usize> {
        self.state().begun.take()
    }

    /// Whether a request's stream is to end. The waker is woken when it is.
    pub(crate) fn is_given_up(&self, request: usize, waker: &Waker) -> bool {
        let mut state = self.state();
        let Some(request) = state.requests.get_mut(request) else { return false };
        let is_known = request.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        let former = if is_known { None } else { request.waker.replace(waker.clone()) };
        let given_up = request.given_up;
        // What a waker does when it is dropped is the executor's business, and not for under the lock.
        drop(state);
        drop(former);
        given_up
    }

    /// A request has got on.
    pub(crate) fn progress(&self, request: usize) {
        if let Some(request) = self.state().requests.get_mut(request) {
            request.at = Instant::now();
        }
    }

    /// The answer of a request is written, or will not be.
    pub(crate) fn end(&self, request: usize) {
        let mut state = self.state();
        let ended = state.requests.try_remove(request);
        if ended.is_some() && state.requests.is_empty() {
            state.idle_since = Instant::now();
        }
        drop(state);
        drop(ended);
    }

    /// The client has sent something, or its end.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.heard.hear(bytes);
        state.unanswered_since = None;
        // While a request is answered, this is its body.
        state.head_begun |= state.requests.is_empty();
    }

    /// The socket has taken something.
    pub(crate) fn wrote(&self) {
        let mut state = self.state();
        state.written_at = Instant::now();
        state.stalled = false;
    }

    /// The socket takes nothing more.
    pub(crate) fn stalled(&self) {
        self.state().stalled = true;
    }

    /// The server stops.
    pub(crate) fn drain(&self) {
        self.state().draining_since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state().draining_since.is_some()
    }

    /// Everything is written, and the client knows.
    pub(crate) fn close(&self) {
        self.state().closing_since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state().closing_since.is_some()
    }

    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let mut state = self.state();
        if state.wants_to_finish(now) {
            state.finishing = true;
            state.unanswered_since = Some(now);
            return Verdict::Finish;
        }
        let mut deadline = state.deadline(self.limits);
        let mut given_up = Vec::new();
        if deadline <= now {
            if state.is_over() {
                return Verdict::Over;
            }
            given_up = state.give_up(now, self.limits);
            if given_up.is_empty() {
                return Verdict::TooSlow;
            }
            deadline = state.deadline(self.limits);
        }
        let soonest = self.limits.header.min(self.limits.request);
        let mut until = deadline.min(now + soonest);
        if state.draining_since.is_some() {
            until = until.min(now + LINGER);
        }
        drop(state);
        given_up.into_iter().for_each(Waker::wake);
        Verdict::Until(until)
    }
}

impl State {
    /// Whether requests are of HTTP/2, and so share the socket.
    fn is_multiplexed(&self) -> bool {
        self.heard.is_http2()
    }

    fn deadline(&self, limits: Limits) -> Instant {
        if let Some(since) = self.closing_since.or_else(|| self.lost_since()) {
            return since + CLOSING.min(limits.request);
        }
        if let Some(oldest) = self.requests.iter().map(|(_, request)| request.at).min() {
            // On HTTP/1 what the socket takes is the one answer.
            let at = if self.is_multiplexed() { oldest } else { oldest.max(self.written_at) };
            return at + limits.request;
        }
        if self.is_multiplexed() {
            // The end of an answer may still be on its way, and what is written may be an answer to a ping.
            let answer = if self.asked { limits.request } else { Duration::ZERO };
            self.idle_since + answer + limits.header
        } else if self.stalled {
            self.written_at + limits.request
        } else {
            self.idle_since.max(self.written_at) + limits.header
        }
    }

    /// Gives up the requests that do not get on, if others do, and returns what wakes their streams. Each has its limit once
    /// more, in which to go.
    #[cold]
    fn give_up(&mut self, now: Instant, limits: Limits) -> Vec<Waker> {
        let is_stuck = |request: &Request| request.at + limits.request <= now;
        let gets_on = self.requests.iter().any(|(_, request)| !is_stuck(request));
        let stuck = self.requests.iter_mut().map(|(_, request)| request).filter(|request| is_stuck(request));
        let wakers = stuck.filter(|_| gets_on).filter_map(|request| {
            request.at = now;
            // A stream that did not go the last time is no reason to wait again.
            (!std::mem::replace(&mut request.given_up, true)).then(|| request.waker.take()).flatten()
        });
        wakers.collect()
    }

    /// Since when a client of HTTP/2 that has its answers is silent, though it was told that the server stops, and asked
    /// whether it knows.
    fn lost_since(&self) -> Option<Instant> {
        let waits = self.is_multiplexed() && self.requests.is_empty() && !self.stalled;
        self.unanswered_since.filter(|_| waits).map(|since| since.max(self.idle_since))
    }

    fn is_over(&self) -> bool {
        self.closing_since.is_some() || self.lost_since().is_some()
    }

    /// HTTP/2 tells a client at once which requests will be answered. On HTTP/1 an answer says that it is the last, so a
    /// request that is under way gets one first.
    fn wants_to_finish(&self, now: Instant) -> bool {
        let Some(draining_since) = self.draining_since else { return false };
        let since = draining_since.max(self.idle_since).max(self.written_at);
        let quiet = self.requests.is_empty() && !self.head_begun && !self.stalled && now >= since + LINGER;
        !self.finishing && self.closing_since.is_none() && (self.is_multiplexed() || quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::super::heard::PREFACE;
    use super::*;

    const HEADER: Duration = Duration::from_secs(5);
    const REQUEST: Duration = Duration::from_secs(20);

    fn watch() -> (Arc<Watch>, Instant) {
        let watch = Watch::new(Limits { header: HEADER, request: REQUEST });
        let begin = watch.state().idle_since;
        (watch, begin)
    }

    #[test]
    fn an_idle_client_and_a_slow_head() {
        let (watch, begin) = watch();
        assert_eq!(watch.verdict(begin), Verdict::Until(begin + HEADER));
        watch.read(b"GET");
        assert_eq!(watch.verdict(begin + HEADER), Verdict::TooSlow);
    }

    #[test]
    fn an_answer_that_is_not_read() {
        let (watch, begin) = watch();
        let request = watch.begin(false);
        assert!(matches!(watch.verdict(begin + HEADER), Verdict::Until(_)));
        watch.state().requests[request].at = begin;
        watch.state().written_at = begin + HEADER;
        assert!(matches!(watch.verdict(begin + REQUEST), Verdict::Until(_)), "the socket took something");
        assert_eq!(watch.verdict(begin + HEADER + REQUEST), Verdict::TooSlow);
        // All of it is handed to the socket's buffer, which stays full.
        watch.stalled();
        watch.end(request);
        watch.state().idle_since = begin;
        assert!(matches!(watch.verdict(begin + REQUEST), Verdict::Until(_)));
        assert_eq!(watch.verdict(begin + HEADER + REQUEST), Verdict::TooSlow);
    }

    #[test]
    fn one_of_many_answers_that_is_not_read() {
        let (watch, begin) = watch();
        watch.read(PREFACE);
        let [stuck, other] = [(); 2].map(|()| {
            let request = watch.begin(false);
            assert_eq!(watch.take_begun(), Some(request));
            assert!(!watch.is_given_up(request, Waker::noop()));
            request
        });
        let late = begin + REQUEST;
        watch.state().requests[stuck].at = begin;
        watch.state().requests[other].at = begin + HEADER;
        assert!(matches!(watch.verdict(late), Verdict::Until(_)), "the other gets on");
        assert!(watch.is_given_up(stuck, Waker::noop()) && !watch.is_given_up(other, Waker::noop()));
        assert_eq!(
            watch.verdict(late + HEADER),
            Verdict::Until(late + 2 * HEADER),
            "the first has gone, or will"
        );
        watch.end(stuck);
        watch.state().requests[other].at = begin;
        assert_eq!(watch.verdict(late), Verdict::TooSlow, "none gets on");
    }

    #[test]
    fn stopping() {
        let (watch, begin) = watch();
        let request = watch.begin(false);
        watch.drain();
        let late = begin + REQUEST / 2;
        assert!(matches!(watch.verdict(late), Verdict::Until(_)), "a request is under way");
        watch.end(request);
        let idle_since = watch.state().idle_since;
        assert!(matches!(watch.verdict(idle_since), Verdict::Until(_)), "the next may be on its way");
        watch.read(b"GET");
        assert!(matches!(watch.verdict(begin + HEADER / 2), Verdict::Until(_)), "it is");
        watch.read(b" / HTTP/1.1\r\n\r\n");
        let last = watch.begin(false);
        watch.end(last);
        assert_eq!(watch.verdict(late), Verdict::Finish);
        assert!(matches!(watch.verdict(begin + HEADER / 2), Verdict::Until(_)), "it is told once");
        watch.close();
        assert_eq!(watch.verdict(late), Verdict::Over);
    }

    #[test]
    fn stopping_with_many_answers() {
        let (watch, begin) = watch();
        watch.read(PREFACE);
        watch.begin(false);
        watch.drain();
        assert_eq!(watch.verdict(begin), Verdict::Finish);
        assert_eq!(
            watch.verdict(begin + REQUEST / 2),
            Verdict::Until(begin + REQUEST / 2 + LINGER),
            "it has its limit"
        );
    }

    #[test]
    fn stopping_before_the_first_request() {
        let (watch, begin) = watch();
        watch.read(&PREFACE[..10]);
        watch.drain();
        assert!(matches!(watch.verdict(begin), Verdict::Until(_)), "it may be anything");
        watch.read(&PREFACE[10..]);
        let told = begin + LINGER;
        assert_eq!(watch.verdict(told), Verdict::Finish);
        assert!(matches!(watch.verdict(told + CLOSING / 2), Verdict::Until(_)));
        assert_eq!(watch.verdict(told + CLOSING), Verdict::Over, "the client is lost");
        watch.read(b"pong");
        assert!(matches!(watch.verdict(told + CLOSING), Verdict::Until(_)), "it is there");
        assert_eq!(watch.verdict(begin + HEADER), Verdict::TooSlow);
    }

    #[test]
    fn stopping_amid_a_request_that_came_along() {
        for (bytes, has_body, begun) in [
            ("GET / HTTP/1.1\r\n\r\n", false, false),
            ("GET / HTTP/1.1\r\n\r\nGET", false, true),
            ("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", true, false),
        ] {
            let (watch, _) = watch();
            watch.read(bytes.as_bytes());
            let request = watch.begin(has_body);
            watch.end(request);
            watch.drain();
            let later = Instant::now() + LINGER;
            assert_eq!(watch.verdict(later) != Verdict::Finish, begun, "{bytes}");
        }
    }
}
