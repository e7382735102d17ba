//! From flags and configuration to the plan of the dataflow.

use super::super::evaluate::truth_of;
use super::super::exit::UsageError;
use super::Replay;
use crate::audit::filter::{Rules, Switches};
use crate::config::{self, Bodies, Config, ConfigError, FilterMode, FilterRules, ModelUse, Stages, Switch};
use crate::context::k8ntext::{self, Algorithm, Oracle};
use crate::context::tables::Tables;
use crate::flow::{Keep, Limits, Method, ReplayPlan};
use crate::lake::store;
use crate::model::labeler::{Labeler, LabelerError, Use};
use crate::model::runtime::{Device, RuntimeError};
use crate::observe::Progress;
use anyhow::Result;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Everything that the dataflow needs to know.
///
/// # Errors
/// When there is no output folder, or the file of causal rules is wrong.
pub fn plan(replay: &Replay, config: &Config, progress: Arc<Progress>, stop: Arc<AtomicBool>) -> Result<ReplayPlan> {
    Ok(ReplayPlan {
        inputs: replay.inputs.clone(),
        from: replay.from.map(|from| from.0),
        to: replay.to.map(|to| to.0),
        ..dataflow(config, progress, stop)?
    })
}

/// The same for a run that reads no files.
///
/// # Errors
/// As [`plan`].
pub fn dataflow(config: &Config, progress: Arc<Progress>, stop: Arc<AtomicBool>) -> Result<ReplayPlan> {
    let Some(output) = config.output.dir.clone() else {
        return Err(UsageError("no folder for the tables; give --output DIR or set output.dir".to_owned()).into());
    };
    Ok(ReplayPlan {
        inputs: Vec::new(),
        output,
        storage: store::Options {
            request_timeout: config.storage.request_timeout.as_duration(),
            retry_for: config.storage.retry_for.as_duration(),
        },
        cluster: config.stream.cluster.clone(),
        workers: workers(config.run.workers),
        keep: match config.filter.mode {
            FilterMode::Fold => Keep::Fold,
            FilterMode::Off => Keep::All,
            FilterMode::Light => Keep::Light,
            FilterMode::Full => Keep::Full,
        },
        rules: match config.filter.rules {
            FilterRules::Strict => Rules::Strict,
            FilterRules::K8ntext => Rules::K8ntext,
        },
        switches: switches(&config.filter.switches),
        all_stages: config.filter.stages == Stages::All,
        contexts: config.contexts.engine == Switch::On,
        method: method(&config.contexts)?,
        labeler: labeler(&config.model)?,
        live: None,
        sessions: config.sessions.engine == Switch::On,
        bodies: config.output.bodies == Bodies::Redacted,
        from: None,
        to: None,
        lateness_us: config.stream.allowed_lateness.as_micros(),
        max_future_skew_us: config.stream.max_future_skew.as_micros(),
        session_gap_us: config.sessions.gap.as_micros(),
        context_quiet_us: None,
        commit_every: config.commit.every.as_duration(),
        commit_bytes: config.commit.bytes.as_bytes(),
        block_bytes: config.files.block_bytes.as_usize(),
        max_record_bytes: config.files.max_record_bytes.as_usize(),
        limits: Limits { events: config.limits.context_events, age_us: config.limits.context_age.as_micros() },
        tables: Arc::new(causal_rules(config.contexts.rules.as_deref())?),
        progress,
        stop,
    })
}

/// The number of worker threads; 0 is one for each core that this process may use.
pub fn workers(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        some => some,
    }
}

/// How contexts are found.
fn method(config: &config::Contexts) -> Result<Method> {
    let algorithm = match config.method {
        config::Method::Causal => return Ok(Method::Causal),
        config::Method::K8ntext => Algorithm::Windows,
        config::Method::K8ntextOld => Algorithm::Actions,
    };
    let oracle = match (config.labels.as_str(), config.labels.split_once(':')) {
        ("proposed", _) => None,
        (_, Some(("oracle", file))) => Some(Arc::new(Oracle::new(&truth_of(Path::new(file))?))),
        (other, _) => {
            let text =
                format!("contexts.labels is `{other}`; write `proposed`, or `oracle:FILE` with a file of ground truth");
            return Err(UsageError(text).into());
        }
    };
    let settings = k8ntext::Settings {
        algorithm,
        control_plane: config.control_plane == Switch::On,
        max_lines: config.cluster_max_lines,
        timeout_us: config.cluster_timeout.as_micros(),
    };
    Ok(Method::K8ntext { settings, oracle })
}

/// The label model that the configuration names; `None` when there is none, or when it cannot be used and need not be.
pub fn labeler(config: &config::Model) -> Result<Option<Arc<Labeler>>> {
    let path = match (&config.path, config.labels) {
        (_, ModelUse::Off) | (None, ModelUse::Auto) => return Ok(None),
        (None, ModelUse::Required) => {
            let text = "model.labels is `required`, but there is no model; give --model FILE or set model.path";
            return Err(UsageError(text.to_owned()).into());
        }
        (Some(path), _) => path,
    };
    let device = match config.device {
        config::ModelDevice::Auto => Device::Auto,
        config::ModelDevice::Cpu => Device::Cpu,
        config::ModelDevice::Cuda => Device::Cuda,
    };
    match Labeler::open(path, Use { device, stride: config.stride, batch: config.batch }) {
        Ok(labeler) => Ok(Some(Arc::new(labeler))),
        // The library may be absent; a model that does not fit is a mistake of whoever named it, and a GPU was asked for by name.
        Err(LabelerError::Runtime(error))
            if config.labels == ModelUse::Auto && !matches!(error, RuntimeError::NoCuda(_)) =>
        {
            tracing::warn!("events get no model labels: {error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn causal_rules(file: Option<&Path>) -> Result<Tables> {
    let Some(path) = file else { return Ok(Tables::built_in()?) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Read { path: path.to_owned(), detail: error.to_string() })?;
    Ok(Tables::parse(&text, &path.display().to_string())?)
}

/// The switches of the configuration as the filter has them.
fn switches(on: &config::Switches) -> Switches {
    Switches {
        response_started_watch: on.response_started_watch,
        cni_and_external_namespaces: on.cni_and_external_namespaces,
        api_server_watching_objects: on.api_server_watching_objects,
        kube_controller_watching_objects: on.kube_controller_watching_objects,
        kube_scheduler_watching_objects: on.kube_scheduler_watching_objects,
        extension_apiserver_authentication: on.extension_apiserver_authentication,
        nodes_watching_pods_and_nodes: on.nodes_watching_pods_and_nodes,
        nodes_watching_configmaps: on.nodes_watching_configmaps,
        nodes_creating_sas_token: on.nodes_creating_sas_token,
        coredns_watching_namespaces: on.coredns_watching_namespaces,
        kube_proxy_watching_nodes: on.kube_proxy_watching_nodes,
        nodes_getting_their_own_status: on.nodes_getting_their_own_status,
        nodes_patching_their_own_status: on.nodes_patching_their_own_status,
        kube_controller_gc_and_rq_token: on.kube_controller_gc_and_rq_token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_the_defaults_of_the_configuration() {
        let mut config = Config::default();
        config.output.dir = Some("tables".into());
        config.run.workers = 1;
        let configured = dataflow(&config, Arc::default(), Arc::default()).unwrap();
        let tables = Arc::clone(&configured.tables);
        let built = ReplayPlan::new(Vec::new(), "tables".into(), Tables::built_in().unwrap());
        let built = ReplayPlan { tables, progress: Arc::clone(&configured.progress), ..built };
        assert_eq!(format!("{configured:?}"), format!("{built:?}"));
    }
}
