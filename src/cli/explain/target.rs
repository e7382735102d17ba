//! What is to be explained: an id, an object, a user.

use super::super::contexts::query::{is_kind, is_user};
use super::super::event::EventView;
use crate::lake::tables::ContextRow;
use std::str::FromStr;

/// What an id, or the first digits of one, stands for.
#[derive(Debug)]
pub enum Found<'a> {
    /// No context.
    None,
    /// One.
    One(&'a ContextRow),
    /// So many.
    Several(usize),
}

/// The context whose id begins with `digits`.
pub fn find<'a>(digits: &str, rows: &'a [ContextRow]) -> Found<'a> {
    let digits = digits.to_ascii_lowercase();
    let fits: Vec<&ContextRow> = rows.iter().filter(|row| row.context_id.to_string().starts_with(&digits)).collect();
    match fits.as_slice() {
        [] => Found::None,
        [row] => Found::One(row),
        _ if digits.is_empty() => Found::None,
        several => Found::Several(several.len()),
    }
}

/// Whether the user made the event, or was impersonated in it.
pub fn is_user_of(user: &str, event: &EventView) -> bool {
    is_user(user, &event.user) || is_user(user, &event.impersonated_user)
}

/// An object as it is named on the command line: `pod/shop/web-0`, `node/worker-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    kind: String,
    namespace: String,
    name: String,
}

impl FromStr for ObjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<ObjectName, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts.as_slice() {
            [kind, name] => (*kind, "", *name),
            [kind, namespace, name] => (*kind, *namespace, *name),
            _ => ("", "", ""),
        };
        if kind.is_empty() || name.is_empty() {
            return Err(
                "write KIND/NAMESPACE/NAME, such as pod/shop/web-0, or KIND/NAME, such as node/worker-1".to_owned()
            );
        }
        Ok(ObjectName { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl ObjectName {
    /// Whether the event is about this object.
    pub fn is_of(&self, event: &EventView) -> bool {
        let same_place = event.namespace == self.namespace || event.resource == "namespaces";
        event.name == self.name && same_place && is_kind(&self.kind, &event.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hash::Id;

    #[test]
    fn first_digits_are_enough_when_they_are_unique() {
        let rows = [0x4be1_0000_0000_0000, 0x4be2_0000_0000_0000]
            .map(|id| ContextRow { context_id: Id(id), ..ContextRow::default() });
        assert!(matches!(find("4BE1", &rows), Found::One(row) if row.context_id == rows[0].context_id));
        assert!(matches!(find("4be", &rows), Found::Several(2)));
        assert!(matches!(find("77", &rows), Found::None));
        assert!(matches!(find("", &rows), Found::None));
    }

    #[test]
    fn an_object_is_known_by_kind_place_and_name() {
        let pod =
            EventView { resource: "pods".into(), namespace: "shop".into(), name: "web-0".into(), ..Default::default() };
        let is = |text: &str| text.parse::<ObjectName>().expect("a name").is_of(&pod);
        assert!(is("pod/shop/web-0") && is("Pods/shop/web-0"));
        assert!(!is("pod/shop/web-1") && !is("pod/web-0") && !is("secret/shop/web-0"));
        assert!("pod".parse::<ObjectName>().is_err() && "a/b/c/d".parse::<ObjectName>().is_err());
    }
}
