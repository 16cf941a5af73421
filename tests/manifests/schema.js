// Are these documents what Kubernetes' API takes? Two sources, since each alone lets things pass: the
// schemas of kubernetes-models know types, required fields and enums but let unknown fields through;
// the attribute maps of @kubernetes/client-node know every field.
import fs from 'node:fs';
import * as models from './node_modules/@kubernetes/client-node/dist/gen/models/all.js';

const OPERATOR = 'monitoring.coreos.com/v1';
const KRUISE = 'apps.kruise.io/v1beta1';
// What Kruise's Advanced StatefulSet (v1beta1) has and apps/v1 has not, by path.
const KRUISE_ONLY = {
  'spec.updateStrategy.rollingUpdate': {
    podUpdatePolicy: (v) => ['ReCreate', 'InPlaceIfPossible', 'InPlaceOnly'].includes(v),
    paused: (v) => typeof v === 'boolean',
    inPlaceUpdateStrategy: (v) => Object.keys(v).every((k) => k === 'gracePeriodSeconds')
      && Number.isInteger(v.gracePeriodSeconds),
  },
};
const GROUPS = ['v1', 'apps/v1', 'batch/v1', 'policy/v1', 'networking.k8s.io/v1',
  'rbac.authorization.k8s.io/v1'];
const SCALARS = ['string', 'number', 'boolean'];

function walk(value, type, path, problems) {
  if (value === null || value === undefined) return;
  const list = /^Array<(.*)>$/.exec(type);
  if (list) {
    if (!Array.isArray(value)) problems.push(`${path}: a list is expected`);
    else value.forEach((v, i) => walk(v, list[1], `${path}[${i}]`, problems));
    return;
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) {
    for (const key of Object.keys(value)) walk(value[key], map[1], `${path}.${key}`, problems);
    return;
  }
  if (SCALARS.includes(type)) {
    if (typeof value !== type) problems.push(`${path}: ${type} is expected, it is ${typeof value}`);
    return;
  }
  if (!models[type]?.getAttributeTypeMap) return; // IntOrString, any, dates
  const fields = new Map(models[type].getAttributeTypeMap().map((a) => [a.baseName, a.type]));
  for (const key of Object.keys(value)) {
    if (fields.has(key)) walk(value[key], fields.get(key), `${path}.${key}`, problems);
    else problems.push(`${path}.${key}: ${type} has no such field`);
  }
}

// The Prometheus operator's kinds have no attribute maps; their type declarations name every field.
const DECLARED = new URL(`./node_modules/@kubernetes-models/prometheus-operator/${OPERATOR}/`, import.meta.url);
const FIELD = /^ {4}"([^"]+)"\??: (?:Array<)?(?:IComGithub\w*MonitoringV1(\w+))?/gm;

function walkDeclared(value, type, path, problems) {
  if (Array.isArray(value)) {
    value.forEach((v, i) => walkDeclared(v, type, `${path}[${i}]`, problems));
    return;
  }
  const file = new URL(`${type}.d.ts`, DECLARED);
  if (!fs.existsSync(file) || typeof value !== 'object') return;
  const fields = new Map([...fs.readFileSync(file, 'utf8').matchAll(FIELD)].map((m) => [m[1], m[2]]));
  for (const key of Object.keys(value)) {
    if (!fields.has(key)) problems.push(`${path}.${key}: ${type} has no such field`);
    else if (fields.get(key)) walkDeclared(value[key], fields.get(key), `${path}.${key}`, problems);
  }
}

async function bySchema(document, problems) {
  const { apiVersion, kind } = document;
  const from = apiVersion === OPERATOR ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
  const module = await import(`${from}/${apiVersion}/${kind}`).catch(() => null);
  if (!module) {
    problems.push(`${kind}: no schema for ${apiVersion}`);
    return;
  }
  try {
    new module[kind](document).validate();
  } catch (error) {
    problems.push(`${kind} ${document.metadata?.name}: ${error.message}`);
  }
}

// Kustomize wraps long base64, which the API server takes and the schema's format does not.
function unwrapped(secret) {
  const data = Object.entries(secret.data ?? {}).map(([k, v]) => [k, v.replace(/\s/g, '')]);
  return { ...secret, data: Object.fromEntries(data) };
}

// Takes out what only Kruise knows, checked; the rest has to be a StatefulSet of apps/v1.
function plainStatefulSet(document, problems) {
  const plain = structuredClone(document);
  plain.apiVersion = 'apps/v1';
  for (const [path, fields] of Object.entries(KRUISE_ONLY)) {
    const at = path.split('.').reduce((o, key) => o?.[key], plain);
    for (const [name, ok] of Object.entries(fields)) {
      if (at?.[name] === undefined) continue;
      if (!ok(at[name])) problems.push(`StatefulSet.${path}.${name}: ${JSON.stringify(at[name])}`);
      delete at[name];
    }
  }
  return plain;
}

// The problems of one document, as lines; none: it is fine.
export async function check(document) {
  const problems = [];
  let plain = document;
  if (document.apiVersion === KRUISE) plain = plainStatefulSet(document, problems);
  if (document.kind === 'Secret') plain = unwrapped(document);
  await bySchema(plain, problems);
  const type = `V1${plain.kind}`;
  if (plain.apiVersion === OPERATOR) walkDeclared(plain, plain.kind, plain.kind, problems);
  else if (!GROUPS.includes(plain.apiVersion) || !models[type]) problems.push(`${plain.kind}: unknown kind`);
  else walk(plain, type, plain.kind, problems);
  return problems;
}
