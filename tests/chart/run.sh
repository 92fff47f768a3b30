#!/bin/sh
# run.sh BINARY - the Helm chart: linted, rendered with the values that people use, each result held against Kubernetes'
# own schemas, and values that are wrong must be refused. Closes with `N passed, N failed`.
# HELM (default: helm in PATH, else built with go into build/tools); python3 brings the schemas (kubernetes-validate).
set -u
cd "$(dirname "$0")/../.." || exit 1
binary=$1
chart=docker/chart
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

tools=$PWD/build/tools
helm=${HELM:-$(command -v helm || echo "$tools/helm")}
if [ ! -x "$helm" ]; then
    go=$(command -v go || echo /usr/local/go/bin/go)
    [ -x "$go" ] || { echo "chart-lint: needs helm, or go to build it" >&2; exit 1; }
    GOBIN=$tools GOFLAGS=-modcacherw "$go" install helm.sh/helm/v3/cmd/helm@v3.18.6 || exit 1
fi
validate=$tools/chart-venv/bin/kubernetes-validate
if [ ! -x "$validate" ]; then
    python3 -m venv "$tools/chart-venv" && "$tools/chart-venv/bin/pip" install -q kubernetes-validate==1.33.1 || exit 1
fi

count() {    # what, status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $1"
        [ -s "$work/log" ] && cat "$work/log"
    fi
    : >"$work/log"
}

# Renders with the values given into $work/out; the schemas do not know the Prometheus operator's kind.
good() {    # what, helm's arguments...
    what=$1
    shift
    "$helm" lint --strict "$chart" "$@" >"$work/log" 2>&1
    count "$what: lint" $?
    "$helm" template try "$chart" --kube-version 1.33.0 "$@" >"$work/out" 2>"$work/log"
    count "$what: template" $?
    awk -v RS='---\n' '!/kind: ServiceMonitor/ && /kind:/ { printf "---\n%s", $0 }' "$work/out" \
        >"$work/known"
    # An empty file would pass.
    { grep -q 'kind: Deployment' "$work/known" && "$validate" --strict -k 1.33 "$work/known"; } >"$work/log" 2>&1
    count "$what: Kubernetes takes it" $?
}
has() { grep -qF -- "$1" "$work/out"; count "has: $1" $?; }
lacks() { ! grep -qF -- "$1" "$work/out"; count "lacks: $1" $?; }
bad() {    # what the message says, helm's arguments...
    says=$1
    shift
    if "$helm" template try "$chart" --kube-version 1.33.0 "$@" >/dev/null 2>"$work/log"; then
        count "refused: $*" 1
        return
    fi
    grep -q "$says" "$work/log"
    count "refused with $says: $*" $?
}

good defaults
has 'replicas: 2'
has 'terminationGracePeriodSeconds: 45'
has 'readOnlyRootFilesystem: true'
has 'kind: PodDisruptionBudget'
lacks 'kind: HorizontalPodAutoscaler'
lacks 'ROSIM_MODEL'

cat >"$work/all.yaml" <<'END'
model: { name: bge, volume: { persistentVolumeClaim: { claimName: models, readOnly: true } }, path: bge-small-zh }
options: { MAX_LENGTH: "1024", ATTENTION: softmax, THREADS: 2 }
apiKeys: { existingSecret: rosim-keys }
tls: { existingSecret: rosim-tls }
state: { existingClaim: rosim-state }
drainDelaySeconds: 12
autoscaling: { enabled: true, maxReplicas: 5 }
ingress: { enabled: true, className: nginx, hosts: [{ host: rosim.example.com, path: / }],
           tls: [{ secretName: rosim-tls, hosts: [rosim.example.com] }] }
serviceMonitor: { enabled: true, labels: { release: prometheus } }
networkPolicy: { enabled: true }
image: { repository: registry.example.com/rosim, tag: bare, pullSecrets: [{ name: registry }] }
nodeSelector: { kubernetes.io/arch: amd64 }
tolerations: [{ key: cpu, operator: Exists }]
podAnnotations: { note: "1" }
podLabels: { team: search }
END
good everything -f "$work/all.yaml"
lacks 'replicas: 2'
has 'name: rosim_queue_tokens'
has 'value: "/model/bge-small-zh"'
has 'terminationGracePeriodSeconds: 52'
has 'scheme: HTTPS'
has 'kind: ServiceMonitor'
has 'name: ROSIM_MAX_LENGTH, value: "1024"'
unknown=$(grep -o 'ROSIM_[A-Z_]*' "$work/out" | sort -u | while read -r name; do
    "$binary" serve --help | grep -q "$name\\b" || echo "$name"
done)
[ -z "$unknown" ]
count "every variable is an option of rosim serve: $unknown" $?

good external --set autoscaling.enabled=true,autoscaling.metricType=External
has 'type: External'

bad 'replicas' --set replicas=-1
bad 'pullPolicy' --set image.pullPolicy=Sometimes
bad 'replica' --set replica=3
bad "'PORT'" --set options.PORT=9000
bad "'max-length'" --set options.max-length=9
bad 'maxUnavailable' --set podDisruptionBudget.maxUnavailable=some
bad 'path' --set 'model.path=/etc'
bad 'metricType' --set autoscaling.metricType=Resource

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
