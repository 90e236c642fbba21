//! The function that takes the place of the one below the attribute.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Generics, Path, parse_quote};

use crate::args::{Args, Flavor};
use crate::function::Function;

/// Which of the two attributes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl Entry {
    /// The attribute as users write it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Entry::Main => "windlass::main",
            Entry::Test => "windlass::test",
        }
    }

    /// The method of the runtime that runs the function: a test leaves signals alone.
    fn method(self, span: Span) -> TokenStream {
        match self {
            Entry::Main => quote_spanned!(span=> run),
            Entry::Test => quote_spanned!(span=> block_on),
        }
    }
}

/// The whole macro. An error is emitted beside a function that still compiles where possible, so that it stays the only one.
pub(crate) fn expand(entry: Entry, args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(entry, item.clone()) {
        Ok(function) => function,
        Err(error) => return beside(&error, item),
    };
    if let Err(error) = function.check(entry) {
        return beside(&error, quiet(entry, function));
    }
    match Args::parse(entry, args) {
        Ok(args) => entered(entry, &args, &function),
        Err(error) => beside(&error, entered(entry, &Args::default_of(entry), &function)),
    }
}

fn beside(error: &Error, rest: TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#rest #error)
}

/// The function in a form that adds no second error: nothing `main` could not have, and its body gone.
fn quiet(entry: Entry, function: Function) -> TokenStream {
    let alone = function.stands_alone(entry);
    let Function { attrs, vis, mut sig, .. } = function;
    sig.asyncness = None;
    if alone {
        sig.inputs.clear();
        sig.generics = Generics::default();
    }
    quote! {
        #(#attrs)*
        #[allow(unused_variables)]
        #vis #sig {
            ::core::unreachable!()
        }
    }
}

/// The function that builds the runtime and runs the body on it.
fn entered(entry: Entry, args: &Args, function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    let mut sig = sig.clone();
    sig.asyncness = None;

    // Names of ours written with this span cannot meet the user's.
    let span = Span::mixed_site();
    let test = match entry {
        Entry::Main => TokenStream::new(),
        Entry::Test => quote_spanned!(span=> #[::core::prelude::v1::test]),
    };
    let runtime = runtime(args, span);
    let run = if function.stands_alone(entry) {
        run_function(entry, function, &runtime)
    } else {
        run_block(entry, function, &runtime)
    };
    quote_spanned! {span=>
        #(#attrs)*
        #test
        #vis #sig {
            #run
        }
    }
}

/// The user's function as it stands, inside the new one.
///
/// So the compiler sees an ordinary `async fn`: it checks the last expression, each `return` and each `?` against the declared type,
/// converts where any function would (into a `Box<dyn Error>`, say) and points at the user's line. A block cannot declare its type.
fn run_function(entry: Entry, function: &Function, runtime: &TokenStream) -> TokenStream {
    let Function { sig, body, .. } = function;
    let name = &sig.ident;
    let span = Span::mixed_site();
    let method = entry.method(span);
    quote_spanned! {span=>
        #[allow(clippy::unused_async)]
        #sig #body
        #[allow(clippy::expect_used)]
        {
            #runtime.#method(#name())
        }
    }
}

/// The body as a block: it can use the function's arguments, its `self`, and the generic parameters of the `impl` around it.
///
/// A result of the wrong type is found when the block's is compared with the function's, hence the span: the end of the body.
fn run_block(entry: Entry, function: &Function, runtime: &TokenStream) -> TokenStream {
    let body = &function.body;
    let mixed = Span::mixed_site();
    let end = body.stream().into_iter().last().map_or(mixed, |token| mixed.located_at(token.span()));
    let method = entry.method(end);
    let run = quote_spanned!(end=> .#method(body));
    quote_spanned! {mixed=>
        let body = async move #body;
        #[allow(clippy::expect_used)]
        {
            #runtime #run
        }
    }
}

/// The expression that builds the runtime.
fn runtime(args: &Args, span: Span) -> TokenStream {
    let krate: Path = args.krate.clone().unwrap_or_else(|| parse_quote!(::windlass));
    let new = match args.flavor {
        Flavor::MultiThread => quote_spanned!(span=> new_multi_thread),
        Flavor::CurrentThread => quote_spanned!(span=> new_current_thread),
    };
    let workers = args.worker_threads.map(|count| quote_spanned!(span=> .worker_threads(#count)));
    let paused = args.start_paused.map(|paused| quote_spanned!(span=> .start_paused(#paused)));
    quote_spanned! {span=>
        #krate::runtime::Builder::#new()
            #workers
            #paused
            .build()
            .expect("cannot build the runtime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entry: Entry, args: &str, item: &str) -> String {
        expand(entry, args.parse().unwrap(), item.parse().unwrap()).to_string().replace(' ', "")
    }

    #[test]
    fn main_is_multi_thread_and_test_is_current_thread() {
        assert!(
            text(Entry::Main, "", "async fn main() {}")
                .contains("::windlass::runtime::Builder::new_multi_thread()")
        );
        let test = text(Entry::Test, "", "async fn it() {}");
        assert!(test.contains("::windlass::runtime::Builder::new_current_thread()"));
        assert!(test.contains("#[::core::prelude::v1::test]"));
    }

    #[test]
    fn every_argument_reaches_the_builder() {
        let main = text(
            Entry::Main,
            "worker_threads = 3, flavor = \"multi_thread\", crate = \"a::b\"",
            "async fn main() {}",
        );
        assert!(main.contains("a::b::runtime::Builder::new_multi_thread().worker_threads(3usize)"), "{main}");
        let test = text(Entry::Test, "start_paused = true,", "async fn it() {}");
        assert!(test.contains(".start_paused(true)"), "{test}");
        let main = text(Entry::Main, "crate = a::b", "async fn main() {}");
        assert!(main.contains("a::b::runtime"), "{main}");
    }

    #[test]
    fn attributes_visibility_and_type_are_kept() {
        let out = text(
            Entry::Test,
            "",
            "#[should_panic] pub(crate) async fn it() -> Result<(), E> { #![allow(unused)] f()? }",
        );
        assert!(out.contains("#[should_panic]#[allow(unused)]"), "{out}");
        assert!(out.contains("pub(crate)fnit()->Result<(),E>{"), "{out}");
        assert!(out.contains("asyncfnit()->Result<(),E>{f()?}"), "{out}");
    }

    #[test]
    fn a_helper_is_run_as_a_block() {
        let out = text(Entry::Main, "", "async fn helper<T: Send>(x: T) -> T { x }");
        assert!(!out.contains("compile_error"), "{out}");
        assert!(out.contains("letbody=asyncmove{x}"), "{out}");
    }

    #[test]
    fn a_body_that_does_not_parse_is_passed_on() {
        let out = text(Entry::Main, "", "async fn main() { let x = ; x. }");
        assert!(out.contains("letx=;x."), "{out}");
        assert!(!out.contains("compile_error"), "{out}");
    }

    #[test]
    fn an_error_leaves_a_function_beside_it() {
        let out = text(Entry::Main, "threads = 3", "async fn main() {}");
        assert!(out.contains("compile_error"), "{out}");
        assert!(out.contains("asyncfnmain(){}"), "{out}");
        let out = text(Entry::Main, "", "fn main() { 1 }");
        assert!(out.contains("compile_error"), "{out}");
        assert!(out.contains("fnmain(){::core::unreachable!()}"), "{out}");
    }
}
