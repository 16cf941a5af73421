// The dashboard and the rules name only metrics that somebody exports.
import fs from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
// Of kube-state-metrics and the kubelet, and Prometheus' own.
const FOREIGN = ['kube_pod_container_status_restarts_total', 'kube_pod_status_ready', 'up',
  'container_memory_working_set_bytes', 'container_cpu_usage_seconds_total'];

function exported() {
  const names = new Set(FOREIGN);
  const files = fs.readdirSync(new URL('bridge', ROOT)).filter((f) => /^management_metrics\w*\.(c|h|def)$/.test(f));
  for (const file of files) {
    const text = fs.readFileSync(new URL(`bridge/${file}`, ROOT), 'utf8');
    for (const m of text.matchAll(/(?:PREFIX |\b(?:AGENT_)?(?:COUNTER|GAUGE)\()"(\w+)"/g)) {
      for (const suffix of ['', '_bucket', '_sum', '_count']) names.add(`smpp_connector_${m[1]}${suffix}`);
    }
  }
  return { names, files };
}

const { names, files } = exported();

// Names in a PromQL expression: what is no label, function or keyword and looks like a metric.
export const named = (expression) => [...expression.matchAll(/\b(?:smpp|kube|container)_\w+|\bup\b/g)].map((m) => m[0]);

export function unknown(expression, of) {
  if (files.length === 0) return ['bridge/management_metrics.c is not there: no metric can be checked'];
  return named(expression).filter((n) => !names.has(n)).map((n) => `${of}: nobody exports ${n}`);
}

const panels = (dashboard) => dashboard.panels.flatMap((p) => [p, ...(p.panels ?? [])]);

// Its expressions as recording rules, for promtool to parse.
export function asRules(text) {
  const exprs = panels(JSON.parse(text)).flatMap((p) => (p.targets ?? []).map((t) => t.expr));
  return { groups: [{ name: 'dashboard', rules: exprs.map((expr, i) => ({ record: `panel:${i}`, expr })) }] };
}

export function checkDashboard(text) {
  const dashboard = JSON.parse(text);
  const all = panels(dashboard);
  const problems = all.flatMap((p) => (p.targets ?? []).flatMap((t) => unknown(t.expr, `panel "${p.title}"`)));
  for (const v of dashboard.templating.list) if (v.query) problems.push(...unknown(v.query, `variable ${v.name}`));
  for (const a of dashboard.annotations.list) problems.push(...unknown(a.expr, `annotation ${a.name}`));
  for (const p of all) {
    if (p.type !== 'row' && !p.targets?.length) problems.push(`panel "${p.title}" asks nothing`);
    if (!p.gridPos || p.gridPos.x + p.gridPos.w > 24) problems.push(`panel "${p.title}" has no place`);
  }
  if (new Set(all.map((p) => p.id)).size !== all.length) problems.push('two panels with one id');
  if (!dashboard.uid || !dashboard.title) problems.push('no uid or title');
  return problems;
}
