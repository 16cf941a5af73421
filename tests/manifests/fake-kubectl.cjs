#!/usr/bin/env node
// As much of kubectl and of a kubelet as k8s/upgrade-bridge talks to. The world is a JSON file
// (FAKE_WORLD); FAKE_MISHAP says what goes wrong: pull, never-ready, agent-restart, rebind, no-kubelet.
const fs = require('node:fs');

const file = process.env.FAKE_WORLD;
const mishap = process.env.FAKE_MISHAP || '';
const world = JSON.parse(fs.readFileSync(file, 'utf8'));
const save = () => fs.writeFileSync(file, JSON.stringify(world));
let args = process.argv.slice(2);
if (args[0] === '-n') args = args.slice(2);
const [verb, kind, name] = args;
world.calls.push(`${verb} ${kind}`);

function podPatched(image) {
  const { pod } = world;
  pod.spec.containers[1].image = image;
  if (mishap === 'no-kubelet') return;
  const status = pod.status.containerStatuses[1];
  status.containerID = `fake://bridge-${++world.made}`;
  status.restartCount += 1;
  const bad = image !== world.goodImage;
  status.ready = !(bad && mishap === 'never-ready');
  if (bad && mishap === 'agent-restart') pod.status.containerStatuses[0].restartCount += 1;
  if (bad && mishap === 'rebind') world.sessions.sessions[0].lastBoundAt = '2026-01-01T00:00:09.000Z';
}

const verbs = {
  get: () => {
    if (name === world.pod.metadata.name) return JSON.stringify(world.pod);
    if (!world.puller) process.exit(1);
    world.puller.status = mishap === 'pull'
      ? { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }] } : { phase: 'Succeeded' };
    return JSON.stringify(world.puller);
  },
  create: () => { world.puller = JSON.parse(fs.readFileSync(0, 'utf8')); return 'created'; },
  delete: () => { world.puller = null; return 'deleted'; },
  logs: () => 'smpp-bridge 0.2.0',
  exec: () => { // as the program does: JSON where it is asked for, else the table
    if (args.at(-1) === '--json') return JSON.stringify(world.sessions);
    const rows = world.sessions.sessions.map((r) => `${r.operatorId}  ${r.operatorName}  ${r.state}  ${r.bindMode}  ${r.lastBoundAt ?? '-'}`);
    return ['OPERATOR  NAME  STATE  MODE  LAST BOUND', ...rows].join('\n');
  },
  patch: () => {
    const patch = JSON.parse(args[args.indexOf('-p') + 1]);
    if (kind === 'statefulset') world.template = patch.spec.template.spec;
    else podPatched(patch.spec.containers[0].image);
    return 'patched';
  },
};
console.log(verbs[verb]());
save();
