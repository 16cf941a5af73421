// validate.js RENDERED_DIRECTORY WORK_DIRECTORY: checks <overlay>.yaml in the directory against Kubernetes'
// schemas, the project's own demands and the metrics that exist; writes rules.yaml (the alerts) and
// dashboard.yaml (the dashboard's expressions) into the work directory, for promtool.
// One line per check, and 'N passed, N failed' at the end.
import fs from 'node:fs';
import path from 'node:path';
import * as yaml from 'js-yaml';
import { check } from './schema.js';
import { CHECKS } from './house.js';
import { BREAKS } from './house_broken.js';
import { asRules, checkDashboard, unknown } from './metrics.js';

const [directory, work] = process.argv.slice(2);
let passed = 0;
let failed = 0;

function report(name, problems) {
  if (problems.length === 0) {
    passed += 1;
    return;
  }
  failed += 1;
  console.log(`FAILED ${name}`);
  for (const problem of problems) console.log(`    ${problem}`);
}

const write = (name, value) => fs.writeFileSync(path.join(work, name), yaml.dump(value, { lineWidth: -1 }));
const load = (file) => yaml.loadAll(fs.readFileSync(file, 'utf8')).filter(Boolean);

// What is to be watched comes with what watches it; a laptop's cluster has no Prometheus operator.
const WATCHED = ['single', 'ha', 'openkruise'];
const isDashboard = (d) => d.kind === 'ConfigMap' && d.metadata.labels?.grafana_dashboard;
const watched = (documents) => [['PodMonitor', (d) => d.kind === 'PodMonitor'], ['PrometheusRule', (d) => d.kind === 'PrometheusRule'],
  ['dashboard', isDashboard]].filter(([, is]) => !documents.some(is)).map(([what]) => `no ${what}`);

for (const file of fs.readdirSync(directory).filter((f) => f.endsWith('.yaml')).sort()) {
  const overlay = path.basename(file, '.yaml');
  const documents = load(path.join(directory, file));
  for (const d of documents) report(`${overlay}: ${d.kind} ${d.metadata.name} against the schemas`, await check(d));
  for (const [name, ok] of Object.entries(CHECKS)) report(`${overlay}: ${name}`, ok(documents));
  if (WATCHED.includes(overlay)) report(`${overlay}: is watched`, watched(documents));
  const rules = documents.filter((d) => d.kind === 'PrometheusRule');
  for (const d of rules) {
    for (const rule of d.spec.groups.flatMap((g) => g.rules)) {
      report(`${overlay}: alert ${rule.alert} names metrics that exist`, unknown(rule.expr, rule.alert));
    }
    write('rules.yaml', { groups: d.spec.groups });
  }
  for (const d of documents.filter(isDashboard)) {
    for (const [name, text] of Object.entries(d.data)) {
      report(`${overlay}: dashboard ${name}`, checkDashboard(text));
      write('dashboard.yaml', asRules(text));
    }
  }
}

// The checks themselves: each of these documents is wrong in one way, and has to be found wrong.
for (const file of fs.readdirSync(new URL('broken', import.meta.url)).sort()) {
  for (const d of load(new URL(`broken/${file}`, import.meta.url))) {
    const found = await check(d);
    report(`broken/${file} is refused`, found.length > 0 ? [] : ['nothing was found wrong with it']);
  }
}

for (const [name, ok] of Object.entries(CHECKS)) {
  const ways = BREAKS[name] ?? [];
  const unseen = ways.filter((spoil) => {
    const documents = structuredClone(load(path.join(directory, 'single.yaml')));
    spoil(documents);
    return ok(documents).length === 0;
  });
  report(`"${name}" notices what it is for`, ways.length === 0 ? ['nothing says how it is broken']
    : unseen.map((spoil) => `not noticed: ${spoil}`));
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
