// Validates JSON lines from standard input, {"schema": "DlrInboundEvent", "value": …}, against
// proto/schemas with ajv in strict mode and its date-time, uuid formats. Prints what is wrong;
// ends with a count.
'use strict';
const fs = require('fs');
const path = require('path');
const Ajv = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
addFormats(ajv);
const folder = path.join(__dirname, '..', '..', 'proto', 'schemas');
const validators = {};
for (const file of fs.readdirSync(folder)) {
  if (file.endsWith('.schema.json')) {
    validators[file.replace('.schema.json', '')] = ajv.compile(JSON.parse(fs.readFileSync(path.join(folder, file))));
  }
}
let valid = 0;
let invalid = 0;
for (const line of fs.readFileSync(0, 'utf8').split('\n')) {
  if (!line) continue;
  const { schema, value } = JSON.parse(line);
  const validate = validators[schema];
  if (!validate) throw new Error(`no schema ${schema}; there are ${Object.keys(validators)}`);
  if (validate(value)) { valid += 1; continue; }
  invalid += 1;
  console.log(JSON.stringify({ schema, errors: validate.errors.slice(0, 3), value }));
}
console.log(`${valid} valid, ${invalid} invalid`);
process.exitCode = invalid ? 1 : 0; // exit() would cut what a pipe has not taken yet
