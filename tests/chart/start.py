#!/usr/bin/env python3
"""Starts the container of a rendering as it stands there: its arguments, environment, user, read-only root and mounts, with a Redis of the
kind that it asks for; and asks its probes at the address of the pod, as the kubelet does.

    start.py RENDERING.yaml PROGRAM

It plays a node: a network of its own, in which every port is free, and the names of the store's servers lead to Redis. The container is
made by bubblewrap, and has of this machine the libraries of /usr alone."""

import base64
import http.client
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

# Counted by rounds in the background, the first of which are a minute after the start.
LATER = {"postern_metadata_refresh_failures_total", "postern_health_checks_total"}

POD = "10.244.0.7"
GATEWAY = "10.244.0.1"


def main():
    rendering, program = sys.argv[1:3]
    if "--inside" not in sys.argv:
        node = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp(node[0], [*node, sys.executable, *sys.argv, "--inside"])
    for command in (f"ip address add {POD}/32 dev lo", f"ip address add {GATEWAY}/32 dev lo", "ip link set lo up"):
        subprocess.run(command.split(), check=True)
    resources = [found for found in yaml.safe_load_all(Path(rendering).read_text()) if found]
    with tempfile.TemporaryDirectory() as work:
        node = Node(Path(work), Path(program).resolve(), resources)
        try:
            node.walk()
            print(f"chart: {Path(rendering).stem}: ready after {node.ready_ms} ms, signed people in with {node.memory // 1024} MiB, stopped in order")
        except AssertionError as failed:
            print((node.work / "log").read_text() if (node.work / "log").exists() else "it was not started", file=sys.stderr)
            sys.exit(f"chart: {Path(rendering).stem}: {failed}")
        finally:
            for process in node.processes:
                process.kill()
                process.wait()


class Node:
    def __init__(self, work, program, resources):
        self.work, self.program, self.resources = work, program, resources
        self.processes, self.hosts, self.ready_ms, self.memory = [], {}, None, None
        self.pod = next(found["spec"]["template"]["spec"] for found in resources if found["kind"] == "Deployment")
        containers = [*self.pod["containers"], *self.pod.get("initContainers", [])]
        self.container = next(found for found in containers if found["name"] == "postern")
        self.sidecar = self.container.get("restartPolicy") == "Always"
        self.ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.probes = {name: self.container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}

    def walk(self):
        mounts = self.mounts()
        config = tomllib.loads((mounts["/etc/postern"] / "postern.toml").read_text())
        store = config["store"].get("url") or (mounts["/run/postern"] / "store-url").read_text()
        redis = Redis(self, store)
        container = self.start(mounts)
        try:
            self.becomes_ready(container)
            key = self.adds_an_api_key(mounts["/run/postern"])
            self.listens_where_it_should()
            self.helm_test()
            self.tells_its_numbers()
            self.signs_people_in(mounts["/run/postern"], urlsplit(config["public_url"]).path)
            self.fits(self.pid_of_program(container.pid))
            redis.freeze(True)
            assert self.probe("liveness") == 200, "liveness depends on the store"
            assert self.probe("readiness") != 200, "readiness does not depend on the store"
            redis.freeze(False)
            self.until(lambda: self.probe("readiness") == 200, 10, "it is not ready again, although the store is back")
            self.until(lambda: self.api(key) == 200, 10, "a key that was added to the Secret does not count")
            self.stops(container, config["operations"]["drain_seconds"])
        finally:
            redis.freeze(False)

    def start(self, mounts):
        """The container, with a root that it cannot write, and no capability."""
        security = self.pod.get("securityContext", {}) | self.container["securityContext"]
        assert security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"], security
        assert not self.container.get("command"), "the command is the image's entry point"
        environment = {"PATH": "/", "HOSTNAME": "pod"} | {entry["name"]: entry["value"] for entry in self.container.get("env", [])}
        if self.pod.get("enableServiceLinks", True):
            environment |= self.service_links()
        names = "".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **self.hosts}.items())
        (self.work / "hosts").write_text(names)
        command = "bwrap --unshare-user --unshare-pid --unshare-ipc --die-with-parent --cap-drop ALL --clearenv --proc /proc --dev /dev".split()
        command += ["--uid", str(security["runAsUser"]), "--gid", str(security["runAsGroup"]), "--chdir", "/"]
        command += "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64".split()
        command += ["--ro-bind", self.work / "hosts", "/etc/hosts", "--ro-bind", self.program, "/postern"]
        for path, folder in mounts.items():
            command += ["--ro-bind", folder, path]
        for name, value in environment.items():
            command += ["--setenv", name, value]
        command += ["--remount-ro", "/", "/postern", *self.container["args"]]
        log = (self.work / "log").open("w")
        return self.run(command, stdout=log, stderr=log)

    def run(self, command, **more):
        process = subprocess.Popen([str(part) for part in command], **more)
        self.processes.append(process)
        return process

    def service_links(self):
        """What Kubernetes puts into the environment, were a Service beside it called postern and had a port called listen."""
        return {
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "POSTERN_SERVICE_HOST": "10.96.0.7",
            "POSTERN_SERVICE_PORT": "80",
            "POSTERN_SERVICE_PORT_LISTEN": "80",
            "POSTERN_PORT": "tcp://10.96.0.7:80",
            "POSTERN_PORT_80_TCP": "tcp://10.96.0.7:80",
            "POSTERN_PORT_80_TCP_ADDR": "10.96.0.7",
        }

    def mounts(self):
        """A folder for each mount, with what the ConfigMaps of the rendering and the Secrets of a cluster have."""
        maps = {found["metadata"]["name"]: found["data"] for found in self.resources if found["kind"] == "ConfigMap" and "data" in found}
        secrets = Secrets(self.work, self.program)
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        mounts = {}
        for mount in self.container["volumeMounts"]:
            assert mount["readOnly"], mount
            volume, folder = volumes[mount["name"]], self.work / "mounts" / mount["name"]
            folder.mkdir(parents=True)
            sources = volume["projected"]["sources"] if "projected" in volume else [volume]
            for source in sources:
                if "configMap" in source:
                    name, items = source["configMap"]["name"], source["configMap"].get("items")
                    data = maps.get(name) or {"ca.crt": secrets["ca.crt"]}
                    data = {item["path"]: data[item["key"]] for item in items} if items else data
                else:
                    data = {item["path"]: secrets[item["key"]] for item in source["secret"]["items"]}
                for path, text in data.items():
                    write(folder, path, text)
            mounts[mount["mountPath"]] = folder
        return mounts

    def becomes_ready(self, container):
        began, probe = time.monotonic(), self.probes["startup"]
        patience = probe["periodSeconds"] * probe["failureThreshold"]
        self.until(lambda: container.poll() is not None or self.probe("startup") == 200, patience, "it did not start in time")
        assert container.poll() is None, f"it ended with status {container.poll()}"
        self.ready_ms = round((time.monotonic() - began) * 1000)
        for name in ("liveness", "readiness"):
            assert self.probe(name) == 200, f"the {name} probe says {self.probe(name)}"

    def adds_an_api_key(self, folder):
        """Changes a Secret as the kubelet does: another folder takes the place of the one that a link names."""
        added = base64.b32encode(os.urandom(20)).decode()
        assert self.api(added) == 401, "a key counts that nobody has written"
        write(folder, "api-keys", (folder / "api-keys").read_text() + added + "\n")
        return added

    def api(self, key):
        port = next(port for name, port in self.ports.items() if name.endswith("api"))
        try:
            return status(f"http://127.0.0.1:{port}/api/v1/tenants", 5, {"Authorization": f"Api-Key {key}"})
        except OSError:
            return None

    def listens_where_it_should(self):
        """Every port that the container names is there; those of a sidecar on loopback alone, if neither a Service leads there nor a probe."""
        services = [found["spec"]["ports"] for found in self.resources if found["kind"] == "Service"]
        led_to = {port["targetPort"] for ports in services for port in ports}
        led_to |= {probe["httpGet"]["port"] for probe in self.probes.values()}
        for name, port in self.ports.items():
            assert connects("127.0.0.1", port), f"nothing listens on port {name}"
            outside, wanted = connects(POD, port), not self.sidecar or name in led_to
            assert outside == wanted, f"port {name} is {'' if outside else 'not '}reached from outside the pod"

    def helm_test(self):
        """The pod of `helm test` runs here too, and finds by the Services what they lead to."""
        pods = [found for found in self.resources if found["kind"] == "Pod"]
        for pod in pods:
            (container,) = pod["spec"]["containers"]
            routes = []
            for service in (found for found in self.resources if found["kind"] == "Service"):
                name, space = service["metadata"]["name"], service["metadata"]["namespace"]
                for port in service["spec"]["ports"]:
                    routes.append(f'connect-to = "{name}.{space}.svc:{port["port"]}:{POD}:{self.ports[port["targetPort"]]}"\n')
            (self.work / ".curlrc").write_text("".join(routes))
            environment = {"PATH": os.environ["PATH"], "CURL_HOME": str(self.work)}
            environment |= {entry["name"]: entry["value"] for entry in container["env"]}
            done = subprocess.run([*container["command"], *container["args"]], env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, f"helm test: {done.stdout}{done.stderr}"

    def signs_people_in(self, secrets, path):
        """Postern's own load program plays browser, app and identity provider, before a gateway that leads to both listeners."""
        gateway = Gateway(self.ports)
        key = (secrets / "api-keys").read_text().splitlines()[0]
        load = [self.program.with_name("postern-load"), "--url", f"http://127.0.0.1:{gateway.port}{path}", "--api-key", key, "-n", "4", "-c", "1"]
        done = subprocess.run(load, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"nobody signs in: {done.stdout}{done.stderr}"

    def tells_its_numbers(self):
        """What alerts and the dashboard ask for is there, once something was refused."""
        assert status(f"http://127.0.0.1:{next(iter(self.ports.values()))}/nothing", 5) == 404
        with urllib.request.urlopen(f"http://{POD}:{self.ports[self.probes['liveness']['httpGet']['port']]}/metrics", timeout=5) as answer:
            told = set(re.findall(r"^# TYPE (postern_\w+)", answer.read().decode(), re.MULTILINE))
        asking = [found for found in self.resources if found["kind"] == "PrometheusRule" or "postern.json" in found.get("data", {})]
        missing = set(re.findall(r"postern_\w+", yaml.safe_dump(asking))) - told - LATER
        assert not missing, f"/metrics does not have {missing}"

    def fits(self, pid):
        """What it takes itself, idle, is less than it asks for; a program that is built for tests has more pages of code than others."""
        sizes = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
        self.memory = int(sizes["VmRSS"])
        asked_for = self.container["resources"]["requests"]["memory"]
        assert int(sizes["RssAnon"]) < int(asked_for.removesuffix("Mi")) * 1024, f"it takes {sizes['RssAnon']} KiB and asks for {asked_for}"

    def stops(self, container, drain):
        """First nobody is sent here any more, then it goes, within the time that the kubelet gives it."""
        grace = self.pod.get("terminationGracePeriodSeconds", 30)
        hook = self.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        # FINISH in crates/server/src/listen.rs: what is being answered has 10 seconds.
        assert hook + drain + 10 < grace, f"{grace} seconds are too few"
        told = time.monotonic()
        # The first process in the container's own namespace is bubblewrap's; the kubelet tells the program itself.
        os.kill(self.pid_of_program(container.pid), signal.SIGTERM)
        if drain:
            self.until(lambda: self.probe("readiness") == 503, drain, "it is told to stop, and still says that it is ready")
            assert connects("127.0.0.1", next(iter(self.ports.values()))), "it answers nobody while it drains"
        status = container.wait(timeout=grace - hook)
        assert status == 0, f"it ended with status {status}"
        assert time.monotonic() - told >= drain, "it went before the time to drain was over"

    def pid_of_program(self, pid):
        while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(children[0])
        return pid

    def probe(self, name):
        get = self.probes[name]["httpGet"]
        try:
            return status(f"http://{POD}:{self.ports[get['port']]}{get['path']}", self.probes[name]["timeoutSeconds"])
        except OSError:
            return None

    def until(self, holds, seconds, otherwise):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, otherwise
            time.sleep(0.02)


class Gateway(http.server.ThreadingHTTPServer):
    """Leads the API to its listener, which knows no path of the public URL, and everything else to the public one."""

    def __init__(self, ports):
        super().__init__(("127.0.0.1", 0), Forward)
        self.port = self.server_address[1]
        (self.public,) = (port for name, port in ports.items() if name in ("http", "postern"))
        (self.api,) = (port for name, port in ports.items() if name.endswith("api"))
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        api = self.path.find("/api/v1/")
        port, path = (self.server.public, self.path) if api < 0 else (self.server.api, self.path[api:])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        onward = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        onward.request(self.command, path, body, dict(self.headers))
        answer = onward.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = forward

    def log_message(self, *_):
        pass


class Secrets(dict):
    """The members of the Secrets that the values name, made when they are asked for."""

    def __init__(self, work, program):
        super().__init__()
        self.work, self.program = work, program

    def __missing__(self, key):
        if key in ("ca.crt", "tls.crt", "tls.key"):
            self.certificates()
        else:
            self[key] = {
                "seal-keys": lambda: subprocess.run([self.program, "keys", "generate"], capture_output=True, text=True, check=True).stdout,
                "store-url": lambda: "redis://postern:a-password-for-redis@redis:6379\n",
                "fetch-proxy": lambda: "http://proxy.example.com:3128\n",
            }.get(key, lambda: base64.b32encode(os.urandom(20)).decode() + "\n")()
        return self[key]

    def certificates(self):
        """An authority, and one certificate of it for Redis and for who calls it."""
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
        files = {name: self.work / name for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")}
        quiet = {"check": True, "capture_output": True}
        subprocess.run([*openssl, "-subj", "/CN=authority", "-keyout", files["ca.key"], "-out", files["ca.crt"]], **quiet)
        issued = ["-subj", "/CN=redis", "-addext", "subjectAltName=DNS:redis", "-addext", "basicConstraints=critical,CA:FALSE"]
        issued += ["-CA", files["ca.crt"], "-CAkey", files["ca.key"]]
        subprocess.run([*openssl, *issued, "-keyout", files["tls.key"], "-out", files["tls.crt"]], **quiet)
        self.update({name: file.read_text() for name, file in files.items()})


class Redis:
    """A Redis of the kind that a URL asks for; each of its hosts has an address of its own."""

    def __init__(self, node, url):
        self.node, self.servers = node, []
        parts = urlsplit(url.strip())
        login, _, hosts = parts.netloc.rpartition("@")
        user, _, password = map(unquote, login.partition(":"))
        # The user of deploy/redis, with the rights that it has there.
        rights = (Path(__file__).parents[2] / "deploy/redis/users.acl").read_text().replace("resetpass", f">{password}")
        (node.work / "users.acl").write_text(rights)
        self.acl = ["--aclfile", node.work / "users.acl"] if user == "postern" else []
        hosts = [tuple(host.split(":")) for host in hosts.split(",")]
        for number, (name, _) in enumerate(hosts):
            node.hosts[name] = f"127.0.1.{number + 1}"
        addresses = [(node.hosts[name], port) for name, port in hosts]
        kind = parts.scheme.partition("+")[2]
        if kind == "sentinel":
            node.hosts["primary"] = "127.0.2.1"
            self.serve(("127.0.2.1", "6379"))
            self.sentinels(addresses, parts.path.strip("/"))
        else:
            more = self.tls() if parts.scheme == "rediss" else []
            for address in addresses:
                cluster = ["--cluster-enabled", "yes", "--cluster-announce-ip", address[0]] if kind == "cluster" else []
                self.serve(address, *more, *cluster, tls=parts.scheme == "rediss")
            if kind == "cluster":
                nodes = [":".join(address) for address in addresses]
                self.cli("--cluster", "create", *nodes, "--cluster-yes")

    def serve(self, address, *more, tls=False):
        folder = self.folder()
        ports = ["--port", "0", "--tls-port", address[1]] if tls else ["--port", address[1]]
        options = ["--bind", address[0], *ports, "--dir", folder, "--save", "", "--maxmemory-policy", "noeviction", *self.acl, *more]
        self.start("redis-server", *options, folder=folder, address=address)

    def sentinels(self, addresses, service):
        password = (self.node.work / "mounts/postern-secrets/sentinel-password").read_text().strip()
        for host, port in addresses:
            folder = self.folder()
            lines = f"bind {host}\nport {port}\nrequirepass {password}\ndir {folder}\nsentinel monitor {service} 127.0.2.1 6379 2\n"
            (folder / "sentinel.conf").write_text(lines)
            self.start("redis-server", folder / "sentinel.conf", "--sentinel", folder=folder, address=(host, port))

    def tls(self):
        work = self.node.work
        files = {"cert": "tls.crt", "key": "tls.key", "ca-cert": "ca.crt"}
        return [part for name, file in files.items() for part in (f"--tls-{name}-file", work / file)] + ["--tls-auth-clients", "yes"]

    def start(self, *command, folder, address):
        with (folder / "log").open("w") as log:
            self.servers.append(self.node.run(command, stdout=log, stderr=log))
        self.node.until(lambda: connects(address[0], int(address[1])), 20, f"Redis does not start: {(folder / 'log').read_text()}")

    def cli(self, *command):
        done = subprocess.run(["redis-cli", *command], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        self.node.until(self.is_whole, 20, "the cluster does not come about")

    def is_whole(self):
        asked = [["redis-cli", "-h", f"127.0.1.{number}", "cluster", "info"] for number in (1, 2, 3)]
        return all("cluster_state:ok" in subprocess.run(command, capture_output=True, text=True).stdout for command in asked)

    def folder(self):
        return Path(tempfile.mkdtemp(dir=self.node.work))

    def freeze(self, still):
        for server in self.servers:
            server.send_signal(signal.SIGSTOP if still else signal.SIGCONT)


def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


def write(folder, path, text):
    """Writes a file of a mounted volume, whose files are links into a folder that a link names, so that all change at once."""
    present, link = folder / "..data", folder / "..data_new"
    future = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    if present.exists():
        shutil.copytree(present.resolve(), future, dirs_exist_ok=True)
    (future / path).parent.mkdir(exist_ok=True)
    (future / path).write_text(text)
    link.symlink_to(future.name)
    link.rename(present)
    top = Path(path).parts[0]
    if not (folder / top).is_symlink():
        (folder / top).symlink_to(Path("..data") / top)


def status(url, timeout, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


if __name__ == "__main__":
    main()
