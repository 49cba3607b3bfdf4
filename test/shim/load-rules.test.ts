// The rules for load and health as operators write them: defaults, and what mistakes are called.

import test from 'ava';
import type {z} from 'zod';
import {healthSchema} from '../../router/protocol/health.ts';
import {defaultLoadRules, loadSchema} from '../../router/protocol/load.ts';

const problems = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];

test('defaults', (t) => {
  t.deepEqual(defaultLoadRules, {
    metrics: {
      cpu: {low: 25, medium: [50, 60], high: 85},
      pressure: {low: 20, medium: [40, 60], high: 80},
      own: {low: 25, medium: [50, 60], high: 85},
    },
    rules: [{if: {cpu: ['medium'], pressure: ['medium']}, level: 'high'}],
    interval: 1,
    smoothing: 5,
    hysteresis: 0.15,
    dwell: 5,
    'own-age': 30,
  });
  t.deepEqual(healthSchema.parse({}), {
    interval: 1,
    timeout: 1,
    rise: 2,
    fall: 2,
    queue: 3,
    stopped: true,
    tcp: [],
    http: [],
    command: [],
  });
});

test('the default rule needs its metrics', (t) => {
  t.deepEqual(loadSchema.parse({metrics: {cpu: null}}).rules, []);
});

test('what was read can be written and read again', (t) => {
  const load = loadSchema.parse({
    metrics: {cpu: {high: 90}, own: {low: 100, medium: [200, 300], high: 500}},
    rules: [{if: {cpu: 'high', own: ['low', 'medium']}, level: 'high'}],
    dwell: '1m',
    interval: 0.5,
  });
  t.deepEqual(loadSchema.parse(JSON.parse(JSON.stringify(load))), load);
  t.like(load, {dwell: 60, metrics: {cpu: {low: 25, medium: [50, 60], high: 90}}});
  const health = healthSchema.parse({
    http: [{ports: ['80/tcp', '8000-8999/tcp'], path: '/healthz', status: 204}],
    command: [{run: ['pg-ready', '-q']}],
    queue: '2s',
  });
  t.deepEqual(healthSchema.parse(JSON.parse(JSON.stringify(health))), health);
  t.like(health.http[0], {status: [204], path: '/healthz'});
});

test('a rule about a level of nothing, of everything', (t) => {
  t.deepEqual(problems(loadSchema, {metrics: {}}), [
    'metrics: name at least one of cpu, run-queue, pressure, own, or leave metrics out',
  ]);
  t.deepEqual(problems(loadSchema, {rules: [{if: {}, level: 'high'}]}), [
    'rules.0.if: name at least one of cpu, run-queue, pressure, own',
  ]);
});

test('mistakes in load', (t) => {
  t.deepEqual(problems(loadSchema, {metrics: {cpu: {low: 60}}}), [
    'metrics.cpu: low 60, medium 50 to 60, high 85: each must be more than the one before',
  ]);
  t.deepEqual(problems(loadSchema, {metrics: {cpu: {}}, rules: [{if: {own: 'high'}, level: 'high'}]}), [
    'rules.0.if.own: own is not among the metrics: cpu',
  ]);
  t.deepEqual(problems(loadSchema, {dwell: 'soon'}), [
    'dwell: "soon" is not a duration from 0s to 600s: write 5, 0.5 or 5s',
  ]);
  t.deepEqual(problems(loadSchema, {hysteresis: 0.3}), ['hysteresis: at most 0.2']);
});

test('a rule by which a busier node counts less is refused', (t) => {
  t.deepEqual(problems(loadSchema, {rules: [{if: {cpu: 'high', pressure: 'low'}, level: 'low'}]}), [
    'rules: more must not count as less: "cpu medium, pressure low" is medium, but the busier "cpu high, pressure low" only low',
  ]);
});

test('mistakes in health', (t) => {
  t.deepEqual(problems(healthSchema, {tcp: [{ports: ['53/udp']}]}), [
    'tcp.0.ports: only TCP ports can be connected to',
  ]);
  t.deepEqual(problems(healthSchema, {http: [{ports: ['80']}]}), [
    'http.0.ports.0: "80" is not PORT/PROTOCOL: write 80/tcp, 8000-8999/tcp or 53/udp',
  ]);
  t.deepEqual(problems(healthSchema, {http: [{path: 'healthz'}]}), [
    'http.0.path: a path starts with "/" and has no spaces, as /healthz',
  ]);
  t.deepEqual(problems(healthSchema, {command: [{run: ['/bin/true']}]}), [
    "command.0.run: the name of a program in the node's folder for checks, without a path",
  ]);
});
