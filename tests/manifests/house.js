// What this project asks of its manifests beyond Kubernetes' schemas. Each check is one line of CHECKS.
import fs from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (path) => fs.readFileSync(new URL(path, ROOT), 'utf8');
const WORKLOADS = ['StatefulSet', 'Deployment', 'Job'];

// The settings that a program knows, from its tables.
function settings(...files) {
  const names = new Set();
  for (const file of files) {
    for (const m of read(file).matchAll(/(?:\.name = |SHARED_SETTING\()"([A-Z_]+)"/g)) names.add(m[1]);
  }
  return names;
}
const KNOWN = {
  'session-agent': settings('session-agent/agent_settings.c'),
  bridge: settings('bridge/bridge_settings.c', 'bridge/shared_settings.def'),
};

const LEDGER_BYTES = Number(/"LEDGER_BYTES"[^}]*?default_text = "(\d+)"/.exec(read('session-agent/agent_settings.c'))[1]);

const templates = (docs) => docs.filter((d) => WORKLOADS.includes(d.kind))
  .map((d) => ({ of: `${d.kind} ${d.metadata.name}`, labels: d.spec.template.metadata.labels, spec: d.spec.template.spec }));
const containers = (t) => [...(t.spec.initContainers ?? []), ...t.spec.containers];
const eachContainer = (docs, text, ok) => templates(docs).flatMap((t) => containers(t)
  .filter((c) => !ok(c, t)).map((c) => `${t.of}, container ${c.name}: ${text}`));
const eachTemplate = (docs, text, ok) => templates(docs).filter((t) => !ok(t)).map((t) => `${t.of}: ${text}`);
const connector = (docs) => templates(docs).find((t) => t.of === 'StatefulSet smpp-connector');
const container = (docs, name) => connector(docs).spec.containers.find((c) => c.name === name);
const selects = (selector, labels) => Object.entries(selector).every(([k, v]) => labels[k] === v);

function unknownSettings(docs) {
  const config = docs.find((d) => d.kind === 'ConfigMap' && d.metadata.name === 'smpp-connector').data;
  return Object.entries({ 'session-agent': 'agent.env', bridge: 'bridge.env' }).flatMap(([name, file]) => {
    const inFile = config[file].split('\n').filter((l) => l && !l.startsWith('#')).map((l) => l.split('=')[0]);
    const inPod = container(docs, name).env.map((e) => e.name);
    return [...inFile, ...inPod].filter((n) => !KNOWN[name].has(n)).map((n) => `${name}: no setting ${n}`);
  });
}

// Every volume a container mounts is there, and every volume is mounted by somebody.
function volumes(docs) {
  return templates(docs).flatMap((t) => {
    const there = (t.spec.volumes ?? []).map((v) => v.name);
    const used = containers(t).flatMap((c) => (c.volumeMounts ?? []).map((m) => m.name));
    return [...used.filter((n) => !there.includes(n)).map((n) => `${t.of}: no volume ${n}`),
      ...there.filter((n) => !used.includes(n)).map((n) => `${t.of}: volume ${n} is not used`)];
  });
}

function selectors(docs) {
  const pods = templates(docs);
  return docs.flatMap((d) => {
    const selector = { Service: d.spec?.selector, PodDisruptionBudget: d.spec?.selector?.matchLabels,
      NetworkPolicy: d.spec?.podSelector?.matchLabels, PodMonitor: d.spec?.selector?.matchLabels }[d.kind];
    return selector && !pods.some((t) => selects(selector, t.labels))
      ? [`${d.kind} ${d.metadata.name} selects no pod`] : [];
  });
}

// A port by name has to be declared by a container.
function ports(docs) {
  const declared = templates(docs).map((t) => ({ t, names: t.spec.containers.flatMap((c) => (c.ports ?? []).map((p) => p.name)) }));
  const missing = (of, name, labels) => typeof name === 'string'
    && !declared.some(({ t, names }) => selects(labels, t.labels) && names.includes(name)) ? [`${of}: no port ${name}`] : [];
  return docs.flatMap((d) => {
    const of = `${d.kind} ${d.metadata.name}`;
    if (d.kind === 'Service') return d.spec.ports.flatMap((p) => missing(of, p.targetPort, d.spec.selector));
    if (d.kind === 'PodMonitor') return d.spec.podMetricsEndpoints.flatMap((p) => missing(of, p.port, d.spec.selector.matchLabels));
    return [];
  });
}

const one = (docs, kind) => docs.find((d) => d.kind === kind && d.metadata.name === 'smpp-connector');
// What `want` says has to be so; what it does not name is free. undefined: must not be there.
function differs(is, want, of) {
  if (want === null || typeof want !== 'object') {
    return is === want ? [] : [`${of}: ${JSON.stringify(is)}, not ${JSON.stringify(want)}`];
  }
  if (Array.isArray(want)) return JSON.stringify(is) === JSON.stringify(want) ? [] : [`${of}: ${JSON.stringify(is)}`];
  return Object.entries(want).flatMap(([k, v]) => differs(is?.[k], v, `${of}.${k}`));
}

const PROBES = {
  'session-agent': {
    livenessProbe: { exec: { command: ['/smpp-session-agent', '--check'] }, initialDelaySeconds: 20, periodSeconds: 20,
      timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: undefined, startupProbe: undefined, lifecycle: undefined },
  bridge: {
    livenessProbe: { httpGet: { path: '/health', port: 'mgmt' }, initialDelaySeconds: 5, periodSeconds: 10, timeoutSeconds: 3,
      failureThreshold: 3, terminationGracePeriodSeconds: 5 },
    readinessProbe: { httpGet: { path: '/ready', port: 'mgmt' }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    startupProbe: undefined, lifecycle: undefined },
};

// An image is exchanged in place only without init steps where OpenKruise does it.
function initStep(docs) {
  const set = one(docs, 'StatefulSet');
  const steps = connector(docs).spec.initContainers ?? [];
  if (set.apiVersion.startsWith('apps.kruise.io/')) return steps.map((c) => `init step ${c.name}`);
  const bridge = container(docs, 'bridge');
  return [...differs(steps.map((c) => c.args), [['--check-config']], 'initContainers'),
    ...steps.flatMap((c) => ['image', 'env', 'volumeMounts', 'securityContext']
      .filter((f) => JSON.stringify(c[f]) !== JSON.stringify(bridge[f])).map((f) => `${c.name}: not the bridge's ${f}`))];
}

// A file that is missing has to show before the containers run; whole directories follow a change.
function mountedFiles(docs) {
  const optional = ['smpp-connector-mno-tls']; // only for MNOs that speak TLS
  return connector(docs).spec.volumes.filter((v) => v.configMap || v.secret).flatMap((v) => {
    const name = v.configMap?.name ?? v.secret.secretName;
    const source = v.configMap ?? v.secret;
    return [...(source.optional === optional.includes(name) ? [] : [`volume ${v.name}: optional ${source.optional}`]),
      ...(source.items ? [`volume ${v.name}: single files`] : [])];
  });
}

// Both directions, by name: nobody else comes in, and nothing goes where no setting points.
function network(docs) {
  const policy = one(docs, 'NetworkPolicy')?.spec;
  if (!policy) return ['there is none'];
  const { ingress = [], egress = [] } = policy;
  const open = [...ingress.map((r) => r.from), ...egress.map((r) => r.to)]
    .filter((peers) => !peers?.length || peers.some((p) => !Object.keys(p).length || /\/0$/.test(p.ipBlock?.cidr)));
  const into = ingress.flatMap((r) => r.ports?.map((p) => p.port) ?? ['any']);
  const out = egress.flatMap((r) => r.ports?.map((p) => p.port) ?? ['any']);
  const env = docs.find((d) => d.kind === 'ConfigMap' && d.metadata.name === 'smpp-connector').data['bridge.env'];
  const asked = [...env.matchAll(/^\w+_URL=\w+:\/\/[^\s/]*:(\d+)/gm)].map((m) => Number(m[1]));
  return [...differs([...policy.policyTypes].sort(), ['Egress', 'Ingress'], 'policyTypes'),
    ...open.map((peers) => `to or from anybody: ${JSON.stringify(peers)}`),
    ...differs(into, [container(docs, 'bridge').ports.find((p) => p.name === 'mgmt').containerPort], 'ingress'),
    ...(out.includes('any') ? ['egress to any port'] : []),
    ...[53, ...asked].filter((port) => !out.includes(port)).map((port) => `port ${port} can't be reached`)];
}

// In memory, and with room for a second ledger beside the first; its pages are the agent's.
function ledgerVolume(docs) {
  const mebibytes = (text) => Number(/^(\d+)Mi$/.exec(text)?.[1]);
  const { medium, sizeLimit } = connector(docs).spec.volumes.find((v) => v.name === 'ipc').emptyDir;
  const env = docs.find((d) => d.kind === 'ConfigMap' && d.metadata.name === 'smpp-connector').data['agent.env'];
  const ledger = Number(/^LEDGER_BYTES=(\d+)/m.exec(env)?.[1] ?? LEDGER_BYTES) / 1048576;
  return [...differs(medium, 'Memory', 'ipc.medium'),
    ...(mebibytes(sizeLimit) > 2 * ledger ? [] : [`ipc: ${sizeLimit} for ledgers of ${ledger}Mi`]),
    ...(mebibytes(container(docs, 'session-agent').resources.limits.memory) > mebibytes(sizeLimit) ? []
      : ['the agent may use less memory than its volume'])];
}

export const CHECKS = {
  'network: in from monitoring, out to what the settings name': network,
  'the ledger is in memory and has room': ledgerVolume,
  'two pods are never on one node': (docs) => connector(docs).spec.topologySpreadConstraints
    ?.some((t) => t.topologyKey === 'kubernetes.io/hostname' && t.whenUnsatisfiable === 'DoNotSchedule' && t.maxSkew === 1
      && selects(t.labelSelector.matchLabels, connector(docs).labels)) ? [] : ['topologySpreadConstraints'],
  'nothing replaces a pod by itself, none waits for another': (docs) => differs(one(docs, 'StatefulSet').spec, {
    podManagementPolicy: 'Parallel',
    updateStrategy: one(docs, 'StatefulSet').apiVersion.startsWith('apps.kruise.io/')
      ? { rollingUpdate: { partition: 1, podUpdatePolicy: 'InPlaceOnly' } } : { type: 'OnDelete', rollingUpdate: undefined },
  }, 'StatefulSet'),
  'probes: what they ask and how patient they are; no hooks': (docs) => Object.entries(PROBES)
    .flatMap(([name, want]) => differs(container(docs, name), want, name)),
  'time to drain': (docs) => differs(connector(docs).spec, { terminationGracePeriodSeconds: 45 }, 'pod'),
  'a node can be drained while an MNO is away': (docs) => differs(one(docs, 'PodDisruptionBudget').spec,
    { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' }, 'PodDisruptionBudget'),
  'each pod is reached by name, ready or not': (docs) => differs(one(docs, 'Service').spec,
    { clusterIP: 'None', publishNotReadyAddresses: true }, 'Service'),
  'the configuration is checked before there is a bind': initStep,
  'ConfigMap and Secrets as directories that have to be there': mountedFiles,
  'scraped without the operator too': (docs) => differs(one(docs, 'StatefulSet').spec.template.metadata.annotations, {
    'prometheus.io/scrape': 'true', 'prometheus.io/path': '/metrics',
    'prometheus.io/port': String(container(docs, 'bridge').ports.find((p) => p.name === 'mgmt').containerPort),
  }, 'annotations'),
  'restricted: not root': (docs) => eachTemplate(docs, 'runAsNonRoot', (t) => t.spec.securityContext?.runAsNonRoot === true),
  'restricted: seccomp': (docs) => eachTemplate(docs, 'seccompProfile RuntimeDefault',
    (t) => t.spec.securityContext?.seccompProfile?.type === 'RuntimeDefault'),
  'restricted: no new privileges, no capabilities, read-only root': (docs) => eachContainer(docs, 'securityContext',
    ({ securityContext: s }) => s?.allowPrivilegeEscalation === false && s.readOnlyRootFilesystem === true
      && s.capabilities?.drop?.includes('ALL') && !s.capabilities.add && !s.privileged),
  'restricted: no host namespaces, no host paths': (docs) => eachTemplate(docs, 'host',
    ({ spec: s }) => !s.hostNetwork && !s.hostPID && !s.hostIPC && !(s.volumes ?? []).some((v) => v.hostPath)),
  'no token of the API, no service links': (docs) => eachTemplate(docs, 'automountServiceAccountToken, enableServiceLinks',
    ({ spec: s }) => s.automountServiceAccountToken === false && s.enableServiceLinks === false),
  'memory is limited': (docs) => eachContainer(docs, 'limits.memory', (c) => c.resources?.limits?.memory),
  'no image by "latest"': (docs) => eachContainer(docs, 'image', (c) => /[:@]/.test(c.image) && !/:latest$/.test(c.image)),
  'no file by subPath': (docs) => eachContainer(docs, 'subPath', (c) => !(c.volumeMounts ?? []).some((m) => m.subPath)),
  'two containers, different users': (docs) => {
    const users = connector(docs).spec.containers.map((c) => `${c.name} ${c.securityContext.runAsUser}`);
    return String(users) === 'session-agent 10001,bridge 10002' ? [] : [`containers: ${users}`];
  },
  'only the agent writes where its socket is': (docs) => connector(docs).spec.containers.flatMap((c) => {
    const mount = c.volumeMounts.find((m) => m.name === 'ipc');
    return (mount?.readOnly === true) === (c.name === 'bridge') ? [] : [`${c.name}: ipc readOnly ${mount?.readOnly}`];
  }),
  'the agent takes no peer but the bridge': (docs) => container(docs, 'session-agent').env
    .some((e) => e.name === 'IPC_PEER_UIDS' && e.value === String(container(docs, 'bridge').securityContext.runAsUser))
    ? [] : ['IPC_PEER_UIDS is not the uid of the bridge'],
  'guaranteed: requests are limits': (docs) => containers(connector(docs))
    .filter((c) => JSON.stringify(c.resources.requests) !== JSON.stringify(c.resources.limits)).map((c) => c.name),
  'no secret in the environment': (docs) => containers(connector(docs)).flatMap((c) => c.env)
    .filter((e) => e.valueFrom?.secretKeyRef || /^INTERNAL_SERVICE_TOKEN$|PASSWORD/.test(e.name)).map((e) => e.name),
  'several pods share the operators by leases': (docs) => {
    const { replicas } = docs.find((d) => /StatefulSet/.test(d.kind) && d.metadata.name === 'smpp-connector').spec;
    const leases = container(docs, 'bridge').env.some((e) => e.name === 'ASSIGNMENT' && e.value === 'lease');
    return replicas > 1 === leases ? [] : [`${replicas} replicas, ASSIGNMENT=lease: ${leases}`];
  },
  'settings exist': unknownSettings,
  'volumes are there and used': volumes,
  'selectors find pods': selectors,
  'ports by name exist': ports,
};
