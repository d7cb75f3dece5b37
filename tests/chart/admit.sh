#!/usr/bin/env bash
# Lets a real API server judge the chart, without a kubelet: its schemas and those of the Gateway API and the Prometheus operator, and the
# restricted Pod Security Standard, without a warning. Installs, upgrades, rolls back and removes with Helm.
#
#   admit.sh WORK CACHE    WORK/rendered and WORK/app as check-chart makes them; CACHE/kube as `scripts/install chart` fills it
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$1
kube=$2/kube
space=sso # as check-chart renders it
export KUBECONFIG="$work/kubeconfig"
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

main() {
    serve
    kubectl create namespace $space >/dev/null
    for mode in enforce warn audit; do
        kubectl label namespace $space "pod-security.kubernetes.io/$mode=restricted" >/dev/null
    done
    kubectl apply --server-side -f "$kube/crds" >/dev/null
    kubectl wait --for=condition=Established --timeout=60s -f "$kube/crds" >/dev/null

    local values
    for values in tests/chart/values/*.yaml; do
        release_of "$(basename "$values" .yaml)" helm/postern --values "$values"
    done
    release_of sidecar "$work/app"
    local rendered
    for rendered in kustomize kustomize-sidecar; do
        quietly kubectl --namespace $space apply --dry-run=server -f "$work/rendered/$rendered.yaml"
        pods_of "$work/rendered/$rendered.yaml"
    done
    echo "chart: Kubernetes $(kubectl version -o json 2>/dev/null | sed -n 's/.*"gitVersion": "v\(1\.[0-9.]*\)".*/\1/p' | tail -1) admits, upgrades and rolls back all of it without a warning"
}

# An installation comes, changes, goes back and leaves nothing.
release_of() {
    local name=$1
    shift
    helm template "$name" "$@" --namespace $space >"$work/$name.yaml"
    pods_of "$work/$name.yaml"
    quietly helm install "$name" "$@" --namespace $space
    # A setting, of which pods hear by the checksum alone.
    local change=config.log.filter=debug
    if [ "$name" = sidecar ]; then change=postern.$change; fi
    quietly helm upgrade "$name" "$@" --namespace $space --set $change
    [ "$(generation "$name")" = 2 ] || fail "$name: the upgrade changes no pod"
    quietly helm rollback "$name" 1 --namespace $space
    [ "$(generation "$name")" = 3 ] || fail "$name: the rollback changes no pod"
    quietly helm uninstall "$name" --namespace $space
    local left
    left=$(kubectl --namespace $space get all,configmap,ingress,networkpolicy,pdb,hpa,serviceaccount,httproutes,servicemonitors,prometheusrules --output name |
        grep -vx -e configmap/kube-root-ca.crt -e serviceaccount/default || true)
    [ ! "$left" ] || fail "$name leaves behind: $left"
}

# How often the Deployment of a release was changed.
generation() {
    kubectl --namespace $space get deployment --output jsonpath='{.items[0].metadata.generation}' 2>/dev/null ||
        fail "$1 has no Deployment"
}

# Admission refuses pods, not Deployments; so each Deployment's pod is shown to it, too.
pods_of() {
    python tests/chart/pods.py "$1" >"$work/pods.yaml"
    quietly kubectl --namespace $space apply --dry-run=server -f "$work/pods.yaml"
}

# Fails where a command does, or has anything to say on standard error.
quietly() {
    if ! "$@" >"$work/out" 2>"$work/err" || [ -s "$work/err" ]; then
        cat "$work/out" "$work/err" >&2
        fail "$*"
    fi
}

# etcd and an API server on loopback, at ports that are free.
serve() {
    local ports
    mapfile -t ports < <(python -c 'import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in taken), sep="\n")')
    mkdir "$work/kube"
    openssl genrsa -out "$work/kube/key" 2048 2>/dev/null
    openssl rand -hex 16 | sed 's/$/,admin,admin,system:masters/' >"$work/kube/tokens"
    etcd --data-dir "$work/kube/etcd" --listen-client-urls "http://127.0.0.1:${ports[0]}" --unsafe-no-fsync \
        --advertise-client-urls "http://127.0.0.1:${ports[0]}" --listen-peer-urls "http://127.0.0.1:${ports[1]}" >"$work/kube/etcd.log" 2>&1 &
    # There is no controller that would make the service account of a namespace, so no pod may have to wait for it.
    "$kube/bin/kube-apiserver" --etcd-servers="http://127.0.0.1:${ports[0]}" --secure-port="${ports[2]}" --bind-address=127.0.0.1 \
        --advertise-address=127.0.0.1 --cert-dir="$work/kube/certs" --service-account-key-file="$work/kube/key" \
        --service-account-signing-key-file="$work/kube/key" --service-account-issuer=https://kubernetes.default.svc \
        --token-auth-file="$work/kube/tokens" --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/16 \
        --disable-admission-plugins=ServiceAccount >"$work/kube/api.log" 2>&1 &
    kubectl config set-cluster it --server="https://127.0.0.1:${ports[2]}" --insecure-skip-tls-verify=true >/dev/null
    kubectl config set-credentials admin --token="$(cut -d, -f1 "$work/kube/tokens")" >/dev/null
    kubectl config set-context it --cluster=it --user=admin >/dev/null
    kubectl config use-context it >/dev/null
    for _ in $(seq 120); do
        if kubectl get --raw /readyz >/dev/null 2>&1; then return; fi
        sleep 0.5
    done
    tail -5 "$work/kube/api.log" >&2
    fail "the API server does not become ready"
}

fail() { echo "chart: $*" >&2 && exit 1; }

main
