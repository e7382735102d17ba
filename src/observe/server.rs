//! The HTTP server for whoever watches: `/metrics` (Prometheus), `/healthz` (is alive), `/readyz` (is well, and if not why).
//!
//! It has a thread and a small runtime of its own, so it answers while all workers are busy. It shows names of topics and
//! files, so it listens where it is told and nowhere else; the default of `run` is this machine only.

use super::{Health, metric, process};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Time between two looks of the exporter at what it keeps of histograms, so that nothing piles up while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics and health at {address}: {source}; set observe.listen to a free address, or to \"off\"")]
pub struct ServerError {
    address: SocketAddr,
    source: io::Error,
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Watched {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

impl Server {
    /// Listens at `address` (port 0 is any free one) and makes the process keep metrics.
    ///
    /// # Errors
    /// When the address is not free or not ours.
    pub fn start(address: SocketAddr, health: Arc<Health>) -> Result<Server, ServerError> {
        let failed = |source| ServerError { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let watched = Watched { health, metrics: metric::install() };
        metric::BUILD_INFO.gauge(&[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("observe".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, watched, stopped)) {
                    tracing::error!(%error, "metrics and health are no longer served; the run goes on");
                }
            })
            .map_err(failed)?;
        tracing::info!(address = %bound, "serving /metrics, /healthz and /readyz");
        Ok(Server { address: bound, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, watched: Watched, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let metrics = watched.metrics.clone();
    let upkeep = async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            metrics.run_upkeep();
        }
    };
    tokio::select! {
        ended = axum::serve(listener, routes(watched)).into_future() => ended,
        () = upkeep => Ok(()),
        // Connections that are still open are cut: nobody waits for a scrape to end.
        _ = stopped => Ok(()),
    }
}

fn routes(watched: Watched) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(watched)
}

async fn metrics(State(watched): State<Watched>) -> Response {
    metric::UPTIME.gauge(&[]).set(watched.health.uptime().as_secs_f64());
    process::observe();
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, watched.metrics.render()).into_response()
}

async fn readyz(State(watched): State<Watched>) -> Response {
    let report = watched.health.report();
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string_pretty(&report) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body + "\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Phase;
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn health_and_metrics_are_served_until_the_server_is_dropped() {
        let health = Arc::new(Health::default());
        let server = Server::start("127.0.0.1:0".parse().unwrap(), Arc::clone(&health)).unwrap();
        let address = server.address();
        assert!(get(address, "/healthz").ends_with("ok\n"));
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 503"));
        health.phase(Phase::Running);
        health.stalled("audit/1", "no broker answers");
        let answer = get(address, "/readyz");
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("audit/1 is stalled: no broker answers"),
            "{answer}"
        );
        health.running("audit/1");
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200"));
        metric::END_TO_END_LAG.histogram(&[]).record(0.7);
        let answer = get(address, "/metrics");
        for line in
            ["build_info{version=", "# TYPE source_stalled gauge", "end_to_end_lag_time_seconds_bucket{le=\"1\"}"]
        {
            assert!(answer.contains(line), "{line} is not in {answer}");
        }
        assert!(get(address, "/nothing").starts_with("HTTP/1.1 404"));
        assert!(Server::start(address, health).is_err(), "the address is taken");
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
