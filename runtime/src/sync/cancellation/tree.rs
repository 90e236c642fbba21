//! The tree of tokens, under one lock.
//!
//! A node goes when its last token goes. Its children then belong to its parent, so a tree has as many nodes as there are tokens that can
//! tell each other apart, however deep it once was. A cancelled node and all below it are taken out of the tree: nothing can happen to
//! them any more. Wakers are called when the lock is free, and when every node below is marked.

use std::ptr;
use std::sync::Weak;

use slab::Slab;

use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::primitives::{Arc, Mutex};
use crate::sync::rounds::Rounds;

/// What the clones of a token share.
#[derive(Debug)]
pub(super) struct Node {
    /// Set under the lock of the tree.
    cancelled: AtomicBool,
    rounds: Rounds,
    tree: Arc<Tree>,
    /// Where its links are, as long as they are its own.
    place: usize,
}

#[derive(Debug)]
struct Tree(Mutex<Slab<Links>>);

#[derive(Debug)]
struct Links {
    /// Dead for the moment in which its node goes and waits for the lock.
    node: Weak<Node>,
    parent: Option<usize>,
    first_child: Option<usize>,
    previous: Option<usize>,
    next: Option<usize>,
}

impl Node {
    /// The root of a new tree.
    pub(super) fn root() -> Arc<Self> {
        let tree = Arc::new(Tree(Mutex::new(Slab::new())));
        let mut links = tree.0.lock();
        insert(&tree, &mut links, None)
    }

    pub(super) fn child(&self) -> Arc<Self> {
        let mut links = self.tree.0.lock();
        if self.is_cancelled() {
            let tree = Arc::clone(&self.tree);
            return Arc::new(Node {
                cancelled: AtomicBool::new(true),
                rounds: Rounds::new(),
                tree,
                place: usize::MAX,
            });
        }
        insert(&self.tree, &mut links, Some(self.place))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        // Acquire: pairs with the Release store in `cancel`, so that what was written before it is seen.
        self.cancelled.load(Ordering::Acquire)
    }

    pub(super) fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    pub(super) fn cancel(&self) {
        for node in self.mark() {
            node.rounds.wake_all();
        }
    }

    /// Takes this node and all below it out of the tree, marks them, and returns those that live.
    fn mark(&self) -> Vec<Arc<Node>> {
        let mut marked = Vec::new();
        if self.is_cancelled() {
            return marked;
        }
        let mut links = self.tree.0.lock();
        if self.is_cancelled() {
            return marked;
        }
        unlink(&mut links, self.place);
        let mut next = vec![self.place];
        while let Some(place) = next.pop() {
            let removed = links.remove(place);
            let mut child = removed.first_child;
            while let Some(place) = child {
                next.push(place);
                child = links[place].next;
            }
            if let Some(node) = removed.node.upgrade() {
                // Release: pairs with the Acquire load in `is_cancelled`.
                node.cancelled.store(true, Ordering::Release);
                marked.push(node);
            }
        }
        marked
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.is_cancelled() {
            return;
        }
        let mut links = self.tree.0.lock();
        // An ancestor that was cancelled while this waited for the lock has removed its links, and their place may be another's.
        if !links.get(self.place).is_some_and(|own| ptr::eq(own.node.as_ptr(), self)) {
            return;
        }
        unlink(&mut links, self.place);
        let own = links.remove(self.place);
        let mut child = own.first_child;
        while let Some(place) = child {
            child = links[place].next;
            link(&mut links, place, own.parent);
        }
    }
}

fn insert(tree: &Arc<Tree>, links: &mut Slab<Links>, parent: Option<usize>) -> Arc<Node> {
    let entry = links.vacant_entry();
    let place = entry.key();
    let cancelled = AtomicBool::new(false);
    let node = Arc::new(Node { cancelled, rounds: Rounds::new(), tree: Arc::clone(tree), place });
    entry.insert(Links {
        node: Arc::downgrade(&node),
        parent: None,
        first_child: None,
        previous: None,
        next: None,
    });
    link(links, place, parent);
    node
}

/// Makes a node the first child of another, or a root.
fn link(links: &mut Slab<Links>, place: usize, parent: Option<usize>) {
    let next = parent.and_then(|parent| links[parent].first_child.replace(place));
    if let Some(next) = next {
        links[next].previous = Some(place);
    }
    let own = &mut links[place];
    (own.parent, own.previous, own.next) = (parent, None, next);
}

/// Takes a node from among the children of its parent.
fn unlink(links: &mut Slab<Links>, place: usize) {
    let Links { parent, previous, next, .. } = links[place];
    if let Some(next) = next {
        links[next].previous = previous;
    }
    match (previous, parent) {
        (Some(previous), _) => links[previous].next = next,
        (None, Some(parent)) => links[parent].first_child = next,
        (None, None) => {}
    }
}
