//! What `select!` becomes.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Pat};

use crate::branches::{Branch, Select};

/// The futures are pinned in a block of their own, so that all of them are gone when a handler runs; an enum
/// with a variant for each branch carries the output out of it.
pub(crate) fn expand(select: Select) -> TokenStream {
    let Select { krate, biased, branches, otherwise } = select;
    let otherwise = otherwise
        .map_or_else(|| quote!(#krate::macros::support::all_disabled()), |otherwise| quote!(#otherwise));
    if branches.is_empty() {
        return otherwise;
    }
    let site = Span::mixed_site();
    let name = |prefix: &str, i: usize| format_ident!("{prefix}{i}", span = site);
    let count = branches.len();
    let futures: Vec<Ident> = (0..count).map(|i| name("future", i)).collect();
    let variants: Vec<Ident> = (0..count).map(|i| name("Branch", i)).collect();
    let types: Vec<Ident> = (0..count).map(|i| name("T", i)).collect();
    let reversed = futures.iter().rev();
    let expressions = branches.iter().map(|branch| &branch.future);
    let made = futures.iter().zip(&branches).map(|(future, branch)| {
        // What is wrong with an expression is said there.
        let site = Span::mixed_site().located_at(branch.future.span());
        quote_spanned!(site=> let #future = ::core::future::IntoFuture::into_future(#future);)
    });
    let guards = branches.iter().enumerate().filter_map(|(i, branch)| Some(guard(i, branch.guard.as_ref()?)));
    let turns = branches.iter().enumerate().map(|(i, branch)| turn(i, branch, &futures[i], &variants[i]));
    let handlers = branches.iter().zip(&variants).map(|(Branch { pattern, handler, .. }, variant)| {
        quote_spanned!(site=> WindlassSelected::#variant(#pattern) => #handler,)
    });
    let length = Literal::usize_suffixed(count);
    let first = if biased || count == 1 {
        quote_spanned!(site=> 0usize)
    } else {
        quote_spanned!(site=> #krate::macros::support::random_below(#length))
    };
    quote_spanned! {site=> {
        enum WindlassSelected<#(#types),*> {
            #(#variants(#types),)*
            Disabled,
        }
        let mut disabled = 0u64;
        #(#guards)*
        let selected = {
            #(let #futures = #expressions;)*
            #(#made)*
            // In reverse, so that they are dropped in the order they are written in.
            #(let mut #reversed = ::core::pin::pin!(#reversed);)*
            ::core::future::poll_fn(move |cx| {
                ::core::task::ready!(#krate::macros::support::poll_budget(cx));
                let first = #first;
                let mut pending = false;
                for turn in 0usize..#length {
                    match #krate::macros::support::nth(first, turn, #length) {
                        #(#turns)*
                        _ => ::core::unreachable!(),
                    }
                }
                if pending {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(WindlassSelected::Disabled)
                }
            })
            .await
        };
        // A temporary is mutable, as a pattern with `ref mut` wants it.
        match { selected } {
            #(#handlers)*
            WindlassSelected::Disabled => #otherwise,
            _ => ::core::unreachable!("an output that fits its pattern no more"),
        }
    }}
}

fn guard(i: usize, guard: &Expr) -> TokenStream {
    let bit = bit(i);
    quote_spanned! {Span::mixed_site()=>
        let enabled: bool = #guard;
        if !enabled {
            disabled |= #bit;
        }
    }
}

/// One look at one branch.
fn turn(i: usize, branch: &Branch, future: &Ident, variant: &Ident) -> TokenStream {
    let bit = bit(i);
    let index = Literal::usize_suffixed(i);
    let site = Span::mixed_site();
    let mut pattern = branch.pattern.clone();
    by_reference(&mut pattern);
    quote_spanned! {site=>
        #index => {
            if disabled & #bit == 0u64 {
                match ::core::future::Future::poll(#future.as_mut(), cx) {
                    ::core::task::Poll::Pending => pending = true,
                    ::core::task::Poll::Ready(output) => {
                        disabled |= #bit;
                        let selected = WindlassSelected::#variant(output);
                        #[allow(unused_variables, unreachable_patterns)]
                        let fits = match &selected {
                            WindlassSelected::#variant(#pattern) => true,
                            _ => false,
                        };
                        if fits {
                            return ::core::task::Poll::Ready(selected);
                        }
                    }
                }
            }
        }
    }
}

fn bit(i: usize) -> Literal {
    Literal::u64_suffixed(1 << i)
}

/// Makes a pattern of one that is matched by value that fits the same values by reference: what it binds, it
/// borrows.
fn by_reference(pattern: &mut Pat) {
    match pattern {
        Pat::Ident(binding) => {
            binding.by_ref = None;
            binding.mutability = None;
            if let Some((_, inner)) = &mut binding.subpat {
                by_reference(inner);
            }
        }
        // A reference inside of what is matched by reference is looked through.
        Pat::Reference(reference) => {
            by_reference(&mut reference.pat);
            let inner = (*reference.pat).clone();
            *pattern = inner;
        }
        Pat::Paren(paren) => by_reference(&mut paren.pat),
        Pat::Type(typed) => by_reference(&mut typed.pat),
        Pat::Or(or) => or.cases.iter_mut().for_each(by_reference),
        Pat::Slice(slice) => slice.elems.iter_mut().for_each(by_reference),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(by_reference),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().for_each(by_reference),
        Pat::Struct(fields) => fields.fields.iter_mut().for_each(|field| by_reference(&mut field.pat)),
        _ => {}
    }
}
