// k8s/upgrade-bridge against a kubectl that is played: what it does when all is well, and that it puts
// the old image back when anything is not as it was. One 'N passed, N failed' line at the end.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

const here = path.dirname(new URL(import.meta.url).pathname);
const OLD = 'registry.example/smpp-connector/bridge:0.1.0';
const NEW = 'registry.example/smpp-connector/bridge:0.2.0';

const world = () => ({
  calls: [], made: 0, goodImage: OLD, puller: null, template: null,
  pod: {
    metadata: { name: 'smpp-connector-0', uid: 'u1',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'smpp-connector' }] },
    spec: { nodeName: 'node-1', securityContext: { runAsNonRoot: true },
      containers: [{ name: 'session-agent', image: 'a' }, { name: 'bridge', image: OLD, securityContext: { runAsUser: 10002 } }] },
    status: { containerStatuses: [{ name: 'session-agent', containerID: 'fake://agent', restartCount: 0, ready: true },
      { name: 'bridge', containerID: 'fake://bridge-0', restartCount: 0, ready: true }] },
  },
  sessions: { sessions: [
    { operatorId: 'a', operatorName: 'Operator A', state: 'BOUND', bindMode: 'TRANSCEIVER', lastBoundAt: '2026-01-01T00:00:00.000Z', reconnectAttempts: 0 },
    { operatorId: 'b', operatorName: 'Operator B', state: 'DISCONNECTED', bindMode: 'TRANSCEIVER', lastBoundAt: null, reconnectAttempts: 3 }] },
});

const CASES = [
  { mishap: '', exit: 0, image: NEW, template: NEW, says: '1 binds as before' },
  { mishap: 'pull', exit: 1, image: OLD, template: null, says: 'nothing was changed' },
  { mishap: 'never-ready', exit: 1, image: OLD, template: null, says: 'the old bridge is back, binds as before' },
  { mishap: 'no-kubelet', exit: 1, image: OLD, template: null, says: 'the old bridge is back, binds as before' },
  { mishap: 'agent-restart', exit: 1, image: OLD, template: null, says: 'the session-agent restarted' },
  { mishap: 'rebind', exit: 1, image: OLD, template: null, says: 'binds changed' },
];

let passed = 0;
let failed = 0;
for (const c of CASES) {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'smpp-upgrade-')), 'world.json');
  fs.writeFileSync(file, JSON.stringify(world()));
  const run = spawnSync(path.join(here, '../../k8s/upgrade-bridge'), ['-n', 'sms', '-t', '1', NEW], { encoding: 'utf8',
    env: { ...process.env, KUBECTL: path.join(here, 'fake-kubectl.cjs'), FAKE_WORLD: file, FAKE_MISHAP: c.mishap, POLL_SECONDS: '0.1' } });
  const after = JSON.parse(fs.readFileSync(file, 'utf8'));
  const output = run.stdout + run.stderr;
  const problems = [];
  if (run.status !== c.exit) problems.push(`exit ${run.status}, not ${c.exit}`);
  if (after.pod.spec.containers[1].image !== c.image) problems.push(`the pod has ${after.pod.spec.containers[1].image}`);
  if ((after.template?.containers[0].image ?? null) !== c.template) problems.push(`the template has ${JSON.stringify(after.template)}`);
  if (after.puller) problems.push('the pulling pod was left behind');
  if (!output.includes(c.says)) problems.push(`it does not say "${c.says}"`);
  if (problems.length) {
    failed += 1;
    console.log(`FAILED upgrade-bridge, ${c.mishap || 'all well'}: ${problems.join('; ')}\n${output}`);
  } else passed += 1;
  fs.rmSync(path.dirname(file), { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
