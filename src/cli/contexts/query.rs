//! Which contexts are asked for.

use super::super::args::Moment;
use super::super::event::{kind, short_user};
use crate::lake::tables::ContextRow;

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Query {
    /// Only what this user did or was impersonated for; `deployment-controller` stands for its service account.
    #[arg(short, long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only what touched this namespace.
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only what was still going on at this date or time, or began later (UTC, or with a zone).
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only what began before this date or time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Only actions on this kind of object: `Deployment`, `deployment` or `deployments`.
    #[arg(short, long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only actions of this verb: create, update, patch, delete, …
    #[arg(long, value_name = "VERB")]
    pub verb: Option<String>,
    /// Also the rows of background streams, one for each hour.
    #[arg(long)]
    pub background: bool,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl Query {
    /// Whether `row` is asked for.
    pub fn asks_for(&self, row: &ContextRow) -> bool {
        let absent_or = |wanted: &Option<String>, fits: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(fits);
        (self.background || row.background.is_empty())
            && absent_or(&self.user, &|user| is_user(user, &row.user) || is_user(user, &row.impersonated_user))
            && absent_or(&self.namespace, &|name| {
                row.namespace == name || row.namespaces.iter().any(|other| other == name)
            })
            && absent_or(&self.kind, &|name| is_kind(name, &row.resource))
            && absent_or(&self.verb, &|verb| row.verb.eq_ignore_ascii_case(verb))
            && self.since.is_none_or(|since| row.end_at >= since.0)
            && self.until.is_none_or(|until| row.start_at < until.0)
    }
}

/// Whether `wanted` names the user, in full or in short.
pub fn is_user(wanted: &str, user: &str) -> bool {
    !user.is_empty() && (wanted == user || wanted == short_user(user))
}

/// Whether `wanted` names the resource: its plural, its kind or the kind in lower case.
pub fn is_kind(wanted: &str, resource: &str) -> bool {
    wanted.eq_ignore_ascii_case(resource) || (!resource.is_empty() && wanted.eq_ignore_ascii_case(&kind(resource)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::time::Micros;

    fn row() -> ContextRow {
        ContextRow {
            user: "system:serviceaccount:ci:deployer".into(),
            verb: "patch".into(),
            resource: "deployments".into(),
            namespace: "shop".into(),
            namespaces: vec!["shop".into(), "shop-db".into()],
            start_at: Micros(100),
            end_at: Micros(200),
            ..ContextRow::default()
        }
    }

    #[test]
    fn each_condition_can_say_no() {
        let some = |text: &str| Some(text.to_owned());
        let yes = [
            Query { user: some("system:serviceaccount:ci:deployer"), ..Query::default() },
            Query { namespace: some("shop-db"), ..Query::default() },
            Query { kind: some("Deployment"), ..Query::default() },
            Query { kind: some("deployments"), verb: some("PATCH"), ..Query::default() },
            Query { since: Some(Moment(Micros(200))), until: Some(Moment(Micros(101))), ..Query::default() },
        ];
        let no = [
            Query { user: some("deployer"), ..Query::default() },
            Query { namespace: some("sho"), ..Query::default() },
            Query { kind: some("Pod"), ..Query::default() },
            Query { verb: some("delete"), ..Query::default() },
            Query { since: Some(Moment(Micros(201))), ..Query::default() },
            Query { until: Some(Moment(Micros(100))), ..Query::default() },
        ];
        assert!(yes.iter().all(|query| query.asks_for(&row())));
        assert!(!no.iter().any(|query| query.asks_for(&row())));
        let background = ContextRow { background: "leases".into(), ..row() };
        assert!(!Query::default().asks_for(&background));
        assert!(Query { background: true, ..Query::default() }.asks_for(&background));
    }
}
