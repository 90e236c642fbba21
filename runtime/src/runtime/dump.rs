//! What a runtime's tasks wait for, as a tree.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::panic::Location;

use super::roots::Root;
use crate::primitives::Arc;
use crate::scheduler::Shared;
use crate::task::{AllTasks, Awaited, Id, Place, TaskInfo, TaskState, Waits};

/// The live tasks of a runtime and what they wait for, as they were when somebody asked; see [`Handle::dump`](super::Handle::dump).
///
/// It prints as a tree: at the left the futures that `block_on` was called with, and the tasks that no other awaits; under
/// each the tasks that it awaits. A task that several await is shown under the first, and named under the others, as is one that
/// awaits itself in the end, which is marked as a cycle: it will wait for ever.
///
/// What it knows of a task is what [`TaskInfo`] says. What a task waits for is known of everything in this crate. A task that
/// waits for something of another crate's "waits for something else".
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
/// rt.block_on(async {
///     let sleeper = windlass::spawn(windlass::time::sleep(std::time::Duration::from_secs(60)));
///     windlass::task::yield_now().await;
///     let dump = windlass::runtime::Handle::current().dump();
///     assert_eq!(dump.tasks().len(), 1);
///     assert!(dump.to_string().contains("a timer due in"));
///     # sleeper.abort();
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    roots: Vec<RootInfo>,
    tasks: AllTasks,
}

/// A future that `block_on` was called with.
#[derive(Clone, Debug)]
struct RootInfo {
    location: &'static Location<'static>,
    thread: String,
    polls: u64,
    /// `None` while it is polled.
    waits: Option<Waits>,
}

impl RootInfo {
    fn of(root: &Root, tick: u64) -> Self {
        let thread = root.thread();
        let thread = match thread.name() {
            Some(name) => format!("{name:?}"),
            None => format!("{:?}", thread.id()),
        };
        let waits = root.awaits().map(|(seen, parties)| Waits::new(seen.as_of(tick), &parties));
        Self { location: root.location(), thread, polls: root.polls(), waits }
    }
}

impl Dump {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        // Before the tasks, so that what is awaited is there.
        let tick = shared.driver.timers().clock().tick();
        let mut roots = shared.roots.map(|root| RootInfo::of(root, tick));
        let tasks = shared.all_tasks();
        let live: HashSet<Id> = tasks.iter().map(TaskInfo::id).collect();
        for waits in roots.iter_mut().filter_map(|root| root.waits.as_mut()) {
            waits.keep(|id| live.contains(&id));
        }
        Self { roots, tasks }
    }

    /// The tasks, in no particular order.
    pub fn tasks(&self) -> &AllTasks {
        &self.tasks
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_id: HashMap<Id, &TaskInfo> = self.tasks.iter().map(|task| (task.id(), task)).collect();
        let mut order: Vec<&TaskInfo> = self.tasks.iter().collect();
        order.sort_unstable_by_key(|task| task.id());
        let of_tasks = order.iter().flat_map(|task| task.awaits());
        let of_roots = self.roots.iter().filter_map(|root| root.waits.as_ref()).flat_map(Waits::iter);
        let awaited: HashSet<Id> = of_tasks.chain(of_roots).filter_map(|awaited| awaited.task()).collect();
        let mut tree = Tree::new(by_id);

        match self.tasks.len() {
            1 => f.write_str("1 task")?,
            many => write!(f, "{many} tasks")?,
        }
        match self.tasks.not_started() {
            0 => writeln!(f)?,
            many => writeln!(f, ", and {many} in their first poll's queue or on the blocking pool")?,
        }
        for root in &self.roots {
            write!(f, "block_on at {}, thread {}, ", Place(root.location), root.thread)?;
            match &root.waits {
                None => writeln!(f, "running")?,
                Some(waits) => {
                    let polls = if root.polls == 1 { "poll" } else { "polls" };
                    write!(f, "idle, {} {polls}", root.polls)?;
                    tree.waits(f, waits)?;
                    tree.rest(f)?;
                }
            }
        }
        for task in order.iter().filter(|task| !awaited.contains(&task.id())) {
            tree.task(f, task)?;
            tree.rest(f)?;
        }
        // What is left awaits itself in the end.
        for task in &order {
            if !tree.shown.contains(&task.id()) {
                tree.task(f, task)?;
                tree.rest(f)?;
            }
        }
        Ok(())
    }
}

/// How deep the tree grows before it goes on at the left.
const DEPTH: usize = 32;

struct Tree<'a> {
    by_id: HashMap<Id, &'a TaskInfo>,
    shown: HashSet<Id>,
    /// The tasks above the line.
    path: Vec<Id>,
    /// What is to the left of the line below.
    margin: String,
    /// What was too deep to be shown.
    cut: VecDeque<Id>,
}

impl<'a> Tree<'a> {
    fn new(by_id: HashMap<Id, &'a TaskInfo>) -> Self {
        let (path, margin, cut) = (Vec::new(), String::new(), VecDeque::new());
        Self { by_id, shown: HashSet::new(), path, margin, cut }
    }

    /// What was too deep in the tree before.
    fn rest(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        while let Some(id) = self.cut.pop_front() {
            if let Some(&task) = self.by_id.get(&id)
                && !self.shown.contains(&id)
            {
                self.task(f, task)?;
            }
        }
        Ok(())
    }

    /// A task, and below it those that it awaits.
    fn task(&mut self, f: &mut fmt::Formatter<'_>, task: &'a TaskInfo) -> fmt::Result {
        self.shown.insert(task.id());
        self.path.push(task.id());
        write!(f, "{task}")?;
        if task.state() == TaskState::Idle {
            self.waits(f, task.waits())?;
        } else {
            writeln!(f)?;
        }
        self.path.pop();
        Ok(())
    }

    /// What somebody awaits: the rest of the line, and below it the tasks.
    fn waits(&mut self, f: &mut fmt::Formatter<'_>, waits: &Waits) -> fmt::Result {
        let (tasks, others): (Vec<_>, Vec<_>) = waits.iter().partition(|awaited| awaited.task().is_some());
        let tasks: Vec<Id> = tasks.iter().filter_map(Awaited::task).collect();
        let mut words: Vec<String> = others.iter().map(Awaited::to_string).collect();
        match tasks[..] {
            [] if waits.has_party() => words.push("tasks that are not listed".to_owned()),
            [] => {}
            [id] => words.push(format!("task {id}")),
            _ => words.push(format!("{} tasks", tasks.len())),
        }
        match waits.others() {
            0 if words.is_empty() => words.push("something else".to_owned()),
            0 => {}
            others => words.push(format!("{others} others")),
        }
        let last = words.pop().unwrap_or_default();
        let rest = if words.is_empty() { String::new() } else { format!("{} and ", words.join(", ")) };
        writeln!(f, ": awaits {rest}{last}")?;
        for (at, id) in tasks.iter().enumerate() {
            let is_last = at + 1 == tasks.len();
            write!(f, "{}{}", self.margin, if is_last { "└─ " } else { "├─ " })?;
            let margin = self.margin.len();
            self.margin.push_str(if is_last { "   " } else { "│  " });
            self.below(f, *id)?;
            self.margin.truncate(margin);
        }
        Ok(())
    }

    /// A task that the one above awaits.
    fn below(&mut self, f: &mut fmt::Formatter<'_>, id: Id) -> fmt::Result {
        match self.by_id.get(&id) {
            None => writeln!(f, "task {id}, which is not listed"),
            Some(_) if self.path.contains(&id) => writeln!(f, "task {id}, which awaits itself: a cycle"),
            Some(_) if self.shown.contains(&id) => writeln!(f, "task {id}, which is shown above"),
            Some(_) if self.path.len() >= DEPTH => {
                self.cut.push_back(id);
                writeln!(f, "task {id}, which is shown below")
            }
            Some(&task) => self.task(f, task),
        }
    }
}
