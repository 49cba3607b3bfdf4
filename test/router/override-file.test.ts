// The state file of overrides: what outlives a stop, what is damaged, what cannot be written, and what wins.

import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {silentLogger} from '../../router/base/logger.ts';
import type {Logger} from '../../router/base/logger.ts';
import {whoAmI} from '../../router/cli/who.ts';
import {currentStatuses} from '../../router/policy/endpoint-status.ts';
import {Overrides, overridesCheckpointSchema} from '../../router/model/overrides.ts';
import {EventLog} from '../../router/supervisor/event-log.ts';
import {decodeOverrides, encodeOverrides, OverrideFile} from '../../router/supervisor/override-file.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import {Bench, VIP} from './bench.ts';
import {FakeClock} from './fake-clock.ts';

const NAME = `node1:${VIP}:80/tcp`;

function setUp(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'coscanet-state-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  const path = join(folder, 'state', 'overrides.json');
  const clock = new FakeClock();
  const lines: string[] = [];
  const say = (_: object, message: string) => void lines.push(message);
  const log: Logger = {debug() {}, info: say, warn: say, error: say};
  const events = new EventLog(clock, log);
  const open = () => new OverrideFile({path, clock, log, events});
  const overrides = () => new Overrides(() => {});
  return {folder, path, clock, lines, events, open, overrides};
}

test('what was set, by whom and when, is there at the next start; mode 600, and no other file', async (t) => {
  const {path, clock, open, overrides} = setUp(t);
  const first = overrides();
  const now = clock.wall();
  first.setFactor(NAME, 0.5, now, 'alice@host1');
  const drain = {since: now, deadline: now + 60_000, keepClients: true, over: false, by: 'root@host1'};
  first.drain('node1', drain, now);
  first.drain('node2', {...drain, deadline: now}, now);
  t.is(await open().save(first), null);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(join(path, '..')).mode & 0o777, 0o700);
  t.deepEqual(readdirSync(join(path, '..')), ['overrides.json']);
  const next = overrides();
  open().adopt(next);
  t.deepEqual([...next.weights()], [[NAME, {factor: 0.5, since: now, by: 'alice@host1'}]]);
  t.deepEqual(next.drains().get('node1'), drain);
  // Its deadline has passed: datagrams need not wait for the first look.
  t.true(next.drains().get('node2')?.over);
  t.is(next.changedAt, first.changedAt);
});

test('the one that was changed later holds, file or checkpoint, though the clock was set back', async (t) => {
  const {path, clock, open, overrides} = setUp(t);
  const set = overrides();
  set.setFactor('node1', 2, clock.wall());
  const file = open();
  await file.save(set);
  const crashed = overrides();
  crashed.restore(set.checkpoint());
  // Set after the file was written, for the clock of before.
  crashed.setFactor('node1', 3, 0);
  const later = open();
  later.adopt(crashed);
  t.is(crashed.weights().get('node1')?.factor, 3);
  await later.close();
  t.is(decodeOverrides(path, readFileSync(path, 'utf8'), 0).factors['node1']?.factor, 3);
  const old = overrides();
  old.restore(set.checkpoint());
  open().adopt(old);
  t.is(old.weights().get('node1')?.factor, 3);
});

test('without overrides nothing is written at a start; those of a crashed router are', async (t) => {
  const {path, open, overrides, folder} = setUp(t);
  const none = open();
  none.adopt(overrides());
  await none.close();
  t.deepEqual(readdirSync(folder), []);
  // As a version before this one kept them.
  const kept = overrides();
  kept.restore(overridesCheckpointSchema.parse({factors: {node1: 0.5}, drains: {}}));
  const file = open();
  file.adopt(kept);
  await file.close();
  t.is(decodeOverrides(path, readFileSync(path, 'utf8'), 0).factors['node1']?.factor, 0.5);
});

const good = encodeOverrides({
  changedAt: 1000,
  factors: {node1: {factor: 0.5}},
  drains: {node2: {since: 0, deadline: 5, keepClients: false, over: true}},
});
const damages: [string, string, RegExp][] = [
  ['cut off', good.slice(0, good.length / 2), /overrides\.json:\d+: /],
  ['empty', '', /overrides\.json:1: wrong: must be a mapping/],
  [
    'a factor that is none',
    good.replace('0.5', '"x"'),
    /json:6: weights\.node1\.factor: wrong: must be a number/,
  ],
  ['a factor that is too large', good.replace('0.5', '1e9'), /json:6: weights\.node1\.factor: /],
  [
    'a time that is none',
    good.replace(/"since": "[^"]*"/, '"since": "soon"'),
    /json:11: drains\.node2\.since: /,
  ],
  [
    'of a later version',
    good.replace('"format": 1', '"format": 2'),
    /json:2: format: not one of the valid choices: 1/,
  ],
];
for (const [title, text, says] of damages)
  test(`damaged: ${title}: file, line and field are said, it is kept aside, and the router starts`, async (t) => {
    const {path, open, overrides, lines, folder} = setUp(t);
    mkdirSync(join(folder, 'state'));
    writeFileSync(path, text);
    const fresh = overrides();
    const file = open();
    file.adopt(fresh);
    t.is(fresh.changedAt, 0);
    t.regex(lines[0] ?? '', says);
    const [aside = ''] = readdirSync(join(folder, 'state'));
    t.regex(aside, /^overrides\.json\.damaged-\d{4}-/);
    t.true(lines[1]?.includes(aside));
    t.is(readFileSync(join(folder, 'state', aside), 'utf8'), text);
    fresh.setFactor('node1', 2, 5000);
    t.is(await file.save(fresh), null);
    t.is(readdirSync(join(folder, 'state')).length, 2);
  });

test('a good file, for comparison', (t) => {
  t.is(decodeOverrides('f', good, 0).factors['node1']?.factor, 0.5);
});

test('what cannot be written is said, is in force all the same, and is tried again', async (t) => {
  const {path, open, overrides, events, clock, folder} = setUp(t);
  // A folder that is a file: for root too.
  writeFileSync(join(folder, 'state'), '');
  const set = overrides();
  const file = open();
  set.setFactor('node1', 2, clock.wall());
  const problem = await file.save(set);
  t.regex(problem ?? '', /^E[A-Z]+: /);
  t.is(file.problem, problem);
  await file.save(set);
  const told = events.list().filter((one) => one.event === 'overrides-unsaved');
  t.deepEqual(
    told.map((one) => one.detail),
    [`${path}: ${problem}`],
  );
  rmSync(join(folder, 'state'));
  await clock.advance(30_000);
  await file.close();
  t.is(file.problem, null);
  t.is(decodeOverrides(path, readFileSync(path, 'utf8'), 0).factors['node1']?.factor, 2);
});

test('a damaged file that cannot be moved aside is not overwritten', async (t) => {
  const {overrides, clock, events} = setUp(t);
  // It can be read, but nothing beside it can be renamed.
  const file = new OverrideFile({path: '/proc/version', clock, log: silentLogger, events});
  const set = overrides();
  file.adopt(set);
  set.setFactor('node1', 2, 1);
  t.regex((await file.save(set)) ?? '', /^it is damaged, and cannot be moved aside: /);
  t.is(events.list().filter((one) => one.event === 'overrides-unsaved').length, 1);
});

test('changes that come during a write are in the next one; the last one wins', async (t) => {
  const {path, open, overrides} = setUp(t);
  const set = overrides();
  const file = open();
  const saves = Array.from({length: 20}, (_, n) => {
    set.setFactor('node1', n + 2, n);
    return file.save(set);
  });
  set.setFactor('node1', 50, 100);
  t.deepEqual(new Set(await Promise.all([...saves, file.save(set)])), new Set([null]));
  t.is(decodeOverrides(path, readFileSync(path, 'utf8'), 0).factors['node1']?.factor, 50);
});

test('who set it is shown where it shows: weights, drains, endpoints, events; renewals write nothing', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  await bench.put(2, 1, [80]);
  let saves = 0;
  const {clock, registry, events, supervisor} = bench;
  const save = () => Promise.resolve((saves++, saves === 4 ? 'ENOSPC' : null));
  const commit = () => supervisor.commit();
  const actions = new OverrideActions({clock, registry, events, drains: supervisor.drains, commit, save});
  const since = clock.wall();
  const by = 'root@host1';
  const when = new Date(since).toISOString();
  const reason = (node: string) => {
    const statuses = currentStatuses(registry);
    return registry.endpoints().flatMap((one) => (one.node === node ? [statuses.of(one).reason] : []))[0];
  };
  t.like(await actions.weight({target: 'node1', factor: 0, by}), {since, by});
  t.like(actions.weights()[0], {target: 'node1', factor: 0, since, by});
  t.is(reason('node1'), `its weight factor is 0 (by ${by}, ${when})`);
  await actions.weight({target: 'node2', factor: 3, by});
  t.is(reason('node2'), `its weight factor is 3 (by ${by}, ${when})`);
  t.like(await actions.drain({target: 'node2', deadlineSeconds: 60, keepClients: false, by}), {since, by});
  t.is(reason('node2'), `by ${by}, ${when}`);
  // In force, but the disk is full.
  t.like(await actions.undrain({target: 'node2', by}), {was: true, unsaved: 'ENOSPC'});
  t.deepEqual(bench.ring(80), ['node2']);
  const details = events.list().flatMap((one) => (one.detail?.endsWith(`, by ${by}`) ? [one.event] : []));
  t.deepEqual(details, ['weight', 'weight', 'drain', 'undrain']);
  for (let sequence = 2; sequence < 20; sequence++) await bench.put(1, sequence, [80]);
  await clock.advance(5000);
  t.is(saves, 4);
});

test('who: the user behind sudo, else the account, else its number', (t) => {
  const account = () => 'root';
  const none = () => {
    throw new Error('no such user');
  };
  t.is(whoAmI({env: {SUDO_USER: 'alice', USER: 'root'}, account, host: 'h'}), 'alice@h');
  t.is(whoAmI({env: {USER: 'eve'}, account, host: 'h'}), 'root@h');
  t.is(whoAmI({env: {USER: 'bob'}, account: none, host: 'h'}), 'bob@h');
  t.is(whoAmI({env: {}, account: none, host: 'h'}), `uid ${process.getuid?.()}@h`);
});
