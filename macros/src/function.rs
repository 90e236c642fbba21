//! The function below the attribute.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Visibility, braced};

use crate::expand::Entry;

/// A function whose body is left as tokens.
///
/// The body is not looked into: a half-typed statement stays the compiler's business (and an editor can still complete it),
/// and every error in it is reported where it is.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body with its braces.
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let content;
        let brace = braced!(content in input);
        attrs.extend(content.call(Attribute::parse_inner)?.into_iter().map(outer));
        let mut body = Group::new(Delimiter::Brace, content.parse()?);
        body.set_span(brace.span.join());
        Ok(Function { attrs, vis, sig, body })
    }
}

/// The same attribute, to be put above the function.
fn outer(attr: Attribute) -> Attribute {
    Attribute { style: syn::AttrStyle::Outer, ..attr }
}

impl Function {
    /// Reads the item below the attribute.
    pub(crate) fn parse(entry: Entry, item: TokenStream) -> Result<Self> {
        if !item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn")) {
            return Err(Error::new_spanned(item, format!("`#[{}]` goes above an `async fn`", entry.path())));
        }
        syn::parse2(item)
    }

    /// What is wrong with the function for this attribute, if anything.
    pub(crate) fn check(&self, entry: Entry) -> Result<()> {
        let sig = &self.sig;
        let name = &sig.ident;
        if sig.asyncness.is_none() {
            return Err(Error::new_spanned(
                sig.fn_token,
                format!("`#[{}]` runs an async function: write `async fn {name}`", entry.path()),
            ));
        }
        // What `rustc` would refuse of the function written out, said before it meets what we wrote.
        if !self.stands_alone(entry) {
            return Ok(());
        }
        let what = match entry {
            Entry::Test => "a test",
            Entry::Main => "`main`",
        };
        if !sig.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &sig.generics.params,
                format!("{what} cannot have generic parameters"),
            ));
        }
        if let Some(clause) = &sig.generics.where_clause {
            return Err(Error::new_spanned(clause, format!("{what} cannot have a `where` clause")));
        }
        if !sig.inputs.is_empty() {
            return Err(Error::new_spanned(&sig.inputs, format!("{what} cannot take arguments")));
        }
        if entry == Entry::Test
            && let Some(attr) = self.attrs.iter().find(|attr| is_std_test(attr))
        {
            return Err(Error::new_spanned(
                attr,
                "this is a test already: `#[windlass::test]` takes the place of `#[test]`",
            ));
        }
        Ok(())
    }

    /// Whether the function can be moved into another: one that is not `main` or a test may be a method, and may take arguments.
    pub(crate) fn stands_alone(&self, entry: Entry) -> bool {
        entry == Entry::Test || self.sig.ident == "main"
    }
}

fn is_std_test(attr: &Attribute) -> bool {
    let path: Vec<String> = attr.path().segments.iter().map(|part| part.ident.to_string()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path.as_slice(), ["test"] | ["std" | "core", "prelude", _, "test"])
}
