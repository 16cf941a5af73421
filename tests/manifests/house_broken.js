// Each check of house.js, and a way to break a good manifest that it has to notice.
const set = (docs) => docs.find((d) => d.kind === 'StatefulSet');
const pod = (docs) => set(docs).spec.template.spec;
const named = (docs, name) => pod(docs).containers.find((c) => c.name === name);
const bridge = (docs) => named(docs, 'bridge');
const agent = (docs) => named(docs, 'session-agent');
const one = (docs, kind) => docs.find((d) => d.kind === kind && d.metadata.name === 'smpp-connector');
const volume = (docs, name) => pod(docs).volumes.find((v) => v.name === name);

const policy = (docs) => one(docs, 'NetworkPolicy').spec;

export const BREAKS = {
  'network: in from monitoring, out to what the settings name': [
    (d) => { d.splice(d.indexOf(one(d, 'NetworkPolicy')), 1); }, (d) => { policy(d).policyTypes = ['Ingress']; },
    (d) => { delete policy(d).ingress[0].from; }, (d) => { delete policy(d).ingress[0].ports; },
    (d) => { policy(d).egress.push({ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }], ports: [{ port: 2775 }] }); },
    (d) => { policy(d).egress[4].to = [{}]; }, (d) => { delete policy(d).egress[4].ports; },
    (d) => { policy(d).egress.splice(1, 1); }, (d) => { policy(d).egress.shift(); }],
  'the ledger is in memory and has room': [(d) => { delete volume(d, 'ipc').emptyDir.medium; },
    (d) => { volume(d, 'ipc').emptyDir.sizeLimit = '64Mi'; }, (d) => { volume(d, 'ipc').emptyDir.sizeLimit = '128Mi'; },
    (d) => { d.find((c) => c.kind === 'ConfigMap').data['agent.env'] += 'LEDGER_BYTES=67108864\n'; }],
  'two pods are never on one node': [(d) => { delete pod(d).topologySpreadConstraints; },
    (d) => { pod(d).topologySpreadConstraints[0].whenUnsatisfiable = 'ScheduleAnyway'; }],
  'nothing replaces a pod by itself, none waits for another': [
    (d) => { set(d).spec.updateStrategy.type = 'RollingUpdate'; }, (d) => { delete set(d).spec.podManagementPolicy; }],
  'probes: what they ask and how patient they are; no hooks': [
    (d) => { bridge(d).livenessProbe.httpGet.path = '/ready'; }, (d) => { agent(d).livenessProbe.failureThreshold = 3; },
    (d) => { bridge(d).startupProbe = bridge(d).livenessProbe; }, (d) => { agent(d).readinessProbe = agent(d).livenessProbe; },
    (d) => { bridge(d).lifecycle = { preStop: { sleep: { seconds: 5 } } }; }],
  'time to drain': [(d) => { pod(d).terminationGracePeriodSeconds = 30; }],
  'a node can be drained while an MNO is away': [(d) => { delete one(d, 'PodDisruptionBudget').spec.unhealthyPodEvictionPolicy; }],
  'each pod is reached by name, ready or not': [(d) => { delete one(d, 'Service').spec.publishNotReadyAddresses; }],
  'the configuration is checked before there is a bind': [(d) => { delete pod(d).initContainers; },
    (d) => { pod(d).initContainers[0].image = 'another:1'; }],
  'ConfigMap and Secrets as directories that have to be there': [(d) => { volume(d, 'tls').secret.optional = true; },
    (d) => { delete volume(d, 'config').configMap.optional; }, (d) => { volume(d, 'config').configMap.items = [{ key: 'bridge.env' }]; }],
  'scraped without the operator too': [(d) => { set(d).spec.template.metadata.annotations['prometheus.io/port'] = '3000'; }],
  'restricted: not root': [(d) => { delete pod(d).securityContext.runAsNonRoot; }],
  'restricted: seccomp': [(d) => { delete pod(d).securityContext.seccompProfile; }],
  'restricted: no new privileges, no capabilities, read-only root': [(d) => { bridge(d).securityContext.capabilities.add = ['NET_RAW']; },
    (d) => { agent(d).securityContext.readOnlyRootFilesystem = false; }],
  'restricted: no host namespaces, no host paths': [(d) => { pod(d).hostNetwork = true; }],
  'no token of the API, no service links': [(d) => { delete pod(d).automountServiceAccountToken; }],
  'memory is limited': [(d) => { delete agent(d).resources.limits.memory; }],
  'no image by "latest"': [(d) => { agent(d).image = 'registry.example/agent'; }],
  'no file by subPath': [(d) => { bridge(d).volumeMounts[0].subPath = 'x'; }],
  'two containers, different users': [(d) => { bridge(d).securityContext.runAsUser = 10001; }],
  'only the agent writes where its socket is': [(d) => { delete bridge(d).volumeMounts.find((m) => m.name === 'ipc').readOnly; }],
  'the agent takes no peer but the bridge': [(d) => { agent(d).env = agent(d).env.filter((e) => e.name !== 'IPC_PEER_UIDS'); }],
  'guaranteed: requests are limits': [(d) => { bridge(d).resources.requests.cpu = '1m'; }],
  'no secret in the environment': [(d) => { bridge(d).env.push({ name: 'X', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }); }],
  'several pods share the operators by leases': [(d) => { set(d).spec.replicas = 2; }],
  'settings exist': [(d) => { bridge(d).env.push({ name: 'NO_SUCH', value: '1' }); }],
  'volumes are there and used': [(d) => { pod(d).volumes.pop(); }],
  'selectors find pods': [(d) => { one(d, 'Service').spec.selector = { a: 'b' }; }],
  'ports by name exist': [(d) => { bridge(d).ports = []; }],
};
