// A policy's fields are listed in addon/src/core/policy_spec.h, from which C++ has its structs and the conversion; the
// interfaces of addon/router.ts must have the same fields, of the same types, and none more.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {z} from 'zod';
import {testAddon} from '../support/test-addon.ts';

const schema = z.record(z.string(), z.record(z.string(), z.string()));
const native = testAddon as {policySchema(): unknown};
const records = Object.entries(schema.parse(native.policySchema()));
const text = readFileSync(path.resolve(import.meta.dirname, '../../../../addon/router.ts'), 'utf8');

/** Field (with a "?" where it may be absent) → type. */
function fieldsOf(name: string): Record<string, string> {
  const [, body = ''] = new RegExp(String.raw`^export interface ${name} \{\n(.*?)^\}`, 'ms').exec(text) ?? [];
  const lines = body.replaceAll(/\/\*\*.*?\*\//gs, '').split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, field = '', type = ''] = /^ {2}(\w+\??): ([^;]+);$/.exec(line) ?? [];
      return field === '' ? [] : [[field, type]];
    }),
  );
}

test('the schema has records', (t) => t.true(records.length >= 10));

for (const [name, fields] of records)
  test(`addon/router.ts: ${name} has the fields of policy_spec.h`, (t) =>
    t.deepEqual(fieldsOf(name), fields));
