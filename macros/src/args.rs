//! What stands in the attribute's parentheses.

use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Lit, Path, Result, Token};

use crate::expand::Entry;

/// Every argument there is, for the error that meets an unknown one.
const VALID: &str = "`flavor`, `worker_threads`, `start_paused` and `crate`";

/// Which of the two runtimes the function is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    MultiThread,
    CurrentThread,
}

/// The arguments, checked against each other.
pub(crate) struct Args {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: Option<bool>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// What the attribute means without any arguments.
    pub(crate) fn default_of(entry: Entry) -> Self {
        let flavor = match entry {
            Entry::Main => Flavor::MultiThread,
            Entry::Test => Flavor::CurrentThread,
        };
        Args { flavor, worker_threads: None, start_paused: None, krate: None }
    }

    /// Reads and checks the arguments; the error points at the argument that is wrong.
    pub(crate) fn parse(entry: Entry, tokens: TokenStream) -> Result<Self> {
        let mut given = Given::default();
        syn::meta::parser(|meta| given.argument(&meta)).parse2(tokens)?;
        given.check(entry)
    }
}

/// An argument as written, and where.
type At<T> = Option<(T, Span)>;

/// The arguments as written, each on its own.
#[derive(Default)]
struct Given {
    flavor: At<Flavor>,
    worker_threads: At<usize>,
    start_paused: At<bool>,
    krate: At<Path>,
}

impl Given {
    fn argument(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "flavor" => set(&mut self.flavor, meta, flavor),
            "worker_threads" => set(&mut self.worker_threads, meta, worker_threads),
            "start_paused" => set(&mut self.start_paused, meta, start_paused),
            "crate" => set_crate(&mut self.krate, meta),
            "multi_thread" | "current_thread" => {
                Err(meta
                    .error(format!("the flavor is an argument with a value: write `flavor = \"{name}\"`")))
            }
            _ => Err(meta.error(format!("unknown argument: the valid ones are {VALID}"))),
        }
    }

    fn check(self, entry: Entry) -> Result<Args> {
        let default = Args::default_of(entry);
        let flavor = self.flavor.map_or(default.flavor, |(flavor, _)| flavor);
        match (flavor, self.worker_threads) {
            (Flavor::CurrentThread, Some((_, span))) => Err(Error::new(
                span,
                format!(
                    "`worker_threads` needs the flavor with workers: write `#[{}(flavor = \"multi_thread\", worker_threads = ...)]`",
                    entry.path()
                ),
            )),
            (_, worker_threads) => Ok(Args {
                flavor,
                worker_threads: worker_threads.map(|(count, _)| count),
                start_paused: self.start_paused.map(|(paused, _)| paused),
                krate: self.krate.map(|(path, _)| path),
            }),
        }
    }
}

/// Reads `name = literal` into its slot, once.
fn set<T>(slot: &mut At<T>, meta: &ParseNestedMeta<'_>, read: impl FnOnce(&Lit) -> Result<T>) -> Result<()> {
    once(slot, meta)?;
    let literal: Lit = value(meta)?.parse()?;
    *slot = Some((read(&literal)?, meta.path.span()));
    Ok(())
}

/// Reads `crate = "path"`, or `crate = path` without the quotes.
fn set_crate(slot: &mut At<Path>, meta: &ParseNestedMeta<'_>) -> Result<()> {
    once(slot, meta)?;
    let value = value(meta)?;
    let wrong = |span| {
        Error::new(span, "`crate` takes the path of the windlass crate, such as `crate = \"windlass\"`")
    };
    let path = if value.peek(Lit) {
        match value.parse()? {
            Lit::Str(text) => text.parse_with(Path::parse_mod_style).map_err(|_| wrong(text.span()))?,
            other => return Err(wrong(other.span())),
        }
    } else {
        value.call(Path::parse_mod_style)?
    };
    *slot = Some((path, meta.path.span()));
    Ok(())
}

/// What stands after the `=`.
fn value<'a>(meta: &ParseNestedMeta<'a>) -> Result<ParseStream<'a>> {
    if !meta.input.peek(Token![=]) {
        return Err(meta.error("this argument needs a value: write `name = value`"));
    }
    meta.value()
}

fn once<T>(slot: &At<T>, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match slot {
        Some(_) => Err(meta.error("this argument is given twice")),
        None => Ok(()),
    }
}

fn flavor(literal: &Lit) -> Result<Flavor> {
    let Lit::Str(text) = literal else {
        return Err(Error::new(
            literal.span(),
            "`flavor` takes a string: `\"multi_thread\"` or `\"current_thread\"`",
        ));
    };
    match text.value().as_str() {
        "multi_thread" => Ok(Flavor::MultiThread),
        "current_thread" => Ok(Flavor::CurrentThread),
        other => Err(Error::new(
            text.span(),
            format!("there is no flavor `{other}`: it is `\"multi_thread\"` or `\"current_thread\"`"),
        )),
    }
}

fn worker_threads(literal: &Lit) -> Result<usize> {
    let count = match literal {
        Lit::Int(number) => number.base10_parse::<usize>().ok(),
        _ => None,
    };
    match count {
        Some(0) => Err(Error::new(
            literal.span(),
            "`worker_threads` is at least 1: with no worker nothing would run",
        )),
        Some(count) => Ok(count),
        None => Err(Error::new(
            literal.span(),
            "`worker_threads` takes a whole number, such as `worker_threads = 4`",
        )),
    }
}

fn start_paused(literal: &Lit) -> Result<bool> {
    match literal {
        Lit::Bool(paused) => Ok(paused.value),
        other => Err(Error::new(other.span(), "`start_paused` takes `true` or `false`")),
    }
}
