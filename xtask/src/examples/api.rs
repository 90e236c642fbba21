//! The public items of a crate, out of rustdoc's JSON.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::code::{examples, uses};

/// A public item, and whether an example uses it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(super) path: String,
    pub(super) file: String,
    pub(super) covered: bool,
}

/// Every public function, method, type, trait, constant and macro of the crate.
pub(super) fn items(json: &Value) -> Result<Vec<Item>, String> {
    let index = json["index"].as_object().ok_or("no `index`")?;
    let mut walk = Walk {
        index,
        modules: HashSet::new(),
        found: BTreeMap::new(),
        contexts: HashMap::new(),
        returned: HashSet::new(),
    };
    walk.module(&key(&json["root"]), "")?;
    let found = std::mem::take(&mut walk.found);
    let mut items = Vec::new();
    for (id, path) in found {
        walk.item(&id, &path, &mut items)?;
    }
    for (id, item) in &mut items {
        item.covered |= walk.returned.contains(id);
    }
    let mut items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
    items.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(items)
}

struct Walk<'a> {
    index: &'a serde_json::Map<String, Value>,
    modules: HashSet<String>,
    /// The items that are reached, each with the first path to it.
    found: BTreeMap<String, String>,
    /// The examples of the modules in which an item is reached.
    contexts: HashMap<String, String>,
    /// The types that covered functions return.
    returned: HashSet<String>,
}

impl<'a> Walk<'a> {
    fn get(&self, id: &str) -> Option<&'a Value> {
        self.index
            .get(id)
            .filter(|item| item["crate_id"] == 0 && !is_hidden(item) && item["deprecation"].is_null())
    }

    /// Goes through a module, its public modules, and what it re-exports.
    fn module(&mut self, id: &str, above: &str) -> Result<(), String> {
        let Some(item) = self.get(id) else { return Ok(()) };
        if !self.modules.insert(id.to_string()) {
            return Ok(());
        }
        let path = join(above, name(item)?);
        self.members(item, &path, &own_examples(item))
    }

    fn members(&mut self, module: &Value, path: &str, context: &str) -> Result<(), String> {
        let members = module["inner"]["module"]["items"].as_array().ok_or("a module without `items`")?;
        for id in members {
            self.member(&key(id), path, context)?;
        }
        Ok(())
    }

    fn member(&mut self, id: &str, path: &str, context: &str) -> Result<(), String> {
        let Some(item) = self.get(id) else { return Ok(()) };
        match kind(item)? {
            "use" => {
                let import = &item["inner"]["use"];
                let target = key(&import["id"]);
                let glob = import["is_glob"].as_bool().ok_or("a `use` without `is_glob`")?;
                match self.get(&target) {
                    Some(module) if glob && kind(module)? == "module" => self.members(module, path, context),
                    Some(_) if !glob => {
                        let context = format!("{context}\n{}", own_examples(item));
                        self.member(&target, path, &context)
                    }
                    _ => Ok(()),
                }
            }
            "module" if is_public(item) => self.module(id, path),
            "function" | "struct" | "enum" | "trait" | "macro" | "constant" | "type_alias"
                if is_public(item) =>
            {
                let path = join(path, name(item)?);
                self.found.entry(id.to_string()).or_insert(path);
                let all = self.contexts.entry(id.to_string()).or_default();
                all.push('\n');
                all.push_str(context);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Judges an item and, if it has some, its methods.
    fn item(&mut self, id: &str, path: &str, items: &mut Vec<(String, Item)>) -> Result<(), String> {
        let Some(item) = self.get(id) else { return Ok(()) };
        let mut page = self.contexts.get(id).cloned().unwrap_or_default();
        page.push_str(&own_examples(item));
        let mut methods = Vec::new();
        for part in self.parts(item)? {
            page.push_str(&own_examples(part.of));
            for method in part.members {
                page.push_str(&own_examples(method));
                methods.push(method);
            }
        }
        for item in std::iter::once(item).chain(methods.iter().copied()) {
            let covered = !own_examples(item).is_empty() || uses(&page, name(item)?);
            if covered {
                returned_types(&item["inner"]["function"]["sig"]["output"], &mut self.returned);
            }
            let file = item["span"]["filename"].as_str().unwrap_or("?").to_string();
            let is_method = key(&item["id"]) != id;
            let path = if is_method { join(path, name(item)?) } else { path.to_string() };
            items.push((key(&item["id"]), Item { path, file, covered }));
        }
        Ok(())
    }

    /// The `impl` blocks of a type, or the trait itself, with their functions and constants.
    fn parts(&self, item: &'a Value) -> Result<Vec<Part<'a>>, String> {
        let kind = kind(item)?;
        let mut parts = Vec::new();
        if kind == "trait" {
            let members = self.functions(&item["inner"]["trait"]["items"], |_| true)?;
            parts.push(Part { of: item, members });
        } else if kind == "struct" || kind == "enum" {
            for id in item["inner"][kind]["impls"].as_array().ok_or("a type without `impls`")? {
                let Some(block) = self.get(&key(id)) else { continue };
                let inner = &block["inner"]["impl"];
                if inner["trait"].is_null() {
                    parts.push(Part { of: block, members: self.functions(&inner["items"], is_public)? });
                }
            }
        }
        Ok(parts)
    }

    fn functions(&self, ids: &Value, wanted: fn(&Value) -> bool) -> Result<Vec<&'a Value>, String> {
        let mut functions = Vec::new();
        for id in ids.as_array().ok_or("no `items`")? {
            if let Some(item) = self.get(&key(id))
                && matches!(kind(item)?, "function" | "assoc_const")
                && wanted(item)
            {
                functions.push(item);
            }
        }
        Ok(functions)
    }
}

struct Part<'a> {
    of: &'a Value,
    members: Vec<&'a Value>,
}

/// The types that are in hand after a call that went well.
fn returned_types(output: &Value, types: &mut HashSet<String>) {
    if let Some(path) = output.get("resolved_path") {
        types.insert(key(&path["id"]));
        let name = path["path"].as_str().unwrap_or_default();
        if matches!(name.rsplit("::").next(), Some("Result" | "Option" | "Poll")) {
            returned_types(&path["args"]["angle_bracketed"]["args"][0]["type"], types);
        }
    } else if let Some(parts) = output.get("tuple").and_then(Value::as_array) {
        for part in parts {
            returned_types(part, types);
        }
    } else if let Some(reference) = output.get("borrowed_ref") {
        returned_types(&reference["type"], types);
    }
}

fn own_examples(item: &Value) -> String {
    examples(item["docs"].as_str().unwrap_or_default())
}

fn is_public(item: &Value) -> bool {
    item["visibility"] == "public"
}

fn is_hidden(item: &Value) -> bool {
    item["attrs"]
        .as_array()
        .is_some_and(|attrs| attrs.iter().any(|attr| attr.to_string().contains("doc(hidden)")))
}

fn kind(item: &Value) -> Result<&str, String> {
    let inner = item["inner"].as_object().and_then(|inner| inner.keys().next());
    inner.map(String::as_str).ok_or_else(|| "an item without a kind".to_string())
}

fn name(item: &Value) -> Result<&str, String> {
    item["name"].as_str().ok_or_else(|| "an item without a name".to_string())
}

fn key(id: &Value) -> String {
    id.to_string()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}::{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(id: u32, name: &str, docs: &str, inner: Value) -> (String, Value) {
        let value = json!({
            "id": id, "name": name, "docs": docs, "inner": inner, "crate_id": 0, "attrs": [],
            "visibility": "public", "span": { "filename": "lib.rs" },
        });
        (id.to_string(), value)
    }

    fn function(id: u32, name: &str, docs: &str, output: Value) -> (String, Value) {
        item(id, name, docs, json!({ "function": { "sig": { "output": output } } }))
    }

    /// A module with a type of two methods, of which the type's example uses one, and a function that returns the type.
    fn krate(function_docs: &str) -> Value {
        let index: serde_json::Map<_, _> = [
            item(0, "krate", "", json!({ "module": { "items": [1, 5] } })),
            item(1, "Drum", "", json!({ "struct": { "impls": [2] } })),
            item(2, "", "", json!({ "impl": { "trait": null, "items": [3, 4] } })),
            function(3, "turn", "```\ndrum.turn();\n```", Value::Null),
            function(4, "stop", "Stops.", Value::Null),
            function(5, "drum", function_docs, json!({ "resolved_path": { "id": 1, "path": "Drum" } })),
        ]
        .into_iter()
        .collect();
        json!({ "root": 0, "index": index })
    }

    fn uncovered(json: &Value) -> Vec<String> {
        let items = items(json).unwrap();
        items.into_iter().filter(|item| !item.covered).map(|item| item.path).collect()
    }

    #[test]
    fn a_method_that_no_example_uses_is_found() {
        let docs = "```\nlet drum = krate::drum();\n```";
        assert_eq!(uncovered(&krate(docs)), ["krate::Drum::stop"]);
    }

    #[test]
    fn a_type_is_covered_by_a_function_that_is_covered() {
        assert_eq!(uncovered(&krate("Makes one.")), ["krate::Drum", "krate::Drum::stop", "krate::drum"]);
    }
}
