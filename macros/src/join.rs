//! What `join!` and `try_join!` become.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Result, Token};

use crate::branches;

/// A call of either.
pub(crate) struct Join {
    krate: TokenStream,
    biased: bool,
    futures: Vec<Expr>,
}

impl Parse for Join {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let krate = branches::krate(input)?;
        let biased = branches::biased(input)?;
        let futures = Punctuated::<Expr, Token![,]>::parse_terminated(input)?;
        Ok(Join { krate, biased, futures: futures.into_iter().collect() })
    }
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    All,
    UntilError,
}

pub(crate) fn expand(join: Join, kind: Kind) -> TokenStream {
    let Join { krate, biased, futures: expressions } = join;
    let site = Span::mixed_site();
    if expressions.is_empty() {
        return match kind {
            Kind::All => quote_spanned!(site=> ()),
            Kind::UntilError => quote_spanned!(site=> ::core::result::Result::Ok(())),
        };
    }
    let count = Literal::usize_suffixed(expressions.len());
    let futures: Vec<Ident> =
        (0..expressions.len()).map(|i| format_ident!("future{i}", span = site)).collect();
    let reversed = futures.iter().rev();
    let made = futures.iter().zip(&expressions).map(|(future, expression)| {
        // What is wrong with an expression is said there.
        let site = Span::mixed_site().located_at(expression.span());
        let checked = match kind {
            Kind::All => quote_spanned!(site=> ::core::future::IntoFuture::into_future(#future)),
            Kind::UntilError => quote_spanned!(site=> #krate::macros::support::fallible(#future)),
        };
        quote_spanned!(site=> let #future = #krate::macros::support::Joined::new(#checked);)
    });
    let turns = futures.iter().enumerate().map(|(i, future)| turn(i, future, kind));
    let first = if biased || expressions.len() == 1 {
        quote_spanned!(site=> let first = 0usize;)
    } else {
        quote_spanned!(site=> let first = next; next = #krate::macros::support::nth(next, 1usize, #count);)
    };
    let done = match kind {
        Kind::All => quote_spanned!(site=> (#(#futures.as_mut().output(),)*)),
        Kind::UntilError => {
            quote_spanned!(site=> ::core::result::Result::Ok((#(#futures.as_mut().take_ok(),)*)))
        }
    };
    quote_spanned! {site=> {
        #(let #futures = #expressions;)*
        #(#made)*
        // In reverse, so that they are dropped in the order they are written in.
        #(let mut #reversed = ::core::pin::pin!(#reversed);)*
        #[allow(unused_mut, unused_variables)]
        let mut next = 0usize;
        ::core::future::poll_fn(move |cx| {
            #first
            let mut pending = false;
            for turn in 0usize..#count {
                match #krate::macros::support::nth(first, turn, #count) {
                    #(#turns)*
                    _ => ::core::unreachable!(),
                }
            }
            if pending {
                ::core::task::Poll::Pending
            } else {
                ::core::task::Poll::Ready(#done)
            }
        })
        .await
    }}
}

/// One look at one future.
fn turn(i: usize, future: &Ident, kind: Kind) -> TokenStream {
    let index = Literal::usize_suffixed(i);
    match kind {
        Kind::All => quote_spanned! {Span::mixed_site()=>
            #index => pending |= #future.as_mut().poll(cx),
        },
        Kind::UntilError => quote_spanned! {Span::mixed_site()=>
            #index => match #future.as_mut().try_poll(cx) {
                ::core::result::Result::Ok(more) => pending |= more,
                ::core::result::Result::Err(error) => {
                    return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                }
            },
        },
    }
}
