//! The links of a page, and where they lead.

use http::Uri;

/// What the `href` of every `<a>` of a page says. It takes HTML as it is written, and builds no tree of it.
pub(super) fn links(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
    tags.filter_map(href).collect()
}

fn href(tag: &str) -> Option<String> {
    let attributes = tag.strip_prefix(['a', 'A']).filter(|rest| rest.starts_with(char::is_whitespace))?;
    let at = attributes.to_ascii_lowercase().find("href")?;
    let value = attributes[at + 4..].trim_start().strip_prefix('=')?.trim_start();
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    Some(value.replace("&amp;", "&"))
}

/// Where a link on the page `base` leads, if that is a page that HTTP can fetch.
pub(super) fn resolve(base: &Uri, link: &str) -> Option<Uri> {
    let link = link.split('#').next()?.trim();
    if link.is_empty() {
        return None;
    }
    let (authority, target) = if let Some(rest) = link.strip_prefix("http:").or(Some(link)) {
        match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (&rest[..end], rest[end..].to_string())
            }
            None if has_scheme(rest) => return None,
            None => (base.authority()?.as_str(), below(base, rest)),
        }
    } else {
        return None;
    };
    let (path, query) =
        target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
    let mut target = without_dots(path);
    if let Some(query) = query {
        target = format!("{target}?{query}");
    }
    let authority = authority.to_ascii_lowercase();
    Uri::builder().scheme("http").authority(authority).path_and_query(target).build().ok()
}

/// Whether a link begins with a scheme, such as `mailto:`.
fn has_scheme(link: &str) -> bool {
    link.find([':', '/', '?']).is_some_and(|at| link[at..].starts_with(':'))
}

/// The target of a link without a host.
fn below(base: &Uri, link: &str) -> String {
    let path = base.path();
    match link.chars().next() {
        Some('/') => link.to_string(),
        Some('?') => format!("{path}{link}"),
        _ => format!("{}/{link}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    }
}

/// A path without its `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let folder = matches!(path.rsplit('/').next(), Some("." | ".."));
    if folder {
        parts.push("");
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page() {
        let page = "<p><a href=\"a.html\">A</a> <A class=x HREF='b?c=1&amp;d'>B</A> <a\nhref = plain>C</a>
            <abbr href=\"no\"> <a name=\"none\"> <link href=\"no.css\"> a href=\"no\" <a href=\"cut";
        assert_eq!(links(page), ["a.html", "b?c=1&d", "plain"]);
    }

    #[test]
    fn where_links_lead() {
        let base = Uri::from_static("http://host:8080/docs/guide/page.html?x=1");
        for (link, target) in [
            ("other.html", "http://host:8080/docs/guide/other.html"),
            ("../up.html#part", "http://host:8080/docs/up.html"),
            ("../../../top", "http://host:8080/top"),
            ("./", "http://host:8080/docs/guide/"),
            ("..", "http://host:8080/docs/"),
            ("/root", "http://host:8080/root"),
            ("?y=2", "http://host:8080/docs/guide/page.html?y=2"),
            ("//Elsewhere/a", "http://elsewhere/a"),
            ("http://elsewhere", "http://elsewhere/"),
        ] {
            assert_eq!(resolve(&base, link).map(|uri| uri.to_string()).as_deref(), Some(target), "{link}");
        }
        for link in ["", "#part", "mailto:a@b", "https://host/", "javascript:void(0)", "a b"] {
            assert_eq!(resolve(&base, link), None, "{link}");
        }
    }
}
