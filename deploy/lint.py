"""Checks deploy/ without a cluster.

Each overlay is rendered with kustomize; each object is checked strictly (no unknown field) against the OpenAPI schemas of the oldest
and the newest supported Kubernetes; names that must agree do; each PromQL expression parses and uses documented metrics only; the
configuration is one that the program takes; the Compose file is what its specification says, and hadolint has nothing to say of the
Dockerfile. Exits with 1 and one line for each problem.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import promql_parser
import yaml

DEPLOY = Path(__file__).resolve().parent
ROOT = DEPLOY.parent
KUBERNETES = ["1.30", "1.36"]
OVERLAYS = ["base", "overlays/s3", "overlays/processes", "monitoring"]
OPERATOR = "monitoring.coreos.com/v1"

problems: list[str] = []


def problem(place: object, what: object) -> None:
    problems.append(f"{place}: {what}")


def rendered(kustomize: str, overlay: str) -> list[dict]:
    """The objects of an overlay as kubectl would send them."""
    folder = DEPLOY / "kubernetes" / overlay
    if not shutil.which(kustomize):
        print("skipped: no kustomize, so plain files are checked instead of rendered ones")
        files = [file for file in sorted(folder.glob("*.yaml")) if file.name != "kustomization.yaml"]
        return [yaml.safe_load(file.read_text()) for file in files]
    done = subprocess.run([kustomize, "build", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        problem(overlay, done.stderr.strip())
        return []
    if done.stderr.strip():
        problem(overlay, f"kustomize warns: {done.stderr.strip()}")
    return [object_ for object_ in yaml.safe_load_all(done.stdout) if object_]


def check_schema(overlay: str, object_: dict) -> None:
    place = f"{overlay}: {object_['kind']} {object_['metadata']['name']}"
    if object_["apiVersion"] == OPERATOR:
        return
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(object_, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            problem(place, f"Kubernetes {version}: {error.message} at {'.'.join(map(str, error.path))}")


def check_links(overlay: str, objects: list[dict]) -> None:
    """Selectors, ports, volumes and configuration name what exists."""
    kinds = {object_["kind"]: object_ for object_ in objects}
    stateful, service = kinds["StatefulSet"], kinds["Service"]
    template = stateful["spec"]["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    container = pod["containers"][0]
    for kind, selector in [
        ("StatefulSet", stateful["spec"]["selector"]["matchLabels"]),
        ("Service", service["spec"]["selector"]),
        ("PodDisruptionBudget", kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
        ("NetworkPolicy", kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]),
    ]:
        if not selector or not selector.items() <= labels.items():
            problem(overlay, f"{kind} selects {selector}, the pods have {labels}")
    if stateful["spec"]["serviceName"] != service["metadata"]["name"] or service["spec"]["clusterIP"] != "None":
        problem(overlay, "the StatefulSet's service is not the headless one")
    ports = {port["name"] for port in container["ports"]}
    for port in service["spec"]["ports"]:
        if port["targetPort"] not in ports:
            problem(overlay, f"the Service leads to port {port['targetPort']}, the container has {ports}")
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        if container[probe]["httpGet"]["port"] not in ports:
            problem(overlay, f"{probe} asks a port that is not there")
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in stateful["spec"].get("volumeClaimTemplates", [])}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    if mounts != volumes:
        problem(overlay, f"volumes {volumes} are mounted as {mounts}")
    configs = {object_["metadata"]["name"] for object_ in objects if object_["kind"] == "ConfigMap"}
    for volume in pod["volumes"]:
        if "configMap" in volume and volume["configMap"]["name"] not in configs:
            problem(overlay, f"no ConfigMap {volume['configMap']['name']}")
    security = container["securityContext"]
    if not pod["securityContext"]["runAsNonRoot"] or not security["readOnlyRootFilesystem"]:
        problem(overlay, "the container may be root, or write to its image")
    processes = {line["name"]: line.get("value") for line in container["env"]}.get("CAUSEWAY__RUN__PROCESSES", "1")
    replicas = stateful["spec"]["replicas"]
    if str(replicas) != processes:
        problem(overlay, f"{replicas} pods for {processes} processes: pods that are no process of one run are fenced")
    hosts = [line for object_ in objects for line in object_.get("data", {}).get("hosts", "").splitlines() if line[:1] not in ("", "#")]
    if replicas > 1 and len(hosts) != replicas:
        problem(overlay, f"{len(hosts)} hosts for {replicas} processes")
    if replicas > 1 and stateful["spec"].get("podManagementPolicy") != "Parallel":
        problem(overlay, "the pods would wait for each other to be ready, which none is before all are there")


def documented() -> set[str]:
    """Names of the metrics table, histograms with the names of their series."""
    names = set()
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "schemas/metrics.md").read_text(), re.M):
        names |= {name} | ({f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else set())
    return names | {"up"}


def check_promql(place: str, expression: str, known: set[str]) -> None:
    expression = expression.replace("$__rate_interval", "5m").replace('"$job"', '".+"')
    try:
        parsed = promql_parser.parse(expression)
    except Exception as error:  # the parser has one kind for all
        problem(place, f"`{expression}` is no PromQL: {error}")
        return
    for name in re.findall(r"([a-zA-Z_:][\w:]*)\s*(?:\{|\[|$|\s*[)><=+*/-])", str(parsed)):
        if name not in known and re.search(rf"\b{name}\s*\{{", str(parsed)):
            problem(place, f"{name} is not in schemas/metrics.md")


def check_rules(write: bool, known: set[str]) -> None:
    path = DEPLOY / "kubernetes/monitoring/prometheusrule.yaml"
    text = (DEPLOY / "prometheus/causeway.rules.yaml").read_text()
    rules = yaml.safe_load(text)
    if write:
        head = path.read_text().split("spec:\n")[0] + "spec:\n"
        lines = text[text.index("groups:") :].splitlines(keepends=True)
        path.write_text(head + "".join("  " + line if line.strip() else line for line in lines))
    if yaml.safe_load(path.read_text())["spec"] != rules:
        problem(path.name, "differs from prometheus/causeway.rules.yaml; run deploy/lint --write")
    for rule in rules["groups"][0]["rules"]:
        check_promql(rule["alert"], rule["expr"], known)
        if rule["labels"]["severity"] not in ("warning", "critical") or set(rule["annotations"]) != {"summary", "description"}:
            problem(rule["alert"], "wants a severity of warning or critical, a summary and a description")
        promql_parser.parse_duration(rule["for"])


def check_monitor(base: list[dict]) -> None:
    monitor = yaml.safe_load((DEPLOY / "kubernetes/monitoring/servicemonitor.yaml").read_text())
    service = next(object_ for object_ in base if object_["kind"] == "Service")
    if not monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
        problem("ServiceMonitor", "does not select the Service")
    for endpoint in monitor["spec"]["endpoints"]:
        if endpoint["port"] not in {port["name"] for port in service["spec"]["ports"]}:
            problem("ServiceMonitor", f"no port {endpoint['port']} in the Service")
        if promql_parser.parse_duration(endpoint["scrapeTimeout"]) > promql_parser.parse_duration(endpoint["interval"]):
            problem("ServiceMonitor", "the scrape takes longer than the interval")


def check_dashboard(known: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "grafana/causeway.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            problem("dashboard", f"{panel['title']} lies over another panel or beyond the edge")
        taken |= cells
        for target in panel["targets"]:
            check_promql(f"dashboard: {panel['title']}", target["expr"], known)
    if len({panel["id"] for panel in dashboard["panels"]}) != len(dashboard["panels"]):
        problem("dashboard", "two panels have one id")


def check_dockerfile() -> None:
    """The last stage is distroless, runs as a number that is not root, and starts the program directly; hadolint is content."""
    # Versions of Debian's packages go away when there are newer ones: pinned, the image could not be built any more.
    tool("hadolint", "--no-color", "--ignore", "DL3008", str(DEPLOY / "Dockerfile"))
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    if not re.match(r"FROM gcr\.io/distroless/\S+:nonroot$", last[0]):
        problem("Dockerfile", "the last stage is not distroless and nonroot")
    if not any(re.match(r"USER [1-9]\d*(:[1-9]\d*)?$", line) for line in last):
        problem("Dockerfile", "wants a USER by number, so that Kubernetes can see that it is not root")
    if not any(line.startswith('ENTRYPOINT ["/') for line in last) or any(line.startswith("RUN ") for line in last):
        problem("Dockerfile", "there is no shell in the last stage")


def tool(name: str, *args: str) -> None:
    """What a linter of the environment of this one says of a file."""
    done = subprocess.run([Path(sys.executable).with_name(name), *args], capture_output=True, text=True)
    if done.returncode != 0:
        problem(name, (done.stdout + done.stderr).strip())


def check_compose() -> None:
    """The file is what the Compose specification says, and its services name each other."""
    path = ROOT / "kafka/compose.yaml"
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))
    services = yaml.safe_load(path.read_text())["services"]
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            if "healthcheck" not in services.get(other, {}):
                problem("compose.yaml", f"{name} waits for the health of {other}, which has none to tell")
        if ":" not in service["image"] or service["image"].endswith(":latest"):
            problem("compose.yaml", f"the image of {name} has no version")


def check_config() -> None:
    """The program itself says whether it takes the configuration, where it is built."""
    builds = [path for path in (ROOT / "target/debug/causeway", ROOT / "target/release/causeway") if path.exists()]
    if not builds:
        print("skipped: the program is not built, so its configuration is not checked")
        return
    newest = max(builds, key=lambda path: path.stat().st_mtime)
    done = subprocess.run(
        [newest, "config", "check", DEPLOY / "kubernetes/base/causeway.toml"], capture_output=True, text=True
    )
    if done.returncode != 0:
        problem("causeway.toml", done.stderr.strip())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kustomize", default="kustomize")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    known = documented()
    count = 0
    for overlay in OVERLAYS:
        objects = rendered(args.kustomize, overlay)
        count += len(objects)
        for object_ in objects:
            check_schema(overlay, object_)
        if overlay == "base":
            check_monitor(objects)
        if overlay != "monitoring" and objects and shutil.which(args.kustomize):
            check_links(overlay, objects)
    check_rules(args.write, known)
    check_dashboard(known)
    check_dockerfile()
    check_compose()
    check_config()
    for line in problems:
        print(line, file=sys.stderr)
    print(f"deploy: {count} objects in {len(OVERLAYS)} overlays against Kubernetes {' and '.join(KUBERNETES)}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
