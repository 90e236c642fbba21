//! A stand-in for crossbeam-deque inside loom models.
