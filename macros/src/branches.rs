//! What stands between the braces of `select!`.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Pat, Result, Token, token};

/// One bit of a word for each.
const MOST: usize = 64;

/// A call of `select!`.
pub(crate) struct Select {
    pub(crate) krate: TokenStream,
    pub(crate) biased: bool,
    pub(crate) branches: Vec<Branch>,
    pub(crate) otherwise: Option<Expr>,
}

/// `pattern = future, if guard => handler`
pub(crate) struct Branch {
    pub(crate) pattern: Pat,
    pub(crate) future: Expr,
    pub(crate) guard: Option<Expr>,
    pub(crate) handler: Expr,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let krate = krate(input)?;
        let biased = biased(input)?;
        let mut branches = Vec::new();
        let mut otherwise = None;
        while !input.is_empty() {
            if input.peek(Token![else]) {
                let word: Token![else] = input.parse()?;
                arrow(input, "`else` has no condition: write `else => handler`")?;
                otherwise = Some(handler(input)?);
                if !input.is_empty() {
                    return Err(Error::new_spanned(word, "the `else` branch is the last one: move it down"));
                }
            } else {
                let branch: Branch = input.parse()?;
                if branches.len() == MOST {
                    return Err(Error::new_spanned(
                        branch.pattern,
                        "`select!` has 64 branches at most: nest another `select!` in one of them",
                    ));
                }
                branches.push(branch);
            }
        }
        if branches.is_empty() && otherwise.is_none() {
            return Err(input.error("`select!` needs a branch: write `pattern = future => handler`"));
        }
        Ok(Select { krate, biased, branches, otherwise })
    }
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        if !input.peek(Token![=]) || input.peek(Token![=>]) {
            return Err(
                input.error("a branch of `select!` needs a future: write `pattern = future => handler`")
            );
        }
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        let guard = if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            if !input.peek(Token![if]) {
                return Err(input.error(
                    "a branch of `select!` needs a handler: write `pattern = future => handler`, or \
                     `pattern = future, if condition => handler`",
                ));
            }
            input.parse::<Token![if]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        arrow(input, "a branch of `select!` needs a handler: write `pattern = future => handler`")?;
        Ok(Branch { pattern, future, guard, handler: handler(input)? })
    }
}

/// The path of the crate, which the public macro puts first, up to a semicolon.
pub(crate) fn krate(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut path = TokenStream::new();
    while !input.peek(Token![;]) {
        input.parse::<TokenTree>()?.to_tokens(&mut path);
    }
    input.parse::<Token![;]>()?;
    Ok(path)
}

/// `biased;`, if it is there.
pub(crate) fn biased(input: ParseStream<'_>) -> Result<bool> {
    let is_biased = input.peek(Ident::peek_any)
        && input.peek2(Token![;])
        && input.fork().call(Ident::parse_any)? == "biased";
    if is_biased {
        input.parse::<Ident>()?;
        input.parse::<Token![;]>()?;
    }
    Ok(is_biased)
}

fn arrow(input: ParseStream<'_>, needed: &str) -> Result<()> {
    if input.peek(Token![=>]) {
        input.parse::<Token![=>]>()?;
        return Ok(());
    }
    Err(input.error(needed))
}

/// A handler and the comma after it, which only a block and the last one can do without.
fn handler(input: ParseStream<'_>) -> Result<Expr> {
    let block = input.peek(token::Brace);
    let handler = if block { Expr::Block(input.parse()?) } else { input.parse()? };
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !block && !input.is_empty() {
        return Err(input.error("a handler that is no block ends with a comma"));
    }
    Ok(handler)
}
